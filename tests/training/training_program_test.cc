// SPDX-License-Identifier: Apache-2.0
// Programs of steps on the functional model: every tensor and the state as the golden trainer has
// them, over several steps, for networks of all kinds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>

#include "generator/config/load.h"
#include "sw/training/compile_training.h"
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

/// Steps of random data on both.
void Compare(const NpuConfig& config, const Network& network, const TrainingConfig& how,
             int64_t steps, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  FunctionalTraining training(config, network, how);
  if (training.program().program.image.empty()) return;
  GoldenTrainer golden(network, how, config.simd / 2);
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<uint16_t> images, targets;
    for (int64_t i = 0; i < how.batch * network.input.elements(); ++i) {
      images.push_back(random() % 4 == 0 ? uint16_t{0} : Digits::Code(normal(random)));
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
    ASSERT_EQ(training.Outputs(), expected) << "step " << step;
    for (const KeptTensor& kept : training.program().kept) {
      ASSERT_EQ(training.Kept(kept), golden.tensors().at(kept.name))
          << kept.name << ", step " << step;
    }
    const auto weights = training.Weights();
    for (size_t p = 0; p < weights.size(); ++p) {
      ASSERT_TRUE(SameBits(weights[p], golden.weights()[p]))
          << network.parameters[p].name << ", step " << step;
    }
  }
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
      Compare(config, maker.network(), how, 3, 11);
    }
  }
}

TEST(TrainingProgram, ConvolutionsAndPools) {
  const NpuConfig config = EdgeFloat();
  NetworkMaker maker({8, 8, 1}, 4);
  maker.Convolution(8, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2);
  maker.Convolution(16, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2).Dense(10, false);
  TrainingConfig how;
  how.batch = 4;
  how.optimizer = Optimizer::kMomentum;
  Compare(config, maker.network(), how, 2, 12);
}

}  // namespace
}  // namespace npugen::training
