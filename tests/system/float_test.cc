// SPDX-License-Identifier: Apache-2.0
// Matrix products of floating-point numbers on `edge_float`: every bit that of numerics, cycles
// near those of the performance model. NPUGEN_SHARED_FLOAT: products of an independent computation.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "sw/numerics/vector.h"
#include "sw/stream/vector_program.h"
#include "tests/numerics/shared_float.h"
#include "tests/system/simulation.h"
#include "verif/random/float_product.h"

namespace npugen::testing {
namespace {

class FloatTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    config_ = new NpuConfig(SpecConfig("edge_float"));
    SimulationOptions options;
    options.memory_bytes = uint64_t{4} << 20;
    npu_ = MakeNpu(*config_, options).release();
  }
  static void TearDownTestSuite() {
    delete npu_;
    delete config_;
  }

  /// Runs the product, whose cycles are near the estimate.
  FloatProductRun Run(const FloatProduct& product, const std::vector<uint16_t>& a,
                      const std::vector<uint16_t>& w) {
    const Result<FloatProductRun> run = RunFloatProduct(*config_, product, a, w, npu_);
    EXPECT_TRUE(run.ok()) << ErrorText(run);
    if (!run) return {};
    const auto cycles = static_cast<double>(run->cycles);
    EXPECT_NEAR(static_cast<double>(run->estimate), cycles, std::max(20.0, 0.01 * cycles));
    return *run;
  }

  static NpuConfig* config_;
  static SimulatedNpu* npu_;
};
NpuConfig* FloatTest::config_ = nullptr;
SimulatedNpu* FloatTest::npu_ = nullptr;

TEST_F(FloatTest, ProductsOfAllShapesAndFormats) {
  std::mt19937_64 random(5);
  const auto below = [&](int64_t n) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
  };
  for (int i = 0; i < 24; ++i) {
    FloatProduct product;
    product.format_a = 1 + i % 3;
    product.format_w = product.format_a == kFormatBf16 ? kFormatBf16 : 2 + below(2);
    product.out_format = 1 + below(4);
    product.rows = 1 + below(i < 8 ? 7 : 150);
    product.channels = 1 + below(i % 4 == 0 ? 15 : 120);
    product.depth = 1 + below(i % 5 == 0 ? 20 : 400);
    SCOPED_TRACE(fmt::format("{} x {} x {}, formats {}, {} -> {}", product.rows, product.channels,
                             product.depth, product.format_a, product.format_w,
                             product.out_format));
    const std::vector<uint16_t> a =
        RandomCodes(product.format_a, product.rows * product.depth, &random);
    const std::vector<uint16_t> w =
        RandomCodes(product.format_w, product.channels * product.depth, &random);
    ASSERT_EQ(Run(product, a, w).out, FloatProductReference(*config_, product, a, w));
  }
}

TEST_F(FloatTest, ProductsOfTheSharedData) {
  struct Case {
    const char* name;
    int64_t format_a, format_w;
  };
  const std::string folder = numerics::SharedFloatFolder();
  if (folder.empty()) GTEST_SKIP() << numerics::kNoSharedFloat;
  for (const Case& c :
       {Case{"bf16", kFormatBf16, kFormatBf16}, Case{"e4m3", kFormatE4m3, kFormatE4m3},
        Case{"e5m2_e4m3", kFormatE5m2, kFormatE4m3}}) {
    SCOPED_TRACE(c.name);
    const auto codes = [&](const char* part, int64_t format) {
      const std::string path = fmt::format("{}/dot/gemm_{}_{}.bin", folder, c.name, part);
      if (format == kFormatBf16) return numerics::ReadElements<uint16_t>(path);
      const std::vector<uint8_t> bytes = numerics::ReadElements<uint8_t>(path);
      return std::vector<uint16_t>(bytes.begin(), bytes.end());
    };
    FloatProduct product = {13, 19, 203, c.format_a, c.format_w, kFormatFp32};
    EXPECT_EQ(
        Run(product, codes("a", c.format_a), codes("w", c.format_w)).out,
        numerics::ReadElements<uint32_t>(fmt::format("{}/dot/gemm_{}_out.bin", folder, c.name)));
  }
}

