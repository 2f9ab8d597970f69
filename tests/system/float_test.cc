// SPDX-License-Identifier: Apache-2.0
// Matrix products of floating-point numbers on `edge_float`: every bit that of numerics, cycles
// near those of the performance model. NPUGEN_SHARED_FLOAT: products of an independent computation.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "npu_registers.h"
#include "sw/timing/estimate.h"
#include "tests/numerics/shared_float.h"
#include "tests/system/simulation.h"
#include "verif/random/float_product.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kWindowBytes = uint64_t{1} << 20;

class FloatTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    config_ = new NpuConfig(SpecConfig("edge_float"));
    SimulationOptions options;
    options.memory_bytes = 8 * kWindowBytes;
    npu_ = MakeNpu(*config_, options).release();
  }
  static void TearDownTestSuite() {
    delete npu_;
    delete config_;
  }

  uint8_t* Memory(uint64_t address) {
    return npu_->Memory().data() + (address - npu_->MemoryBase());
  }

  /// Runs the product; codes of out, and the cycles from doorbell to interrupt.
  std::vector<uint32_t> Run(const FloatProduct& product, const std::vector<uint16_t>& a,
                            const std::vector<uint16_t>& w, uint64_t* cycles) {
    const Result<FloatProductJob> job = MakeFloatProduct(*config_, product, w);
    EXPECT_TRUE(job.ok()) << ErrorText(job);
    if (!job) return {};
    const uint64_t base = npu_->MemoryBase() + (1 << 16);
    const auto window = [&](int number, uint32_t flags) {
      return JobWindow{base + static_cast<uint64_t>(number) * kWindowBytes, kWindowBytes, flags};
    };
    const Windows windows = {window(0, 1), window(1, 1), window(2, 1), window(3, 2)};
    const std::vector<uint32_t> words = StreamWords(*config_, job->commands);
    EXPECT_LE(std::max(words.size() * 4, job->weights.size()), kWindowBytes);
    std::memcpy(Memory(windows[0].base), words.data(), words.size() * 4);
    std::memcpy(Memory(windows[1].base), job->weights.data(), job->weights.size());
    const auto each = static_cast<size_t>(FloatElementBytes(product.format_a));
    for (size_t i = 0; i < a.size(); ++i) {
      std::memcpy(Memory(windows[2].base) + each * i, &a[i], each);
    }
    WriteWindows(windows, npu_);
    npu_->WriteRegister(NPU_REG_IRQ_ENABLE_OFFSET, 3);
    npu_->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
    npu_->WriteRegister(NPU_REG_DOORBELL_OFFSET, 0);
    npu_->RunUntilInterrupt(10'000'000);
    EXPECT_TRUE(npu_->Interrupt());
    EXPECT_EQ(npu_->ReadRegister(NPU_REG_STATUS_OFFSET) & NPU_STATUS_ERROR_MASK, 0u);
    *cycles = npu_->ReadRegister(NPU_REG_PERF_CYCLES_OFFSET);
    npu_->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
    EXPECT_EQ(npu_->Bus().violations, 0u);

    EstimateOptions options;
    for (uint32_t i = 0; i < kWindowCount; ++i) options.window_base[i] = windows[i].base;
    const std::vector<uint8_t> image(reinterpret_cast<const uint8_t*>(words.data()),
                                     reinterpret_cast<const uint8_t*>(words.data() + words.size()));
    const Result<StreamEstimate> estimate = EstimateStream(*config_, image, 0, options);
    EXPECT_TRUE(estimate.ok()) << ErrorText(estimate);
    if (estimate) {
      EXPECT_NEAR(static_cast<double>(estimate->cycles), static_cast<double>(*cycles),
                  std::max(20.0, 0.01 * static_cast<double>(*cycles)));
    }
    std::vector<uint32_t> out;
    const auto bytes = static_cast<size_t>(FloatElementBytes(product.out_format));
    for (int64_t i = 0; i < product.rows * product.channels; ++i) {
      uint32_t code = 0;
      std::memcpy(&code, Memory(windows[3].base) + bytes * static_cast<size_t>(i), bytes);
      out.push_back(code);
    }
    return out;
  }

  static NpuConfig* config_;
  static SimulatedNpu* npu_;
};
NpuConfig* FloatTest::config_ = nullptr;
SimulatedNpu* FloatTest::npu_ = nullptr;

/// Codes whose numbers are of like size, zeros among them.
std::vector<uint16_t> Codes(int64_t format, int64_t count, std::mt19937_64* random) {
  std::vector<uint16_t> codes;
  for (int64_t i = 0; i < count; ++i) {
    const auto bits = static_cast<uint16_t>((*random)());
    const uint16_t spread = bits >> 13 & 3;
    const uint16_t code =
        format == kFormatBf16   ? static_cast<uint16_t>((bits & 0x807f) | (125 + spread) << 7)
        : format == kFormatE4m3 ? static_cast<uint16_t>((bits & 0x87) | (5 + spread) << 3)
                                : static_cast<uint16_t>((bits & 0x83) | (13 + spread) << 2);
    codes.push_back((*random)() % 8 == 0 ? uint16_t{0} : code);
  }
  return codes;
}

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
    const std::vector<uint16_t> a = Codes(product.format_a, product.rows * product.depth, &random);
    const std::vector<uint16_t> w =
        Codes(product.format_w, product.channels * product.depth, &random);
    uint64_t cycles = 0;
    ASSERT_EQ(Run(product, a, w, &cycles), FloatProductReference(*config_, product, a, w));
  }
}

TEST_F(FloatTest, ProductsOfTheSharedData) {
  struct Case {
    const char* name;
    int64_t format_a, format_w;
  };
  const char* given = std::getenv("NPUGEN_SHARED_FLOAT");
  const std::string folder = given != nullptr ? given : SourcePath("../shared/float");
  if (!std::filesystem::exists(folder + "/index.json")) {
    GTEST_SKIP() << "NPUGEN_SHARED_FLOAT names a folder of floating-point reference data";
  }
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
    uint64_t cycles = 0;
    EXPECT_EQ(
        Run(product, codes("a", c.format_a), codes("w", c.format_w), &cycles),
        numerics::ReadElements<uint32_t>(fmt::format("{}/dot/gemm_{}_out.bin", folder, c.name)));
  }
}

// What a user compares with: the limit is a product of all multipliers in every cycle.
TEST_F(FloatTest, LargeProductsKeepTheMultipliersBusy) {
  std::mt19937_64 random(6);
  for (const int64_t format : {kFormatBf16, kFormatE4m3}) {
    const FloatProduct product = {128, 128, 512, format, format, kFormatBf16};
    const std::vector<uint16_t> a = Codes(format, product.rows * product.depth, &random);
    const std::vector<uint16_t> w = Codes(format, product.channels * product.depth, &random);
    uint64_t cycles = 0;
    EXPECT_EQ(Run(product, a, w, &cycles), FloatProductReference(*config_, product, a, w));
    const uint64_t limit = static_cast<uint64_t>(product.rows * product.channels * product.depth) *
                           static_cast<uint64_t>(FloatElementBytes(format)) / 256;
    EXPECT_GE(static_cast<double>(limit), 0.8 * static_cast<double>(cycles));
    fmt::print("format {}: {} cycles, at least {}\n", format, cycles, limit);
  }
}

}  // namespace
}  // namespace npugen::testing
