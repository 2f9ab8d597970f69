// SPDX-License-Identifier: Apache-2.0
// Random networks of inverted residuals, squeeze-excite and necks on many memories: none ends in a
// hardware error, none differs from the golden model, and who is refused is told why.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

/// A preset with other memories, or a small shape of PEs.
NpuConfig SmallMemoryConfig(RandomSource* random) {
  static const char* const kPresets[] = {"nano", "edge", "edge", "edge", "quad"};
  const int32_t choice = random->Integer(0, 5);
  NpuConfig config = choice < 5          ? PresetConfig(kPresets[choice])
                     : random->Chance(2) ? ConfigOfShape({8, 8})
                                         : GridOfShape({8, 8}, 3);
  const uint32_t unit = config.pe_banks * config.pe_bank_bytes;
  const auto bytes = static_cast<uint32_t>(random->Integer(8, random->Chance(3) ? 128 : 48)) * 1024;
  config.pe_memory_bytes = std::max(unit, bytes / unit * unit);
  config.residual = random->Chance(2) ? 1 : 0;
  if (random->Chance(3)) {
    config.core_memory_bytes = std::max(config.core_memory_bytes / 2, config.core_row_bytes() * 64);
  }
  return WithHash(config);
}

/// Whether a refusal says what there is too little of: a larger memory helps.
bool Explained(const Diagnostics& errors) {
  return std::all_of(errors.begin(), errors.end(), [](const Diagnostic& error) {
    return error.code == DiagnosticCode::kCompilePeMemory ||
           error.code == DiagnosticCode::kCompileCoreMemory;
  });
}

/// NPUGEN_BLOCK_NETWORKS=COUNT[,FIRST SEED] runs as many instead of those of `make test`.
TEST(Blocks, MatchGoldenOnRandomMemories) {
  int64_t count = 220;
  uint64_t first = 1;
  if (const char* wanted = std::getenv("NPUGEN_BLOCK_NETWORKS")) {
    char* end = nullptr;
    count = std::strtol(wanted, &end, 10);
    if (*end == ',') first = std::strtoull(end + 1, nullptr, 10);
  }
  int64_t refused = 0, failed = 0;
  for (uint64_t seed = first; seed < first + static_cast<uint64_t>(count); ++seed) {
    const RandomModel random = MakeRandomBlockNetwork(seed);
    const Result<Model> model = ReadTflite(random.tflite, random.name);
    ASSERT_TRUE(model.ok()) << "seed " << seed << ": " << ErrorText(model.errors());
    RandomSource source(seed);
    const NpuConfig config = SmallMemoryConfig(&source);
    // With stores of every tensor little is fused.
    const bool keep_tensors = seed % 5 == 0;
    const Result<Program> program =
        Compile(*model, config, CompileOptions{.keep_tensors = keep_tensors});
    if (!program) {
      ++refused;
      EXPECT_TRUE(Explained(program.errors()))
          << "seed " << seed << ": " << ErrorText(program.errors());
      failed += Explained(program.errors()) ? 0 : 1;
      continue;
    }
    const std::string problem = CheckAgainstGolden(
        *model, config, {MakeRandomInputs(*model, seed), MakeRandomInputs(*model, seed + 1)},
        {.seed = seed, .keep_tensors = keep_tensors});
    EXPECT_EQ(problem, "") << "seed " << seed;
    failed += problem.empty() ? 0 : 1;
  }
  fmt::print("{} networks, {} wrong, {} refused for want of memory\n", count, failed, refused);
  EXPECT_LE(refused, count / 5) << "most networks fit";
}

/// PE memories of a few words of each bank: rows, windows and even single positions do not fit, so
/// layers are computed in blocks of columns, channels and parts of sums. None is refused for it.
TEST(Blocks, NoPeMemoryIsTooSmall) {
  int64_t ran = 0;
  for (uint64_t seed = 1; seed <= 120; ++seed) {
    const RandomModel random =
        seed % 3 == 0 ? MakeRandomNetwork(seed) : MakeRandomBlockNetwork(seed);
    const Result<Model> model = ReadTflite(random.tflite, random.name);
    ASSERT_TRUE(model.ok()) << "seed " << seed << ": " << ErrorText(model.errors());
    RandomSource source(seed);
    NpuConfig config = SmallMemoryConfig(&source);
    const uint32_t unit = config.pe_banks * config.pe_bank_bytes;
    const auto bytes = static_cast<uint32_t>(source.Integer(1, 8)) * 1024;
    config.pe_memory_bytes = std::max(2 * unit, bytes / unit * unit);
    config = WithHash(config);
    const Result<Program> program = Compile(*model, config);
    if (!program) {
      for (const Diagnostic& error : program.errors()) {
        EXPECT_NE(error.code, DiagnosticCode::kCompilePeMemory)
            << "seed " << seed << ", " << config.pe_memory_bytes
            << " bytes: " << ErrorText(program.errors());
      }
      continue;
    }
    const std::string problem = CheckAgainstGolden(*model, config, {MakeRandomInputs(*model, seed)},
                                                   {.seed = seed, .keep_tensors = false});
    EXPECT_EQ(problem, "") << "seed " << seed;
    ++ran;
  }
  fmt::print("{} of 120 networks run\n", ran);
  EXPECT_GE(ran, 110);
}

}  // namespace
}  // namespace npugen::testing
