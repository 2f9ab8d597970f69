// SPDX-License-Identifier: Apache-2.0
// Matrix products of floating-point numbers on `edge_float`: every bit that of numerics, cycles
// near those of the performance model. NPUGEN_SHARED_FLOAT: products of an independent computation.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

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
                           static_cast<uint64_t>(FloatElementBytes(format)) / 256;
    EXPECT_GE(static_cast<double>(limit), 0.8 * static_cast<double>(run.cycles));
  }
}

}  // namespace
}  // namespace npugen::testing
