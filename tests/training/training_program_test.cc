// SPDX-License-Identifier: Apache-2.0
// Programs of steps on the functional model: every tensor and the state as the golden trainer has
// them, over several steps, for networks of all kinds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "generator/config/load.h"
#include "sw/training/compile_training.h"
#include "tests/training/random_networks.h"
#include "tests/training/shared_digits.h"
#include "verif/functional/functional_model.h"

namespace npugen::training {
namespace {

NpuConfig EdgeFloat() {
  Result<NpuConfig> config = LoadSpec(npugen::testing::SourcePath("specs/edge_float.yaml"));
  EXPECT_TRUE(config.ok());
  return std::move(*config);
}

/// A training on the functional model.
class FunctionalTraining {
 public:
  FunctionalTraining(const NpuConfig& config, const Network& network, const TrainingConfig& how)
      : model_(config) {
    TrainingOptions options;
    options.keep_tensors = true;
    Result<TrainingProgram> program = CompileTraining(config, network, how, options);
    // A network too large is no failure: another test looks at what is said about it.
    if (!program && program.errors().front().code == DiagnosticCode::kFloatMemory) return;
    if (!program) {
      ADD_FAILURE() << FormatDiagnostic(program.errors().front(), false);
      return;
    }
    program_ = std::move(*program);
    std::vector<std::vector<float>> values;
    for (const Parameter& parameter : network.parameters) values.push_back(parameter.initial);
    output_.resize(program_.program.output_bytes);
    const std::vector<uint8_t> state = MakeState(program_, values);
    std::copy(state.begin(), state.end(), output_.begin() + program_.state.first);
    scratch_.resize(program_.program.scratch_bytes);
  }

  const TrainingProgram& program() const { return program_; }

  void Step(const std::vector<uint16_t>& images, const std::vector<uint16_t>& targets,
            const std::vector<uint8_t>& programs) {
    const Program& program = program_.program;
    std::vector<uint8_t> input(program.input_bytes);
    const auto put = [&](size_t number, const void* data, size_t bytes) {
      ASSERT_EQ(bytes, program.inputs[number].bytes);
      std::memcpy(input.data() + program.inputs[number].offset, data, bytes);
    };
    put(0, images.data(), 2 * images.size());
    put(1, targets.data(), 2 * targets.size());
    put(2, programs.data(), programs.size());
    // Nothing of a step before is left in the NPU.
    model_.Poison(++seed_);
    FunctionalJobOptions options;
    options.seed = seed_;
    std::vector<uint8_t> image = program.image;
    const FunctionalJobResult result =
        model_.Run({FunctionalWindow{image, 0x10000}, FunctionalWindow{scratch_, 0x200000},
                    FunctionalWindow{input, 0x400000}, FunctionalWindow{output_, 0x600000}},
                   program.cold_offset, options);
    ASSERT_TRUE(result.ok()) << result.detail;
  }

  std::vector<uint16_t> Outputs() const {
    std::vector<uint16_t> codes(program_.program.outputs[0].bytes / 2);
    std::memcpy(codes.data(), output_.data(), 2 * codes.size());
    return codes;
  }
  std::vector<uint16_t> Kept(const KeptTensor& tensor) const {
    std::vector<uint16_t> codes;
    for (int64_t i = 0; i < tensor.rows * tensor.columns; ++i) {
      const int64_t at = i / tensor.columns * tensor.pitch + i % tensor.columns;
      uint16_t code;
      std::memcpy(&code, scratch_.data() + tensor.offset + 2 * at, 2);
      codes.push_back(code);
    }
    return codes;
  }
  std::vector<std::vector<float>> Weights() const {
    return WeightsOf(program_, {output_.begin() + program_.state.first, output_.end()});
  }

 private:
  FunctionalModel model_;
  TrainingProgram program_;
  std::vector<uint8_t> output_, scratch_;
  uint64_t seed_ = 0;
};

std::vector<uint8_t> ProgramsOf(const TrainingProgram& program, const TrainingConfig& how,
                                int64_t steps) {
  std::vector<uint8_t> bytes = program.vector_programs;
  SetStepNumbers(program, how, steps, &bytes);
  return bytes;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), 4 * a.size()) == 0;
}

/// What differs; nothing if nothing does.
std::string Differences(const std::vector<uint16_t>& codes, const std::vector<uint16_t>& expected) {
  if (codes.size() != expected.size()) {
    return fmt::format("{} codes instead of {}", codes.size(), expected.size());
  }
  std::string text;
  int count = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    if (codes[i] == expected[i] || ++count > 20) continue;
    text += fmt::format("{}: {:04x} instead of {:04x}; ", i, codes[i], expected[i]);
  }
  return text.empty() ? text : fmt::format("{} of {}: {}", count, codes.size(), text);
}

