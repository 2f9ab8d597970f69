// The golden model against TFLM's results for whole networks and single operators, every tensor.
#include <fmt/printf.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/sha256.h"
#include "tests/support/tflite_cut.h"
#include "verif/golden/golden_model.h"

namespace npugen {
namespace {

using nlohmann::json;
using testing::ReadBytes;
using testing::Sha256;

constexpr size_t kShortDigest = 16;

json ReadJson(const std::string& path) {
  std::ifstream stream(path);
  return json::parse(stream);
}

const std::set<std::string>& SupportedOperators() {
  static const std::set<std::string> names = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED",
                                              "ADD",     "MAX_POOL_2D",       "AVERAGE_POOL_2D",
                                              "MEAN",    "RESHAPE",           "PAD",
                                              "SOFTMAX"};
  return names;
}

// Operators of an index that the reader has to refuse by their kind, as messages begin.
std::vector<std::string> UnsupportedOperators(const json& index) {
  std::vector<std::string> texts;
  int number = 0;
  for (const json& op : index["ops"]) {
    const std::string name = op["op"];
    if (!SupportedOperators().contains(name)) {
      texts.push_back("operator " + std::to_string(number) + " " + name + " is not supported");
    }
    ++number;
  }
  return texts;
}

std::vector<std::string> RefusedOperators(const Diagnostics& errors) {
  std::vector<std::string> texts;
  for (const Diagnostic& error : errors) {
    if (error.code == DiagnosticCode::kOperatorNotSupported) texts.push_back(error.message);
  }
  return texts;
}

class ReferenceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::SharedModelsFolder();
    if (folder_.empty()) {
      GTEST_SKIP() << "no reference networks: set NPUGEN_SHARED_MODELS to their folder";
    }
  }
  std::string folder_;
};

class NetworkTest : public ReferenceTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(NetworkTest, EveryTensorOfEveryCaseAgrees) {
  const std::string folder = folder_ + "/" + GetParam() + "/";
  const json index = ReadJson(folder + "index.json");
  const Result<Model> model = LoadTflite(folder + "model.tflite");
  const std::vector<std::string> unsupported = UnsupportedOperators(index);
  if (!unsupported.empty()) {
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(RefusedOperators(model.errors()), unsupported);
    std::printf("refused: %zu operators of %zu\n", unsupported.size(), index["ops"].size());
    return;
  }
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  const GoldenModel golden(*model);
  int tensors = 0;
  int cases = 0;
  for (const json& entry : index["cases"]) {
    std::vector<std::vector<uint8_t>> inputs;
    for (const json& input : entry["inputs"]) {
      inputs.push_back(ReadBytes(folder + input["file"].get<std::string>()));
    }
    const Result<TensorBytes> run = golden.Run(inputs);
    ASSERT_TRUE(run.ok()) << FormatDiagnostic(run.errors()[0], false);
    for (const auto& [number, digest] : entry["tensor_sha256_16"].items()) {
      EXPECT_EQ(Sha256((*run)[std::stoi(number)]).substr(0, kShortDigest), digest)
          << entry["case"] << ", tensor " << number << " \""
          << model->tensors[std::stoi(number)].name << '"';
      ++tensors;
    }
    for (const json& output : entry["outputs"]) {
      EXPECT_EQ((*run)[output["tensor"].get<int>()],
                ReadBytes(folder + output["file"].get<std::string>()));
    }
    ++cases;
  }
  EXPECT_GT(tensors, 0);
  std::printf("%d tensors of %d cases agree\n", tensors, cases);
}

class PartialNetworkTest : public ReferenceTest,
                           public ::testing::WithParamInterface<const char*> {};

