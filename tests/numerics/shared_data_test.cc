// SPDX-License-Identifier: Apache-2.0
// The shared reference data of floating point, bit for bit: conversions, dot products, blocks,
// scales, optimizers.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "sw/numerics/block_scale.h"
#include "sw/numerics/dot_product.h"
#include "sw/numerics/vector.h"
#include "tests/numerics/shared_float.h"

namespace npugen::numerics {
namespace {

struct NamedFormat {
  const char* name;
  const FloatFormat& format;
};
constexpr NamedFormat kNamed[] = {{"bf16", kBf16}, {"f16", kF16},   {"e4m3", kE4m3},
                                  {"e5m2", kE5m2}, {"e3m2", kE3m2}, {"e2m3", kE2m3},
                                  {"e2m1", kE2m1}};

const FloatFormat& FormatOf(const std::string& name) {
  for (const NamedFormat& named : kNamed) {
    if (name == named.name) return named.format;
  }
  std::abort();
}

TEST_F(SharedFloat, Conversions) {
  const std::vector<Fp32> in = ReadFp32("convert/in_fp32");
  for (const auto& [file, overflow] :
       {std::pair("bf16", Overflow::kInfinity), std::pair("f16", Overflow::kInfinity),
        std::pair("f16_sat", Overflow::kSaturates), std::pair("e4m3_sat", Overflow::kSaturates),
        std::pair("e4m3_nonsat", Overflow::kInfinity), std::pair("e5m2_sat", Overflow::kSaturates),
        std::pair("e5m2_nonsat", Overflow::kInfinity), std::pair("e3m2_sat", Overflow::kSaturates),
        std::pair("e2m3_sat", Overflow::kSaturates), std::pair("e2m1_sat", Overflow::kSaturates)}) {
    const std::string name = file;
    const FloatFormat& format = FormatOf(name.substr(0, name.find('_')));
    const std::vector<uint16_t> out = ReadCodes("convert/to_" + name, format);
    ASSERT_EQ(out.size(), in.size());
    for (size_t i = 0; i < in.size(); ++i) {
      ASSERT_EQ(ToFormat(format, in[i], overflow), out[i]) << name << std::hex << ' ' << in[i];
    }
  }
  RoundingNoise noise;
  const std::vector<uint16_t> stochastic = Read<uint16_t>("convert/to_bf16_stochastic");
  for (size_t i = 0; i < in.size(); ++i) {
    ASSERT_EQ(ToBf16Stochastically(in[i], noise.Next()), stochastic[i]) << i;
  }
  for (const NamedFormat& named : kNamed) {
    if (named.format.name == kBf16.name) continue;
    const std::vector<Fp32> values = ReadFp32(std::string("convert/from_") + named.name);
    ASSERT_EQ(values.size(), size_t{1} << named.format.bits());
    for (uint32_t code = 0; code < values.size(); ++code) {
      ASSERT_EQ(FromFormat(named.format, code), values[code]) << named.name << ' ' << code;
    }
  }
}

TEST_F(SharedFloat, DotSteps) {
  for (const auto& [format_a, format_w, count] :
       {std::tuple("bf16", "bf16", 8), std::tuple("bf16", "bf16", 2),
        std::tuple("e4m3", "e4m3", 16), std::tuple("e5m2", "e4m3", 16),
        std::tuple("e4m3", "e5m2", 16), std::tuple("e5m2", "e5m2", 16),
        std::tuple("e4m3", "e4m3", 4)}) {
    const std::string name =
        std::string("dot/") + format_a + "_" + format_w + "_" + std::to_string(count);
    const std::vector<uint16_t> a = ReadCodes(name + "_a", FormatOf(format_a));
    const std::vector<uint16_t> w = ReadCodes(name + "_w", FormatOf(format_w));
    const std::vector<Fp32> before = ReadFp32(name + "_acc"), after = ReadFp32(name + "_out");
    ASSERT_EQ(a.size(), after.size() * static_cast<size_t>(count));
    for (size_t i = 0; i < after.size(); ++i) {
      const size_t n = static_cast<size_t>(count);
      ASSERT_EQ(DotStep(before[i], FormatOf(format_a), std::span(a).subspan(i * n, n),
                        FormatOf(format_w), std::span(w).subspan(i * n, n)),
                after[i])
          << name << ' ' << i;
    }
  }
}

TEST_F(SharedFloat, Products) {
  for (const auto& [name, format_a, format_w, count] :
       {std::tuple("bf16", "bf16", "bf16", 8), std::tuple("e4m3", "e4m3", "e4m3", 16),
        std::tuple("e5m2_e4m3", "e5m2", "e4m3", 16)}) {
    constexpr size_t kRows = 13, kColumns = 19, kDepth = 203;
    const std::string file = std::string("dot/gemm_") + name;
    const std::vector<uint16_t> a = ReadCodes(file + "_a", FormatOf(format_a));
    const std::vector<uint16_t> w = ReadCodes(file + "_w", FormatOf(format_w));
    const std::vector<Fp32> out = ReadFp32(file + "_out");
    ASSERT_EQ(out.size(), kRows * kColumns);
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_EQ(DotProduct(FormatOf(format_a), std::span(a).subspan(i / kColumns * kDepth, kDepth),
                           FormatOf(format_w), std::span(w).subspan(i % kColumns * kDepth, kDepth),
                           static_cast<uint32_t>(count)),
                out[i])
          << name << ' ' << i;
    }
  }
}

TEST_F(SharedFloat, Blocks) {
  const std::vector<Fp32> in = ReadFp32("mx/in_fp32");
  for (const char* name : {"mxfp8_e5m2", "mxfp8_e4m3", "mxfp6_e3m2", "mxfp6_e2m3", "mxfp4_e2m1"}) {
    const FloatFormat& format = FormatOf(std::string(name).substr(6));
    const std::vector<uint8_t> scales = Read<uint8_t>(std::string("mx/") + name + "_scale");
    const std::vector<uint8_t> elements = Read<uint8_t>(std::string("mx/") + name + "_elements");
    for (size_t block = 0; block < scales.size(); ++block) {
      std::vector<uint8_t> made(kMxBlock);
      ASSERT_EQ(ToMxBlock(format, std::span(in).subspan(block * kMxBlock, kMxBlock), made),
                scales[block])
          << name << ' ' << block;
      for (size_t i = 0; i < kMxBlock; ++i) {
        ASSERT_EQ(made[i], elements[block * kMxBlock + i]) << name << ' ' << block << ' ' << i;
      }
    }
  }
  const std::vector<uint8_t> scales = Read<uint8_t>("mx/mxint8_scale");
  const std::vector<int8_t> elements = Read<int8_t>("mx/mxint8_elements");
  for (size_t block = 0; block < scales.size(); ++block) {
    std::vector<int8_t> made(kMxBlock);
    ASSERT_EQ(ToMxInt8Block(std::span(in).subspan(block * kMxBlock, kMxBlock), made),
              scales[block]);
    for (size_t i = 0; i < kMxBlock; ++i) ASSERT_EQ(made[i], elements[block * kMxBlock + i]);
  }
}

TEST_F(SharedFloat, BlockProducts) {
  const std::vector<uint16_t> a = ReadCodes("mx/dot_a", kE4m3), w = ReadCodes("mx/dot_w", kE4m3);
  const std::vector<uint8_t> scale_a = Read<uint8_t>("mx/dot_a_scale");
  const std::vector<uint8_t> scale_w = Read<uint8_t>("mx/dot_w_scale");
  const std::vector<Fp32> before = ReadFp32("mx/dot_acc"), after = ReadFp32("mx/dot_out");
  for (size_t block = 0; block < after.size(); ++block) {
    Fp32 sum = before[block];
    for (size_t half = 0; half < 2; ++half) {
      const size_t first = block * kMxBlock + 16 * half;
      sum = DotStep(sum, kE4m3, std::span(a).subspan(first, 16), kE4m3,
                    std::span(w).subspan(first, 16), {scale_a[block], scale_w[block]});
    }
    ASSERT_EQ(sum, after[block]) << block;
  }
}

TEST_F(SharedFloat, Nvfp4) {
  const std::vector<Fp32> in = ReadFp32("mx/nvfp4_in_fp32");
  Fp32 largest = 0;
  for (const Fp32 value : in) largest = Maximum(largest, Magnitude(value));
  const Fp32 tensor_scale = ReadFp32("mx/nvfp4_tensor_scale").at(0);
  EXPECT_EQ(Nvfp4TensorScale(largest), tensor_scale);
  const std::vector<uint8_t> scales = Read<uint8_t>("mx/nvfp4_scale");
  const std::vector<uint8_t> elements = Read<uint8_t>("mx/nvfp4_elements");
  for (size_t block = 0; block < scales.size(); ++block) {
    std::vector<uint8_t> made(kNvfp4Block);
    ASSERT_EQ(
        ToNvfp4Block(tensor_scale, std::span(in).subspan(block * kNvfp4Block, kNvfp4Block), made),
        scales[block]);
    for (size_t i = 0; i < kNvfp4Block; ++i) {
      ASSERT_EQ(made[i], elements[block * kNvfp4Block + i]) << block << ' ' << i;
    }
  }
}

TEST_F(SharedFloat, Scaling) {
  const std::vector<Fp32> amax = ReadFp32("scaling/amax");
  int variants = 0;
  for (const char* format : {"e4m3", "e5m2"}) {
    for (const size_t length : {4, 16}) {
      for (const ScaleSource source : {ScaleSource::kMaximum, ScaleSource::kMostRecent}) {
        for (const bool bulk : {false, true}) {
          for (const char* margin : {"", "_margin2"}) {
            const std::string name = std::string("scaling/") + format + "_h" +
                                     std::to_string(length) +
                                     (source == ScaleSource::kMaximum ? "_max" : "_recent") +
                                     margin + (bulk ? "_bulk" : "");
            if (!std::filesystem::exists(folder_ + "/" + name + "_scale.bin")) continue;
            ++variants;
            const std::vector<Fp32> scales = ReadFp32(name + "_scale");
            const std::vector<Fp32> inverses = ReadFp32(name + "_inverse");
            const std::vector<Fp32> histories = ReadFp32(name + "_history");
            DelayedScale scale;
            scale.history.resize(length);
            const Fp32 largest = FromFormat(FormatOf(format), FormatOf(format).largest());
            for (size_t step = 0; step < amax.size(); ++step) {
              scale.history[0] = amax[step];
              scale.Update(source, largest, *margin != 0 ? 2 : 0, bulk);
              ASSERT_EQ(scale.scale, scales[step]) << name << ' ' << step;
              ASSERT_EQ(scale.inverse, inverses[step]) << name << ' ' << step;
              for (size_t i = 0; i < length; ++i) {
                ASSERT_EQ(scale.history[i], histories[step * length + i])
                    << name << ' ' << step << ' ' << i;
              }
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(variants, 16);
}

TEST_F(SharedFloat, Optimizers) {
  constexpr Fp32 kTenth = 0x3dcccccd, kNineTenths = 0x3f666666;
  const AdamW constants = {.rate = 0x3c23d70a,
                           .beta1 = kNineTenths,
                           .beta2 = 0x3f7fbe77,
                           .epsilon = 0x322bcc77,
                           .weight_decay = 0x3c23d70a};
  const std::vector<Fp32> start = ReadFp32("optim/w0");
  const std::vector<uint16_t> gradients = Read<uint16_t>("optim/grad");
  const std::vector<Fp32> corrections = ReadFp32("optim/adamw_bias");
  const size_t count = start.size();
  std::vector<Fp32> sgd = start, momentum = start, adam = start;
  std::vector<Fp32> moment(count), moment1(count), moment2(count);
  AdamWCorrection correction;
  for (size_t step = 0; step < 10; ++step) {
    correction.Advance(constants);
    ASSERT_EQ(correction.first, corrections[2 * step]);
    ASSERT_EQ(correction.second, corrections[2 * step + 1]);
    for (size_t i = 0; i < count; ++i) {
      const Fp32 gradient = FromFormat(kBf16, gradients[step * count + i]);
      sgd[i] = StepOfSgd(sgd[i], gradient, kTenth);
      momentum[i] = StepOfMomentum(momentum[i], gradient, kTenth, kNineTenths, moment[i]);
      adam[i] = StepOfAdamW(adam[i], gradient, constants, correction, moment1[i], moment2[i]);
    }
  }
  EXPECT_EQ(sgd, ReadFp32("optim/sgd"));
  EXPECT_EQ(momentum, ReadFp32("optim/momentum"));
  EXPECT_EQ(adam, ReadFp32("optim/adamw"));
  EXPECT_EQ(moment1, ReadFp32("optim/adamw_m"));
  EXPECT_EQ(moment2, ReadFp32("optim/adamw_v"));
}

TEST_F(SharedFloat, ZeroValueCompression) {
  const std::vector<uint16_t> in = Read<uint16_t>("zvc/in_bf16");
  const std::vector<uint8_t> out = Read<uint8_t>("zvc/out");
  EXPECT_EQ(ZeroesRemoved(in), out);
  EXPECT_EQ(ZeroesRestored(out, in.size()), in);
}

}  // namespace
}  // namespace npugen::numerics
