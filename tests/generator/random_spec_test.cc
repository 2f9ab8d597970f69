// SPDX-License-Identifier: Apache-2.0
// Refusals of random specs: they name what conflicts, and their hints lead to a legal spec.
#include "tests/support/random_spec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "generator/config/load.h"
#include "generator/config/rules.h"

namespace npugen {
namespace {

using testing::DrawSpec;
using testing::FollowHint;
using testing::RandomSource;
using testing::SpecText;
using testing::SpecValues;

/// Keys that stand in the message as `key = value`.
int KeysNamed(const std::string& message) {
  int count = 0;
  for (size_t at = message.find(" = "); at != std::string::npos; at = message.find(" = ", at + 1)) {
    ++count;
  }
  return count;
}

TEST(RandomSpec, RefusalsNameTheConflictAndTheWayOut) {
  int accepted = 0, refused = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    RandomSource random(seed);
    SpecValues values = DrawSpec(&random, seed % 2 == 0);
    int steps = 0;
    for (;; ++steps) {
      const std::string text = SpecText(values);
      const Result<NpuConfig> config = LoadSpecText(text, "random.yaml");
      if (config.ok()) break;
      ASSERT_LT(steps, 100) << "the hints do not lead to a legal spec\n" << text;
      for (const Diagnostic& error : config.errors()) {
        const auto rules = AllRules();
        EXPECT_TRUE(std::any_of(rules.begin(), rules.end(),
                                [&](const ConfigRule& rule) { return rule.code == error.code; }))
            << FormatDiagnostic(error, false) << text;
        EXPECT_GE(KeysNamed(error.message), 2) << FormatDiagnostic(error, false);
      }
      const size_t which =
          static_cast<size_t>(random.Integer(0, static_cast<int32_t>(config.errors().size()) - 1));
      ASSERT_TRUE(FollowHint(config.errors()[which], &random, &values))
          << FormatDiagnostic(config.errors()[which], false);
    }
    ++(steps == 0 ? accepted : refused);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 1000);
}

/// A refusal with one cause is mended by any one of the values that it suggests.
TEST(RandomSpec, OneSuggestionMendsOneConflict) {
  int single = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    RandomSource random(seed);
    const SpecValues values = DrawSpec(&random, true);
    const Result<NpuConfig> config = LoadSpecText(SpecText(values), "random.yaml");
    if (config.ok() || config.errors().size() != 1) continue;
    ++single;
    SpecValues mended = values;
    ASSERT_TRUE(FollowHint(config.errors()[0], &random, &mended));
    const Result<NpuConfig> again = LoadSpecText(SpecText(mended), "random.yaml");
    if (again.ok()) continue;
    for (const Diagnostic& error : again.errors()) {
      EXPECT_NE(error.message, config.errors()[0].message) << FormatDiagnostic(error, false);
    }
  }
  EXPECT_GT(single, 200);
}

}  // namespace
}  // namespace npugen