// Networks with unsupported operators: every stretch of supported ones, fed with reference tensors.
TEST_P(PartialNetworkTest, EveryTensorOfTheSupportedStretchesAgrees) {
  const std::string folder = folder_ + "/" + GetParam() + "/";
  const json index = ReadJson(folder + "index.json");
  const std::vector<uint8_t> file = ReadBytes(folder + "model.tflite");
  const json& ops = index["ops"];
  int tensors = 0;
  int stretches = 0;
  double seconds = 0;
  for (const json& entry : index["cases"]) {
    if (!entry.contains("layers")) continue;
    for (size_t first = 0; first < ops.size();) {
      size_t end = first;
      while (end < ops.size() && SupportedOperators().contains(ops[end]["op"])) ++end;
      if (end == first) {
        ++first;
        continue;
      }
      std::set<int32_t> known;  // constants and what the stretch produces
      for (const json& tensor : index["tensors"]) {
        if (tensor["kind"] == "const") known.insert(tensor["index"].get<int32_t>());
      }
      std::vector<int32_t> inputs;
      for (size_t i = first; i < end; ++i) {
        for (int32_t tensor : ops[i]["inputs"]) {
          if (tensor >= 0 && known.insert(tensor).second) inputs.push_back(tensor);
        }
        for (int32_t tensor : ops[i]["outputs"]) known.insert(tensor);
      }
      const std::vector<int32_t> outputs = ops[end - 1]["outputs"];
      const Result<Model> model =
          ReadTflite(testing::CutTflite(file, static_cast<int32_t>(first),
                                        static_cast<int32_t>(end - first), inputs, outputs),
                     GetParam());
      ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
      std::vector<std::vector<uint8_t>> data;
      for (int32_t tensor : inputs) {
        const bool given = entry["inputs"][0]["tensor"] == tensor;
        data.push_back(
            ReadBytes(folder + (given ? entry["inputs"][0]["file"].get<std::string>()
                                      : fmt::sprintf(entry["layers"].get<std::string>(), tensor))));
      }
      const GoldenModel golden(*model);
      const auto start = std::chrono::steady_clock::now();
      const Result<TensorBytes> run = golden.Run(data);
      seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      ASSERT_TRUE(run.ok()) << FormatDiagnostic(run.errors()[0], false);
      for (const Operator& op : model->operators) {
        const int32_t tensor = op.outputs[0];
        EXPECT_EQ(Sha256((*run)[tensor]).substr(0, kShortDigest),
                  entry["tensor_sha256_16"][std::to_string(tensor)])
            << "operator " << first + op.index << ", tensor " << tensor;
        ++tensors;
      }
      ++stretches;
      first = end;
    }
  }
  EXPECT_GT(tensors, 50);
  std::printf("%d tensors in %d stretches agree (%.2f s)\n", tensors, stretches, seconds);
}

INSTANTIATE_TEST_SUITE_P(Shared, PartialNetworkTest,
                         ::testing::Values("mobilenet_v2_160_035", "mobilenet_v2_224",
                                           "hps_320x240"),
                         [](const auto& info) { return std::string(info.param); });

INSTANTIATE_TEST_SUITE_P(Shared, NetworkTest,
                         ::testing::Values("resnet8_cifar10", "kws_dscnn", "vww_mobilenet",
                                           "ad_autoencoder", "streaming_ww", "micro_speech",
                                           "hello_world", "mobilenet_v2_160_035",
                                           "mobilenet_v2_224", "hps_320x240"),
                         [](const auto& info) { return std::string(info.param); });

class OperatorFamilyTest : public ReferenceTest,
                           public ::testing::WithParamInterface<const char*> {};