/// A VECTOR over one row of n elements: up to three operands of FP32 and two results, each in a
/// part of PE memory of its own.
class VectorJob {
 public:
  explicit VectorJob(size_t elements) : elements_(elements) {}
  VectorJob& Operand(const std::vector<numerics::Fp32>& values) {
    const size_t at = input_.size();
    input_.resize(at + 4 * elements_);
    std::memcpy(input_.data() + at, values.data(), 4 * elements_);
    return *this;
  }
  /// The results of a program, `count` of them.
  std::vector<std::vector<numerics::Fp32>> Run(const NpuConfig& config,
                                               const VectorProgram& program, size_t count,
                                               SimulatedNpu* npu) {
    const std::vector<uint8_t> bytes = program.Bytes();
    const auto set = [](Command& command, const CommandField& field, size_t value) {
      EXPECT_TRUE(command.Set(field, static_cast<int64_t>(value))) << field.name;
    };
    const size_t row = 4 * elements_, results = 4 * row;  // where they begin
    std::vector<Command> commands;
    const auto load = [&](size_t window, size_t size) {
      Command command(Opcode::kLoad, 3, static_cast<uint32_t>(window));
      set(command, dma::window, window);
      set(command, dma::pe_mask, 1);
      set(command, dma::size0, size);
      set(command, header::signal_en, 1);
      return command;
    };
    commands.push_back(load(1, bytes.size()));
    set(commands.back(), dma::core_memory, 1);
    set(commands.back(), dma::core_mask, 1);
    commands.push_back(load(2, input_.size()));
    Command vector(Opcode::kVector, 11, 3);
    set(vector, compute::pe_mask, 1);
    set(vector, compute::out_h, 1);
    set(vector, compute::row_bytes, elements_);
    set(vector, compute::b_base, row);
    set(vector, compute::c_base, 2 * row);
    set(vector, compute::out_base, results);
    set(vector, compute::e_base, results + row);
    for (const CommandField* format : kVectorFormats) set(vector, *format, kFormatFp32);
    set(vector, header::wait0_en, 1);
    set(vector, header::wait0_count, 2);
    set(vector, header::signal_en, 1);
    set(vector, header::signal_id, 2);
    commands.push_back(vector);
    Command store(Opcode::kStore, 3, 4);
    set(store, dma::window, 3);
    set(store, dma::pe_mask, 1);
    set(store, dma::local_address, results);
    set(store, dma::size0, count * row);
    set(store, header::wait0_en, 1);
    set(store, header::wait0_id, 2);
    set(store, header::wait0_count, 1);
    commands.push_back(store);
    commands.emplace_back(Opcode::kEnd, 1, 0);
    const Result<StreamRun> run = RunStream(config, commands, bytes, input_, count * row, npu);
    EXPECT_TRUE(run.ok()) << ErrorText(run);
    std::vector<std::vector<numerics::Fp32>> values(count, std::vector<numerics::Fp32>(elements_));
    if (!run) return values;
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(values[i].data(), run->output.data() + row * i, row);
    }
    return values;
  }

 private:
  size_t elements_;
  std::vector<uint8_t> input_;
};

TEST_F(FloatTest, ExponentialsAndTheirSums) {
  std::mt19937_64 random(7);
  for (const auto& [elements, special] :
       {std::pair<size_t, bool>{5, false}, {300, false}, {300, true}}) {
    std::vector<numerics::Fp32> x(elements);
    for (numerics::Fp32& value : x) {
      value = special ? static_cast<numerics::Fp32>(random())
                      : static_cast<numerics::Fp32>((random() & 0x81ffffff) | 0x40000000);
    }
    std::vector<numerics::Fp32> exponentials(elements);
    std::transform(x.begin(), x.end(), exponentials.begin(), numerics::Exponential);
    VectorProgram program;
    program.Pass(VectorProgram::kA | VectorProgram::kD)
        .Exponential(4, 0, 5, 6)
        .Add(0, VectorSource::Register(4), VectorSource::Constant())
        .Sum(1, VectorSource::Register(4))
        .Pass(VectorProgram::kE)
        .Add(1, VectorSource::Constant(), VectorSource::Scalar(1))
        .Add(1, VectorSource::Register(1), VectorSource::Immediate(0xbf800000));
    const auto results = VectorJob(elements).Operand(x).Run(*config_, program, 2, npu_);
    EXPECT_EQ(results[0], exponentials);
    const numerics::Fp32 sum = numerics::Subtract(
        numerics::Add(numerics::kFp32One, numerics::SumOf(exponentials)), numerics::kFp32One);
    EXPECT_EQ(results[1], std::vector<numerics::Fp32>(elements, sum));
  }
}

