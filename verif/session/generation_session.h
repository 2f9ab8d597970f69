// SPDX-License-Identifier: Apache-2.0
// Texts on one machine, token by token (docs/transformers.md, section 6).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/generation/compile_token.h"
#include "sw/runtime/machine.h"
#include "sw/runtime/npu_host.h"
#include "sw/transformer/transformer.h"
#include "verif/transformer/golden_transformer.h"

namespace npugen {

/// What all tokens so far have taken.
struct GenerationTotals {
  uint64_t tokens = 0, cycles = 0;
  uint64_t bytes_read = 0, bytes_written = 0;
  uint64_t first_cycles = 0, last_cycles = 0;  ///< of the first and the last one
  uint64_t macs = 0;
  double seconds = 0;               ///< of simulation
  std::vector<CauseCycles> layers;  ///< as in programs(), which have the same layers
  uint64_t different = 0;           ///< tensors and logits that are not the golden model's
};

/// A model on a machine, both of which must outlive the session.
class GenerationSession {
 public:
  struct Options {
    bool check = false;      ///< every tensor of every token is compared with the golden model
    uint32_t texts = 1;      ///< at the same time
    uint32_t positions = 1;  ///< tokens that the longest text may have, at most the context
    uint64_t timeout_cycles = 1'000'000'000;
  };

  /// Compiles. Errors: those of TokenCompiler.
  static Result<std::unique_ptr<GenerationSession>> Make(const NpuConfig& config,
                                                         const Transformer& model,
                                                         const Options& options);
  /// Bytes of memory that the machine must have.
  uint64_t MemoryBytes() const;
  /// Places constants and programs. Errors: of NpuHost.
  Status Open(Machine& machine);

  /// By position.
  const std::vector<generation::TokenProgram>& programs() const { return programs_; }

  /// Takes tokens behind those that a text has; the logits behind the last one. Errors: of NpuHost,
  /// and those of golden::CheckTokens().
  Result<std::vector<Fp32>> Feed(size_t text, std::span<const uint32_t> tokens);
  /// A text begins anew.
  void Restart(size_t text);

  const GenerationTotals& totals() const { return totals_; }

 private:
  struct Text {
    uint32_t length = 0;
    npu_buffer cache = {};
    golden::GoldenSequence golden;
  };

  GenerationSession(const NpuConfig& config, const Transformer& model, const Options& options,
                    generation::TokenCompiler compiler)
      : config_(config), model_(model), options_(options), compiler_(std::move(compiler)) {}
  Result<std::vector<Fp32>> FeedOne(Text& text, uint32_t token);
  /// Tensors and logits of a token that are not the golden model's.
  Result<uint64_t> Compare(Text& text, uint32_t token, std::span<const uint8_t> output,
                           const std::vector<Fp32>& logits);

  const NpuConfig& config_;
  const Transformer& model_;
  Options options_;
  generation::TokenCompiler compiler_;
  std::vector<generation::TokenProgram> programs_;
  std::unique_ptr<golden::GoldenTransformer> golden_;
  std::unique_ptr<NpuHost> host_;
  std::vector<PlacedProgram> placed_;
  std::vector<Text> texts_;
  GenerationTotals totals_;
};

}  // namespace npugen