TEST_P(OperatorFamilyTest, EveryCaseAgreesOrIsRefusedWithReason) {
  const std::string folder = folder_ + "/ops/" + GetParam() + "/";
  const json index = ReadJson(folder + "index.json");
  const std::vector<uint8_t> all_inputs = ReadBytes(folder + index["inputs"].get<std::string>());
  const std::vector<uint8_t> all_outputs = ReadBytes(folder + index["outputs"].get<std::string>());
  int ran = 0, tensors = 0;
  std::vector<std::string> refused;
  for (const json& entry : index["cases"]) {
    const std::string name = entry["name"];
    const Result<Model> model = LoadTflite(folder + entry["model"].get<std::string>());
    const std::vector<std::string> unsupported = UnsupportedOperators(entry);
    if (!model.ok()) {
      EXPECT_EQ(RefusedOperators(model.errors()), unsupported) << name;
      for (const Diagnostic& error : model.errors()) EXPECT_EQ(ExitStatus(error.code), 4) << name;
      if (unsupported.empty()) {  // only additions that broadcast or add a constant
        for (const Diagnostic& error : model.errors()) {
          EXPECT_NE(error.message.find(" ADD: "), std::string::npos)
              << name << ": " << error.message;
        }
      }
      refused.push_back(name + ": " + model.errors()[0].message);
      continue;
    }
    EXPECT_TRUE(unsupported.empty()) << name;
    const GoldenModel golden(*model);
    size_t in = entry["input_offset"];
    size_t out = entry["output_offset"];
    int vector = 0;
    for (const json& kind : entry["vectors"]) {
      std::vector<std::vector<uint8_t>> inputs;
      for (int32_t tensor : model->inputs) {
        const size_t size = model->tensors[tensor].bytes();
        inputs.emplace_back(all_inputs.begin() + in, all_inputs.begin() + in + size);
        in += size;
      }
      const Result<TensorBytes> run = golden.Run(inputs);
      ASSERT_TRUE(run.ok());
      for (int32_t tensor : model->outputs) {
        const size_t size = model->tensors[tensor].bytes();
        const std::vector<uint8_t> expected(all_outputs.begin() + out,
                                            all_outputs.begin() + out + size);
        EXPECT_EQ((*run)[tensor], expected) << name << ", vector " << vector << " (" << kind << ")";
        out += size;
        ++tensors;
      }
      if (entry.contains("tensor_sha256")) {
        for (const auto& [number, digest] : entry["tensor_sha256"][vector].items()) {
          EXPECT_EQ(Sha256((*run)[std::stoi(number)]), digest) << name << ", tensor " << number;
          ++tensors;
        }
      }
      ++vector;
    }
    EXPECT_EQ(in, entry["input_offset"].get<size_t>() + entry["input_bytes"].get<size_t>()) << name;
    EXPECT_EQ(out, entry["output_offset"].get<size_t>() + entry["output_bytes"].get<size_t>())
        << name;
    ++ran;
  }
  EXPECT_GT(ran, 0);
  std::printf("%s: %d models, %d tensors agree; %zu models refused\n", GetParam(), ran, tensors,
              refused.size());
  for (const std::string& text : refused) std::printf("  %s\n", text.c_str());
}

INSTANTIATE_TEST_SUITE_P(Shared, OperatorFamilyTest,
                         ::testing::Values("conv_2d", "depthwise_conv_2d", "fully_connected", "add",
                                           "max_pool_2d", "average_pool_2d", "mean", "reshape",
                                           "pad", "softmax", "networks"),
                         [](const auto& info) { return std::string(info.param); });

// Every model of every other family has to be refused, and nothing else may happen.
TEST_F(ReferenceTest, ModelsOfOtherFamiliesAreRefused) {
  static const std::set<std::string> accepted = {"conv_2d", "depthwise_conv_2d", "fully_connected",
                                                 "add",     "max_pool_2d",       "average_pool_2d",
                                                 "mean",    "reshape",           "pad",
                                                 "softmax", "networks"};
  int refused = 0;
  const json families = ReadJson(folder_ + "/ops/index.json");
  for (const json& family : families["families"]) {
    const std::string name = family["family"];
    if (accepted.contains(name)) continue;
    const json index = ReadJson(folder_ + "/ops/" + name + "/index.json");
    for (const json& entry : index["cases"]) {
      const std::string path = folder_ + "/ops/" + name + "/" + entry["model"].get<std::string>();
      const Result<Model> model = LoadTflite(path);
      ASSERT_FALSE(model.ok()) << path;
      for (const Diagnostic& error : model.errors()) EXPECT_EQ(ExitStatus(error.code), 4) << path;
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
  std::printf("%d models refused\n", refused);
}

}  // namespace
}  // namespace npugen