/// Infinities, NaN, the largest numbers and subnormal ones in BF16.
constexpr uint16_t kSpecial[] = {0x7f80, 0xff80, 0x7fc0, 0xffc1, 0x7f7f, 0xff7f, 0x0001, 0x8003};

/// Steps of random data on both; with `special` some of them are infinite or NaN. False where the
/// network is too large.
bool Compare(const NpuConfig& config, const Network& network, const TrainingConfig& how,
             int64_t steps, uint64_t seed, bool special = false) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  FunctionalTraining training(config, network, how);
  if (training.program().program.image.empty()) return false;
  GoldenTrainer golden(network, how, config.simd / 2);
  const auto run = [&](int64_t step) {
    std::vector<uint16_t> images, targets;
    for (int64_t i = 0; i < how.batch * network.input.elements(); ++i) {
      images.push_back(random() % 4 == 0 ? uint16_t{0} : Digits::Code(normal(random)));
      if (special && random() % 16 == 0) images.back() = kSpecial[random() % std::size(kSpecial)];
    }
    const int64_t outputs = network.output().channels;
    for (int64_t i = 0; i < how.batch; ++i) {
      const auto label = static_cast<int64_t>(random() % static_cast<uint64_t>(outputs));
      for (int64_t c = 0; c < outputs; ++c) {
        targets.push_back(how.loss == Loss::kMeanSquaredError ? Digits::Code(normal(random))
                                                              : Digits::Code(c == label ? 1 : 0));
      }
    }
    const std::vector<uint16_t> expected = golden.Step(images, targets);
    training.Step(images, targets, ProgramsOf(training.program(), how, step + 1));
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_EQ(Differences(training.Outputs(), expected), "") << "outputs, step " << step;
    for (const KeptTensor& kept : training.program().kept) {
      ASSERT_EQ(Differences(training.Kept(kept), golden.tensors().at(kept.name)), "")
          << kept.name << ", step " << step;
    }
    const auto weights = training.Weights();
    for (size_t p = 0; p < weights.size(); ++p) {
      ASSERT_TRUE(SameBits(weights[p], golden.weights()[p]))
          << network.parameters[p].name << ", step " << step;
    }
  };
  for (int64_t step = 0; step < steps && !::testing::Test::HasFailure(); ++step) run(step);
  return true;
}

TEST(TrainingProgram, PerceptronAndItsOptimizers) {
  const NpuConfig config = EdgeFloat();
  for (const Optimizer optimizer : {Optimizer::kSgd, Optimizer::kMomentum, Optimizer::kAdamW}) {
    for (const float scale : {1.f, 64.f}) {
      SCOPED_TRACE(fmt::format("{} {}", static_cast<int>(optimizer), scale));
      NetworkMaker maker({1, 1, 20}, 3);
      maker.Dense(18, true).Dense(7, true, false).Dense(5, false);
      TrainingConfig how;
      how.batch = 12;
      how.rate = 0.05f;
      how.optimizer = optimizer;
      how.loss_scale = scale;
      EXPECT_TRUE(Compare(config, maker.network(), how, 3, 11));
    }
  }
}

// Weights that fill more than half of core memory, or more than all of it, with biases beside them.
TEST(TrainingProgram, WeightsLargerThanCoreMemory) {
  std::string text;
  for (const uint8_t c :
       npugen::testing::ReadBytes(npugen::testing::SourcePath("specs/edge_float.yaml"))) {
    text += static_cast<char>(c);
  }
  const std::string memory = "memory: 64 KiB";
  text.replace(text.find(memory), memory.size(), "memory: 16 KiB");
  const Result<NpuConfig> config = LoadSpecText(text, "small_core.yaml");
  ASSERT_TRUE(config.ok());
  TrainingConfig how;
  how.batch = 20;
  for (const int64_t inputs : {40, 80, 120}) {
    NetworkMaker half({1, 1, inputs}, 21);
    half.Dense(400, true).Dense(5, false);
    Compare(*config, half.network(), how, 2, 22);
  }
  NetworkMaker parts({1, 1, 600}, 23);
  parts.Dense(24, true).Dense(5, false);
  Compare(*config, parts.network(), how, 2, 24);
}

TEST(TrainingProgram, ConvolutionsAndPools) {
  const NpuConfig config = EdgeFloat();
  NetworkMaker maker({8, 8, 1}, 4);
  maker.Convolution(8, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2);
  maker.Convolution(16, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2).Dense(10, false);
  TrainingConfig how;
  how.batch = 4;
  how.optimizer = Optimizer::kMomentum;
  EXPECT_TRUE(Compare(config, maker.network(), how, 2, 12));
}

