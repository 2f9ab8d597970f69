// The golden model against TFLM's results for whole networks and single operators, every tensor.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/reference_fill.h"
#include "tests/support/sha256.h"
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

// Families that have to be accepted and computed exactly, with their number of cases. An index that
// lacks one of them, or one of its cases, fails the test.
struct Family {
  const char* name;
  int cases;
  friend std::ostream& operator<<(std::ostream& out, const Family& family) {
    return out << family.name;
  }
};
constexpr Family kFamilies[] = {{"conv_2d", 21},
                                {"depthwise_conv_2d", 12},
                                {"fully_connected", 10},
                                {"transpose_conv", 5},
                                {"batch_matmul", 7},
                                {"add", 9},
                                {"sub", 9},
                                {"mul", 9},
                                {"maximum", 3},
                                {"minimum", 3},
                                {"squared_difference", 3},
                                {"add_n", 2},
                                {"max_pool_2d", 9},
                                {"average_pool_2d", 9},
                                {"mean", 7},
                                {"sum", 5},
                                {"reduce_max", 5},
                                {"reduce_min", 5},
                                {"arg_max", 3},
                                {"arg_min", 3},
                                {"softmax", 9},
                                {"logistic", 4},
                                {"tanh", 4},
                                {"hard_swish", 4},
                                {"elu", 3},
                                {"leaky_relu", 4},
                                {"prelu", 3},
                                {"relu", 3},
                                {"relu6", 3},
                                {"abs", 3},
                                {"rsqrt", 3},
                                {"quantize", 9},
                                {"concatenation", 4},
                                {"pad", 4},
                                {"padv2", 4},
                                {"mirror_pad", 2},
                                {"reshape", 3},
                                {"squeeze_expand", 2},
                                {"transpose", 4},
                                {"reverse_v2", 2},
                                {"slice", 3},
                                {"strided_slice", 4},
                                {"split", 3},
                                {"split_v", 2},
                                {"pack", 2},
                                {"unpack", 2},
                                {"space_to_depth", 2},
                                {"depth_to_space", 2},
                                {"space_to_batch_nd", 3},
                                {"batch_to_space_nd", 3},
                                {"resize_nearest_neighbor", 8},
                                {"resize_bilinear", 8},
                                {"int4_weights", 7},
                                {"networks", 40}};

// Families that are refused: another operator, or 16-bit activations.
bool IsRefused(const std::string& family) {
  static const std::set<std::string> names = {"dequantize", "log_softmax", "l2_normalization",
                                              "gather"};
  return names.contains(family) || family.ends_with("_16") || family.ends_with("_16x8");
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

INSTANTIATE_TEST_SUITE_P(Shared, NetworkTest,
                         ::testing::Values("resnet8_cifar10", "kws_dscnn", "vww_mobilenet",
                                           "ad_autoencoder", "streaming_ww", "micro_speech",
                                           "hello_world", "mobilenet_v2_160_035",
                                           "mobilenet_v2_224", "hps_320x240"),
                         [](const auto& info) { return std::string(info.param); });

class OperatorFamilyTest : public ReferenceTest, public ::testing::WithParamInterface<Family> {};

TEST_P(OperatorFamilyTest, EveryCaseAgrees) {
  const std::string folder = folder_ + "/ops/" + GetParam().name + "/";
  const json index = ReadJson(folder + "index.json");
  const std::vector<uint8_t> all_inputs = ReadBytes(folder + index["inputs"].get<std::string>());
  const std::vector<uint8_t> all_outputs = ReadBytes(folder + index["outputs"].get<std::string>());
  int ran = 0, vectors = 0, tensors = 0;
  for (const json& entry : index["cases"]) {
    const std::string name = entry["name"];
    Result<Model> model = LoadTflite(folder + entry["model"].get<std::string>());
    ASSERT_TRUE(model.ok()) << name << ": " << FormatDiagnostic(model.errors()[0], false);
    ASSERT_EQ(model->operators.size(), entry["ops"].size());
    for (size_t i = 0; i < model->operators.size(); ++i) {
      EXPECT_EQ(model->operators[i].name, entry["ops"][i]["op"]) << name;
    }
    for (const Operator& op : model->operators) {
      if (const auto* options = std::get_if<BatchSpaceOptions>(&op.options)) {
        EXPECT_EQ(options->value, model->tensors[op.outputs[0]].zero_point()) << name;
      }
    }
    testing::PadAsTheReferenceDid(*model);
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
    vectors += vector;
    ++ran;
  }
  EXPECT_EQ(ran, GetParam().cases);
  std::printf("%s: %d models, %d runs, %d tensors agree\n", GetParam().name, ran, vectors, tensors);
}

INSTANTIATE_TEST_SUITE_P(Shared, OperatorFamilyTest, ::testing::ValuesIn(kFamilies),
                         [](const auto& info) { return std::string(info.param.name); });

// Every family of the index is either required or refused with every model of it.
TEST_F(ReferenceTest, ModelsOfOtherFamiliesAreRefused) {
  std::set<std::string> required;
  for (const Family& family : kFamilies) required.insert(family.name);
  int refused = 0;
  const json families = ReadJson(folder_ + "/ops/index.json");
  for (const json& family : families["families"]) {
    const std::string name = family["family"];
    if (required.erase(name) > 0) continue;
    EXPECT_TRUE(IsRefused(name)) << "family " << name << " is in no list";
    const json index = ReadJson(folder_ + "/ops/" + name + "/index.json");
    for (const json& entry : index["cases"]) {
      const std::string path = folder_ + "/ops/" + name + "/" + entry["model"].get<std::string>();
      const Result<Model> model = LoadTflite(path);
      ASSERT_FALSE(model.ok()) << path;
      const std::string start =
          "operator 0 " + entry["ops"][0]["op"].get<std::string>();  // the index names it
      bool named = false;
      for (const Diagnostic& error : model.errors()) {
        EXPECT_EQ(ExitStatus(error.code), 4) << path;
        named |= error.message.starts_with(start);
      }
      EXPECT_TRUE(named) << path;
      ++refused;
    }
  }
  EXPECT_TRUE(required.empty()) << "the index lacks family " << *required.begin();
  EXPECT_GT(refused, 40);
  std::printf("%d models refused\n", refused);
}

}  // namespace
}  // namespace npugen