TEST_F(FloatTest, OptimizersOfTheSharedData) {
  const std::string folder = numerics::SharedFloatFolder();
  if (folder.empty()) GTEST_SKIP() << numerics::kNoSharedFloat;
  const auto read = [&](const char* name) {
    return numerics::ReadElements<numerics::Fp32>(fmt::format("{}/optim/{}.bin", folder, name));
  };
  using Source = VectorSource;
  const auto at = [](uint8_t number) { return Source::Register(number); };
  const auto number = [](numerics::Fp32 bits) { return Source::Immediate(bits); };
  const std::vector<uint16_t> gradients =
      numerics::ReadElements<uint16_t>(folder + "/optim/grad.bin");
  const std::vector<numerics::Fp32> start = read("w0");
  const size_t n = start.size();
  const numerics::AdamW adam = {.rate = 0x3c23d70a,
                                .beta1 = 0x3f666666,
                                .beta2 = 0x3f7fbe77,
                                .epsilon = 0x322bcc77,
                                .weight_decay = 0x3c23d70a};
  const numerics::Fp32 rate = 0x3dcccccd, decay = 0x3f666666;
  std::vector<numerics::Fp32> w = start, m(n), momentum_w = start, momentum_m(n), v(n);
  numerics::AdamWCorrection correction;
  for (size_t step = 0; step < gradients.size() / n; ++step) {
    std::vector<numerics::Fp32> g(n);
    for (size_t i = 0; i < n; ++i) {
      g[i] = numerics::FromFormat(numerics::kBf16, gradients[step * n + i]);
    }
    VectorProgram momentum;  // w, m, g
    momentum
        .Pass(VectorProgram::kA | VectorProgram::kB | VectorProgram::kC | VectorProgram::kD |
              VectorProgram::kE)
        .MulAdd(1, at(1), number(decay), at(2))
        .MulAdd(0, at(1), number(rate), at(0), /*negate_product=*/true);
    auto results = VectorJob(n)
                       .Operand(momentum_w)
                       .Operand(momentum_m)
                       .Operand(g)
                       .Run(*config_, momentum, 2, npu_);
    momentum_w = results[0];
    momentum_m = results[1];

    correction.Advance(adam);
    VectorProgram moments;  // m, v, g
    moments
        .Pass(VectorProgram::kA | VectorProgram::kB | VectorProgram::kC | VectorProgram::kD |
              VectorProgram::kE)
        .Multiply(3, at(2), number(numerics::Subtract(numerics::kFp32One, adam.beta1)))
        .MulAdd(0, at(0), number(adam.beta1), at(3))
        .Multiply(3, at(2), at(2))
        .Multiply(3, at(3), number(numerics::Subtract(numerics::kFp32One, adam.beta2)))
        .MulAdd(1, at(1), number(adam.beta2), at(3));
    results = VectorJob(n).Operand(m).Operand(v).Operand(g).Run(*config_, moments, 2, npu_);
    m = results[0];
    v = results[1];
    VectorProgram weights;  // w, m, v
    weights.Pass(VectorProgram::kA | VectorProgram::kB | VectorProgram::kC | VectorProgram::kD)
        .MulAdd(0, at(0), number(numerics::Multiply(adam.rate, adam.weight_decay)), at(0),
                /*negate_product=*/true)
        .Multiply(2, at(2), number(correction.second))
        .Do(VectorOperation::kSquareRoot, 2, at(2))
        .Add(2, at(2), number(adam.epsilon))
        .Multiply(1, at(1), number(correction.first))
        .Do(VectorOperation::kDivide, 1, at(1), at(2))
        .MulAdd(0, at(1), number(adam.rate), at(0), /*negate_product=*/true);
    w = VectorJob(n).Operand(w).Operand(m).Operand(v).Run(*config_, weights, 1, npu_)[0];
  }
  EXPECT_EQ(momentum_w, read("momentum"));
  EXPECT_EQ(w, read("adamw"));
  EXPECT_EQ(m, read("adamw_m"));
  EXPECT_EQ(v, read("adamw_v"));
}

// Weights and rows come while the array works: what is left are the first loads and the last drain.
TEST_F(FloatTest, LargeProductsKeepTheMultipliersBusy) {
  std::mt19937_64 random(6);
  for (const int64_t format : {kFormatBf16, kFormatE4m3}) {
    const FloatProduct product = {128, 128, 512, format, format, kFormatBf16};
    const std::vector<uint16_t> a = RandomCodes(format, product.rows * product.depth, &random);
    const std::vector<uint16_t> w = RandomCodes(format, product.channels * product.depth, &random);
    const FloatProductRun run = Run(product, a, w);
    EXPECT_EQ(run.out, FloatProductReference(*config_, product, a, w));
    const uint64_t limit = static_cast<uint64_t>(product.rows * product.channels * product.depth) *
                           static_cast<uint64_t>(ElementBytes(format)) / 256;
    EXPECT_GE(static_cast<double>(limit), 0.8 * static_cast<double>(run.cycles));
  }
}

}  // namespace
}  // namespace npugen::testing
