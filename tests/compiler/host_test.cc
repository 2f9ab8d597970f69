// SPDX-License-Identifier: Apache-2.0
// Networks of which not everything is int8 on the NPU: float ends, segments, uint8, and the cases
// of public models where they are at hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "sw/compiler/compile_network.h"
#include "sw/model/read_model.h"
#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "tests/support/uint8_network.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

/// The network with QUANTIZE before its inputs and DEQUANTIZE behind its outputs.
Model WithFloatEnds(Model model) {
  TfliteWriter writer(model.name);
  writer.model() = model;
  Model& wrapped = writer.model();
  wrapped.inputs.clear();
  wrapped.outputs.clear();
  std::vector<Operator> operators = std::move(wrapped.operators);
  wrapped.operators.clear();
  for (const int32_t input : model.inputs) {
    const int32_t real = writer.Floats(model.tensors[input].shape);
    writer.model().inputs.push_back(real);
    writer.Append(OperatorType::kQuantize, {real}, {input});
  }
  for (Operator& op : operators) wrapped.operators.push_back(std::move(op));
  for (const int32_t output : model.outputs) {
    if (model.tensors[output].type != TensorType::kInt8) {
      writer.Output(output);
      continue;
    }
    const int32_t real = writer.Floats(model.tensors[output].shape);
    writer.Append(OperatorType::kDequantize, {output}, {real});
    writer.Output(real);
  }
  return wrapped;
}

/// Floats around the range of the int8 tensors.
std::vector<std::vector<uint8_t>> FloatInputs(const Model& plain, uint64_t seed) {
  RandomSource random(seed);
  std::vector<std::vector<uint8_t>> inputs;
  for (const int32_t input : plain.inputs) {
    const Tensor& tensor = plain.tensors[input];
    std::vector<uint8_t> bytes(static_cast<size_t>(tensor.elements()) * 4);
    for (size_t i = 0; i < bytes.size(); i += 4) {
      const float value =
          tensor.scale() * static_cast<float>(random.Real(-140, 140) - tensor.zero_point());
      std::memcpy(&bytes[i], &value, 4);
    }
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

TEST(HostOperators, RandomNetworksWithFloatEnds) {
  const NpuConfig configs[] = {ConfigOfShape({8, 8}), GridOfShape({4, 4, 2}, 3)};
  int ran = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const Model plain = MakeRandomNetwork(seed).model;
    const Result<Model> model = ReadTflite(WriteTflite(WithFloatEnds(plain)), "float ends");
    ASSERT_TRUE(model.ok()) << seed << ErrorText(model.errors());
    EXPECT_EQ(CheckNetwork(*model, configs[seed % 2], FloatInputs(plain, seed)), "") << seed;
    ++ran;
  }
  EXPECT_EQ(ran, 40);
}

/// NPU, host, NPU: two segments with the host's operator between them, which needs permission.
TEST(HostOperators, SegmentsOnBothSides) {
  TfliteWriter writer;
  RandomSource random(3);
  const int32_t in = writer.Input({1, 6, 5, 8}, 0.1f, 3);
  const auto conv = [&](int32_t from, float scale) {
    std::vector<int8_t> weights(64);
    for (int8_t& weight : weights) weight = static_cast<int8_t>(random.Integer(-127, 127));
    const int32_t to = writer.Activation({1, 6, 5, 8}, scale, -5);
    writer.Conv2d(from, writer.Weights({8, 1, 1, 8}, weights, {0.01f}), -1, to, ConvOptions{});
    return to;
  };
  const int32_t first = conv(in, 0.2f);
  const int32_t real = writer.Floats({1, 6, 5, 8});
  writer.Append(OperatorType::kDequantize, {first}, {real});
  const int32_t again = writer.Activation({1, 6, 5, 8}, 0.3f, 7);
  writer.Append(OperatorType::kQuantize, {real}, {again});
  const int32_t second = conv(again, 0.25f);
  const int32_t sum = writer.Activation({1, 6, 5, 8}, 0.3f, 0);
  writer.Add(second, first, sum);
  writer.Output(sum);
  const Result<Model> model = ReadTflite(writer.Write(), "segments");
  ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
  const NpuConfig config = ConfigOfShape({8, 8});
  const Result<Network> refused = CompileNetwork(*model, config);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.errors()[0].message.find("1 DEQUANTIZE, 1 QUANTIZE"), std::string::npos)
      << refused.errors()[0].message;
  const Result<Network> network = CompileNetwork(*model, config, {.host_operators = true});
  ASSERT_TRUE(network.ok());
  EXPECT_EQ(network->programs.size(), 2u);
  const Result<Network> read = npugen::ReadNetwork(WriteNetwork(*network));
  ASSERT_TRUE(read.ok());
  EXPECT_TRUE(*read == *network);
  EXPECT_EQ(CheckNetwork(*model, config, MakeRandomInputs(*model, 1)), "");
}

