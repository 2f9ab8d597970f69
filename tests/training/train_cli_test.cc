// SPDX-License-Identifier: Apache-2.0
// npugen train as users call it: bad input is refused by place and reason before anything is
// built, and a checkpoint that is refused stays as it is.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/generator/support.h"
#include "verif/session/training_session.h"

namespace npugen {
namespace {

using testing::kSourceDir;
using testing::ProgramResult;

const std::filesystem::path kDigits = kSourceDir / "models/digits/train";

class TrainCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("npugen_train_{}_{}", getpid(),
                          ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  /// `npugen train` with these files instead of those of the digits.
  ProgramResult Train(const std::string& more = "") const {
    return testing::RunShell(fmt::format("{} train {} {} --config {} --data {} --labels {} {} {}",
                                         NPUGEN_PROGRAM,
                                         (kSourceDir / "specs/edge_float.yaml").string(), model_,
                                         config_, data_, labels_, bytes_, more));
  }
  static void ExpectRefused(const ProgramResult& result, int status, const std::string& code,
                            const std::string& place, const std::string& reason) {
    EXPECT_EQ(result.status, status) << result.err;
    for (const std::string& part : {code, place, reason}) {
      EXPECT_NE(result.err.find(part), std::string::npos) << part << " in: " << result.err;
    }
  }
  static std::string Digits(const std::string& name) { return testing::ReadFile(kDigits / name); }

  std::filesystem::path folder_;
  std::string model_ = (kDigits / "digits_mlp.onnx").string();
  std::string config_ = (kDigits / "mlp.yaml").string();
  std::string data_ = (kDigits / "images.bin").string();
  std::string labels_ = (kDigits / "labels.bin").string();
  std::string bytes_ = "--bytes 16";
};

TEST_F(TrainCli, Data) {
  data_ = Write("cut.bin", Digits("images.bin").substr(0, 1000));
  ExpectRefused(Train(), 4, "M151", "cut.bin", "1000 bytes");
  data_ = Write("empty.bin", "");
  ExpectRefused(Train(), 4, "M151", "empty.bin", "0 bytes");
  data_ = Write("few.bin", Digits("images.bin").substr(0, 640));
  ExpectRefused(Train(), 4, "M151", "labels.bin", "1437 labels");
  std::vector<float> numbers(2 * 64, 0.5f);
  numbers[64 + 7] = std::nanf("");
  std::string text(4 * numbers.size(), '\0');
  std::memcpy(text.data(), numbers.data(), text.size());
  data_ = Write("nan.bin", text);
  labels_ = Write("two.bin", std::string(2, '\1'));
  bytes_.clear();
  ExpectRefused(Train(), 4, "M151", "nan.bin", "number 7 of image 1 is not finite");
}

TEST_F(TrainCli, Labels) {
  std::string labels = Digits("labels.bin");
  labels[5] = 10;
  labels_ = Write("labels.bin", labels);
  ExpectRefused(Train(), 4, "M151", "labels.bin", "label 5 is 10");
  labels_ = (folder_ / "nowhere.bin").string();
  EXPECT_NE(Train().status, 0);
}

TEST_F(TrainCli, Configuration) {
  config_ = Write("zero.yaml", "batch: 4\nlearning_rate: 0\n");
  ExpectRefused(Train(), 3, "S1", "zero.yaml:2:16", "learning_rate");
  config_ = Write("minus.yaml", "learning_rate: -0.1\n");
  ExpectRefused(Train(), 3, "S1", "minus.yaml:1:16", "learning_rate");
  config_ = Write("frozen.yaml", "frozen: [nothing]\n");
  ExpectRefused(Train(), 3, "S150", "frozen.yaml", "nothing");
}

TEST_F(TrainCli, OperatorWithoutGradient) {
  std::string model = Digits("digits_mlp.onnx");
  const size_t at = model.find("Relu");
  ASSERT_NE(at, std::string::npos);
  model_ = Write("tanh.onnx", model.replace(at, 4, "Tanh"));
  ExpectRefused(Train(), 4, "M150", "tanh.onnx", "Tanh");
}

TEST_F(TrainCli, CheckpointsStayAsTheyAre) {
  TrainingState state;
  state.step = 3;
  state.losses = {3, 2, 1};
  state.bytes.resize(100);
  const std::vector<uint8_t> whole = WriteCheckpoint(state, 1);
  const std::string text(whole.begin(), whole.end());
  std::string damaged = text;
  damaged[70] ^= 1;
  for (const auto& [name, bytes, reason] :
       {std::tuple<std::string, std::string, std::string>{"other", text, "of another training"},
        {"damaged", damaged, "damaged"},
        {"cut", text.substr(0, 80), "cut off or damaged"},
        {"none", "no checkpoint", "no checkpoint"}}) {
    const std::string path = Write(name, bytes);
    ExpectRefused(Train("--resume --checkpoint " + path), 4, "M151", name, reason);
    EXPECT_EQ(testing::ReadFile(path), bytes);
  }
}

TEST(Checkpoint, IsReadAsItWasWrittenOrNotAtAll) {
  TrainingState state;
  state.step = 7, state.changes = 5, state.good = 2;
  state.loss_scale = 0.5f;
  state.losses = {3, 2};
  state.bytes = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<uint8_t> whole = WriteCheckpoint(state, 42);
  const Result<TrainingState> read = ReadCheckpoint(whole, "c", 42);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(WriteCheckpoint(*read, 42), whole);
  EXPECT_FALSE(ReadCheckpoint(whole, "c", 43).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(
        ReadCheckpoint({whole.begin(), whole.begin() + static_cast<int64_t>(size)}, "c", 42).ok());
  }
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::vector<uint8_t> damaged = whole;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(ReadCheckpoint(damaged, "c", 42).ok()) << bit;
  }
}

}  // namespace
}  // namespace npugen