/// Networks of these seeds, until one fails; most of them fit.
void CompareRandomNetworks(const NpuConfig& config, uint64_t first, uint64_t count, bool special) {
  uint64_t compared = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    std::mt19937_64 random(seed);
    const Network network = RandomNetwork(random);
    const TrainingConfig how = RandomTraining(random);
    SCOPED_TRACE(fmt::format("seed {}\n{}", seed, Description(network, how)));
    compared += Compare(config, network, how, 2, seed, special);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(10 * compared, 8 * count);
}

/// `edge_float` with some keys changed.
NpuConfig OtherSpec(const std::vector<SpecChange>& changes) {
  Result<NpuConfig> config =
      LoadSpec(npugen::testing::SourcePath("specs/edge_float.yaml"), changes);
  if (!config) {
    ADD_FAILURE() << FormatDiagnostic(config.errors().front(), false);
    return EdgeFloat();
  }
  return std::move(*config);
}

// The less memory there is, the later things come into it: the bits stay.
TEST(TrainingProgram, MemoryDecidesWhatComesAhead) {
  NetworkMaker maker({8, 8, 1}, 4);
  maker.Convolution(8, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2);
  maker.Convolution(16, 3, 3, 1, 1, 1, 1, true).Dense(24, true).Dense(10, false);
  TrainingConfig how;
  how.batch = 8;
  how.optimizer = Optimizer::kMomentum;
  std::set<int64_t> used;
  for (const char* memory : {"256 KiB", "128 KiB", "112 KiB", "96 KiB", "88 KiB", "80 KiB",
                             "72 KiB", "64 KiB", "56 KiB", "48 KiB", "40 KiB"}) {
    SCOPED_TRACE(memory);
    const NpuConfig config = OtherSpec({{"pe.memory", memory}});
    if (!Compare(config, maker.network(), how, 2, 31)) continue;
    const Result<TrainingProgram> program = CompileTraining(config, maker.network(), how);
    ASSERT_TRUE(program.ok());
    used.insert(program->memory_bytes);
  }
  EXPECT_GE(used.size(), 4u);
}

TEST(TrainingProgram, RandomNetworks) { CompareRandomNetworks(EdgeFloat(), 1, 120, false); }

TEST(TrainingProgram, InfinitiesAndNaN) { CompareRandomNetworks(EdgeFloat(), 1000, 40, true); }

TEST(TrainingProgram, OtherSpecs) {
  const std::vector<std::vector<SpecChange>> specs = {
      {{"core.lanes", "8"},
       {"units.vector_lanes", "4"},
       {"lane.simd", "8"},
       {"units.postprocess_width", "8"}},
      {{"core.lanes", "4"},
       {"pe.cores", "2"},
       {"core.accumulators", "8"},
       {"units.lookup_ports", "4"},
       {"units.postprocess_width", "4"}},
      {{"core.lanes", "32"}, {"units.vector_lanes", "16"}, {"npu.axi.data_width", "64"}},
      {{"core.lanes", "5"},
       {"lane.simd", "4"},
       {"pe.cores", "3"},
       {"core.memory", "16 KiB"},
       {"units.postprocess_width", "8"}},
  };
  for (size_t i = 0; i < specs.size(); ++i) {
    SCOPED_TRACE(fmt::format("spec {}", i));
    CompareRandomNetworks(OtherSpec(specs[i]), 2000 + 100 * i, 25, i % 2 == 1);
  }
}

/// Layers that do not fit are refused, and nothing else happens to them.
TEST(TrainingProgram, TooLargeNetworksAreRefused) {
  const auto code_of = [](Network network, int64_t batch) {
    TrainingConfig how;
    how.batch = batch;
    const Result<TrainingProgram> program = CompileTraining(EdgeFloat(), network, how);
    EXPECT_FALSE(program.ok());
    return program.ok() ? "" : std::string(CodeText(program.errors().front().code));
  };
  NetworkMaker wide({1, 1, 4096}, 1);
  EXPECT_EQ(code_of(wide.Dense(64, true).Dense(10, false).network(), 4), "C121");
  NetworkMaker batch({8, 8, 4}, 2);
  EXPECT_EQ(code_of(batch.Convolution(16, 3, 3, 1, 1, 1, 1, true).Dense(10, false).network(), 4096),
            "C121");
  NetworkMaker filter({40, 40, 16}, 3);
  EXPECT_EQ(code_of(filter.Convolution(3, 40, 40, 1, 1, 0, 0, true).Dense(2, false).network(), 1),
            "C121");
  NetworkMaker pixels({250, 250, 1}, 4);
  EXPECT_EQ(code_of(pixels.MaxPool(2, 2).Dense(2, false).network(), 1), "C121");
  NetworkMaker deep({1, 1, 30000}, 5);
  EXPECT_EQ(code_of(deep.Dense(2, false).network(), 1), "C121");
}

}  // namespace
}  // namespace npugen::training
