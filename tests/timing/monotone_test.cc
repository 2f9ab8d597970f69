// SPDX-License-Identifier: Apache-2.0
// More hardware helps, or at least costs nothing: cycles of networks, compiled and estimated, on a
// preset and on the same preset with more of one thing.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/config/load.h"
#include "sw/compiler/compiler.h"
#include "sw/model/tflite_reader.h"
#include "sw/timing/estimate.h"
#include "tests/support/files.h"
#include "verif/random/published_networks.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

/// What no network should exceed.
constexpr double kAim = 1.02;

/// A thing of which one spec has more than another one.
struct Step {
  const char* name;
  const char* line;  ///< of the spec, which `other` replaces
  const char* other;
  bool less = false;  ///< `other` is less than edge has, not more
  /// Cycles with more, at most, of those with less. More than kAim: what is to be mended.
  double most = kAim;
};

/// specs/edge.yaml with `line` replaced.
std::optional<NpuConfig> EdgeWith(const char* line, const char* more) {
  const std::vector<uint8_t> bytes = ReadBytes(SourcePath("specs/edge.yaml"));
  std::string text(bytes.begin(), bytes.end());
  if (*line != 0) {
    const size_t at = text.find(line);
    if (at == std::string::npos) return std::nullopt;
    text.replace(at, std::string_view(line).size(), more);
  }
  Result<NpuConfig> config = LoadSpecText(text, "edge.yaml");
  EXPECT_TRUE(config.ok()) << more;
  if (!config) return std::nullopt;
  return *config;
}

/// Cycles of a first inference and of one that finds cached parameters.
struct Cycles {
  uint64_t cold = 0, cached = 0;
};

std::optional<Cycles> CyclesOf(const Model& model, const NpuConfig& config) {
  const Result<Program> program = Compile(model, config);
  if (!program) return std::nullopt;
  const auto cold = EstimateStream(config, program->image, program->cold_offset);
  const auto cached = EstimateStream(config, program->image, program->warm_offset);
  if (!cold || !cached) return std::nullopt;
  return Cycles{cold->cycles, cached->cycles};
}

std::vector<RandomModel> Networks() {
  std::vector<RandomModel> networks;
  networks.push_back(MakeBottlenecks(14, 256, 64, 1, 1));
  networks.push_back(MakeBottlenecks(28, 96, 24, 2, 2));
  for (uint64_t seed = 1; seed <= 24; ++seed) networks.push_back(MakeRandomBlockNetwork(seed));
  return networks;
}

TEST(Monotone, MoreHardwareCostsNothing) {
  constexpr Step kSteps[] = {
      {"a wider bus", "data_width: 128", "data_width: 64", true},
      {"more PE memory", "memory: 128 KiB", "memory: 256 KiB"},
      {"more core memory", "memory: 64 KiB ", "memory: 128 KiB "},
      {"more PE banks", "banks: 8 ", "banks: 16 ", false, 1.05},
      {"more bursts", "outstanding: 8 ", "outstanding: 16 ", false, 1.04},
      {"more lanes", "lanes: 16 ", "lanes: 32 ", false, 1.18},
      {"more look-ups", "lookup_ports: 8", "lookup_ports: 16"},
  };
  const std::optional<NpuConfig> edge = EdgeWith("", "");
  ASSERT_TRUE(edge);
  int32_t compared = 0;
  for (const RandomModel& drawn : Networks()) {
    const Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
    ASSERT_TRUE(model);
    const std::optional<Cycles> base = CyclesOf(*model, *edge);
    if (!base) continue;
    for (const Step& step : kSteps) {
      const std::optional<NpuConfig> config = EdgeWith(step.line, step.other);
      ASSERT_TRUE(config) << step.name;
      const std::optional<Cycles> other = CyclesOf(*model, *config);
      ASSERT_TRUE(other) << drawn.name << ", " << step.name;
      ++compared;
      const Cycles& few = step.less ? *other : *base;
      const Cycles& many = step.less ? *base : *other;
      EXPECT_LE(static_cast<double>(many.cold), step.most * static_cast<double>(few.cold))
          << drawn.name << ", cold, " << step.name;
      EXPECT_LE(static_cast<double>(many.cached), step.most * static_cast<double>(few.cached))
          << drawn.name << ", cached, " << step.name;
    }
  }
  EXPECT_GE(compared, 60);
}

}  // namespace
}  // namespace npugen::testing
