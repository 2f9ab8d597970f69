// SPDX-License-Identifier: Apache-2.0
// Texts on RTL through the driver: every tensor of every token that of the golden model, several
// texts side by side, and a text after another one.
#include <gtest/gtest.h>

#include <memory>

#include "tests/system/simulation.h"
#include "tests/transformer/model_files.h"
#include "verif/session/generation_session.h"
#include "verif/transformer/generate.h"

namespace npugen::testing {
namespace {

TEST(Generation, TextsSideBySide) {
  const NpuConfig config = SpecConfig("edge_float");
  const Transformer model = RandomTransformer(SmallConfig(), 7);
  GenerationSession::Options options;
  options.check = true;
  options.texts = 2;
  options.positions = 20;
  const auto session = GenerationSession::Make(config, model, options);
  ASSERT_TRUE(session.ok()) << ErrorText(session);
  SimulationOptions simulation;
  simulation.memory_bytes = (*session)->MemoryBytes();
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, simulation);
  ASSERT_TRUE((*session)->Open(*npu).ok());

  golden::GenerationRequest request;
  request.prompt = {1, 2, 3};
  request.tokens = 17;  // positions of groups of keys and of steps of values begin within
  std::vector<golden::GenerationRequest> requests = {request, request};
  requests[1].prompt = {9};
  requests[1].tokens = 3;
  const auto feed = [&](size_t text, std::span<const uint32_t> tokens) {
    return (*session)->Feed(text, tokens);
  };
  const auto texts = golden::Generate(model, requests, feed);
  ASSERT_TRUE(texts.ok()) << ErrorText(texts);
  const golden::GoldenTransformer golden(model, UniformFormats(model.config, LinearFormat::kBf16));
  const auto expected = golden::Generate(golden, requests);
  ASSERT_TRUE(expected.ok());
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ((*texts)[i].tokens, (*expected)[i].tokens) << i;
  EXPECT_EQ((*session)->totals().different, 0u);

  // What cannot be taken changes nothing, and the next text is right.
  EXPECT_FALSE((*session)->Feed(0, {{99}}).ok());
  (*session)->Restart(1);
  const auto again = golden::Generate(
      model, {&requests[0], 1}, [&](size_t, auto tokens) { return (*session)->Feed(1, tokens); });
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)[0].tokens, (*expected)[0].tokens);
  EXPECT_EQ((*session)->totals().different, 0u);
}

}  // namespace
}  // namespace npugen::testing