TEST(HostOperators, ANetworkOfInt8IsOneProgram) {
  const NpuConfig config = ConfigOfShape({8, 8});
  const Result<Model> model = ReadTflite(MakeRandomNetwork(5).tflite, "plain");
  ASSERT_TRUE(model.ok());
  const Result<Network> network = CompileNetwork(*model, config);
  ASSERT_TRUE(network.ok());
  const Result<Program> program = Compile(*model, config);
  ASSERT_TRUE(program.ok());
  ASSERT_EQ(network->steps.size(), 1u);
  EXPECT_TRUE(network->programs[0].program == *program);
}

TEST(Uint8, RandomNetworks) {
  const NpuConfig configs[] = {ConfigOfShape({8, 8}), ConfigOfShape({3, 5}),
                               GridOfShape({4, 4, 2}, 3), PresetConfig("edge")};
  for (uint64_t seed = 1; seed <= 80; ++seed) {
    const Uint8Network network = seed <= 40   ? MakeUint8Network(seed)
                                 : seed <= 60 ? MakeUint8ResizeNetwork(seed)
                                              : MakeUint8TailNetwork(seed);
    const Result<Model> model = ReadTflite(network.tflite, "uint8");
    ASSERT_TRUE(model.ok()) << seed << ErrorText(model.errors());
    EXPECT_EQ(CheckNetwork(*model, configs[seed % 4], {MakeUint8Input(network, seed)}), "") << seed;
  }
}

/// ARG_MAX and ARG_MIN to int64, along the last and along other axes.
TEST(Int64, IndicesAreWidened) {
  for (const OperatorType type : {OperatorType::kArgMax, OperatorType::kArgMin}) {
    for (const int32_t axis : {1, 2, 3}) {
      TfliteWriter writer;
      const std::vector<int32_t> shape = {1, 5, 7, 6};
      const int32_t in = writer.Input(shape, 1.0f, 0);
      std::vector<int32_t> rest = shape;
      rest.erase(rest.begin() + axis);
      const int32_t out = writer.Floats(rest);
      writer.model().tensors[out].type = TensorType::kInt64;
      writer.Append(type, {in, writer.Integers({}, {axis})}, {out}, AxisOptions{});
      writer.Output(out);
      const Result<Model> model = ReadTflite(writer.Write(), "indices");
      ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
      for (const NpuConfig& config : {ConfigOfShape({8, 8}), GridOfShape({4, 4}, 3)}) {
        EXPECT_EQ(CheckNetwork(*model, config, MakeRandomInputs(*model, 2)), "") << axis;
      }
    }
  }
}

/// Cases of public models (NPUGEN_SHARED_CASES, or ../shared/cases beside the clone): their right
/// values.
TEST(Cases, GiveTheRightValues) {
  const char* given = std::getenv("NPUGEN_SHARED_CASES");
  const std::string folder = given != nullptr ? given : SourcePath("../shared/cases");
  if (!std::filesystem::exists(folder + "/index.json")) {
    GTEST_SKIP() << "NPUGEN_SHARED_CASES names a folder of cases";
  }
  const std::set<std::string> kinds = {"float-ends",
                                       "shape-arithmetic",
                                       "uint8-activations",
                                       "stateful",
                                       "int16-activations",
                                       "recurrent",
                                       "pe-memory-rows-only",
                                       "unsupported-operator",
                                       "int64-output",
                                       "hardware-error",
                                       "onnx"};
  const NpuConfig edge = PresetConfig("edge"), edge_bnn = PresetConfig("edge_bnn");
  const std::vector<uint8_t> text = ReadBytes(folder + "/index.json");
  int cases = 0;
  for (const nlohmann::json& entry : nlohmann::json::parse(text.begin(), text.end())) {
    const std::string kind = entry["kind"], name = entry["name"];
    if (!kinds.contains(kind)) continue;
    SCOPED_TRACE(name);
    const std::string path = folder + "/" + kind + "/";
    const bool is_onnx = kind == "onnx";
    const NpuConfig& config = is_onnx ? edge_bnn : edge;
    const Result<Model> model = ReadModel(path + name + (is_onnx ? ".onnx" : ".tflite"));
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    ++cases;
    const int steps = entry.value("steps", 0);  // one case has no values
    CompileOptions options;
    options.host_operators = true;
    const Result<Network> network = CompileNetwork(*model, config, options);
    ASSERT_TRUE(network.ok()) << ErrorText(network.errors());
    std::vector<uint64_t> arena;
    std::vector<std::vector<std::vector<uint8_t>>> runs;
    for (int step = 0; step < steps; ++step) {
      const auto part = [&](const std::string& file) {
        const std::vector<uint8_t> bytes = ReadBytes(path + file);
        const auto size = static_cast<ptrdiff_t>(bytes.size()) / steps;
        return std::vector<uint8_t>(bytes.begin() + step * size, bytes.begin() + (step + 1) * size);
      };
      std::vector<std::vector<uint8_t>> inputs;
      for (const nlohmann::json& input : entry["inputs"]) inputs.push_back(part(input["file"]));
      std::string error;
      const auto tensors = RunNetwork(*network, config, inputs, &error, &arena);
      ASSERT_EQ(error, "");
      for (size_t i = 0; i < network->output_count; ++i) {
        EXPECT_EQ(tensors[network->outputs()[i].tensor], part(entry["outputs"][i]["file"]))
            << "step " << step;
      }
      runs.push_back(std::move(inputs));
    }
    if (steps > 0) {
      EXPECT_EQ(CheckNetworkRuns(*model, config, runs), "");
    }
  }
  EXPECT_GE(cases, 26);
}

/// Every .tflite file of a folder that is accepted, smallest first, against the golden model:
/// NPUGEN_PUBLIC_MODELS is the folder, NPUGEN_PUBLIC_SPEC edge or nano, NPUGEN_PUBLIC_SECONDS after
/// which no more are begun.
TEST(PublicModels, EqualTheGoldenModel) {
  const char* folder = std::getenv("NPUGEN_PUBLIC_MODELS");
  if (folder == nullptr)
    GTEST_SKIP() << "public models have licences of their own and are not in the project: "
                    "NPUGEN_PUBLIC_MODELS names a folder of them";
  const char* spec = std::getenv("NPUGEN_PUBLIC_SPEC");
  const char* seconds = std::getenv("NPUGEN_PUBLIC_SECONDS");
  const NpuConfig config = PresetConfig(spec != nullptr ? spec : "edge");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(seconds != nullptr ? std::atoi(seconds) : 3600);
  std::vector<std::pair<uintmax_t, std::string>> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".tflite") {
      files.emplace_back(entry.file_size(), entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  int equal = 0, refused = 0, left = 0;
  for (const auto& [size, path] : files) {
    if (std::chrono::steady_clock::now() > end) {
      ++left;
      continue;
    }
    const Result<Model> model = ReadModel(path);
    CompileOptions options;
    options.host_operators = true;
    if (!model.ok() || !CompileNetwork(*model, config, options).ok()) {
      ++refused;
      continue;
    }
    const std::string wrong = CheckNetwork(*model, config, MakeRandomInputs(*model, 1));
    EXPECT_EQ(wrong, "") << path;
    equal += wrong.empty() ? 1 : 0;
    std::printf("%d equal, %s\n", equal, path.c_str());
    std::fflush(stdout);
  }
  std::printf("%d equal, %d refused, %d not run\n", equal, refused, left);
}

}  // namespace
}  // namespace npugen::testing
