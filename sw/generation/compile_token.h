// SPDX-License-Identifier: Apache-2.0
// A token of a transformer as a program of one NPU (docs/transformers.md, section 6).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/program.h"
#include "sw/float/step_builder.h"
#include "sw/transformer/transformer.h"

namespace npugen::generation {

/// A tensor of BF16 codes that is stored for checks, in the output window.
struct KeptTensor {
  std::string name;  ///< as golden::TensorObserver has it
  int64_t offset = 0, elements = 0;
  /// Where in its head each channel is; empty: in its place.
  std::vector<uint32_t> places = {};

  /// Byte of the output window where element i is.
  int64_t At(int64_t i) const {
    const auto head = static_cast<int64_t>(places.size());
    const int64_t place =
        head == 0 ? i : i / head * head + int64_t{places[static_cast<size_t>(i % head)]};
    return offset + 2 * place;
  }
};

/// The program of one position. Its input window has the constants, its scratch memory the keys and
/// values of a text, which stay from token to token; its one input is what TokenInput() gives, its
/// one output the logits, FP32.
struct TokenProgram {
  Program program;
  std::vector<KeptTensor> kept;
  int64_t memory_bytes = 0;  ///< of PE memory that are used
};

/// Compiles a model for an NPU. Both must outlive the compiler.
class TokenCompiler {
 public:
  struct Options {
    bool keep_tensors = false;  ///< all that the golden model shows is stored, too
  };
  /// Errors: S151 where the NPU lacks what the model needs, C121 where windows are too small.
  static Result<TokenCompiler> Make(const NpuConfig& config, const Transformer& model,
                                    const Options& options);

  /// Contents of the input window: weights, gains, programs of the vector unit.
  const std::vector<uint8_t>& constants() const { return constants_; }
  /// The program of the token at `position` of a text, below the context. Errors: C121.
  Result<TokenProgram> Compile(uint32_t position) const;
  /// The token's row of the embedding, and the position's of the tables of the rotation.
  std::vector<uint8_t> TokenInput(uint32_t token, uint32_t position) const;

 private:
  friend class TokenWriter;

  /// A matrix, or several whose rows follow one another, as a window has them.
  struct Linear {
    floats::WindowWeights weights;
    int64_t channels = 0, depth = 0;  ///< elements
  };
  struct StoredNorm {
    int64_t gain = 0, bias = -1;  ///< bytes of the input window; below 0: none
  };
  struct Block {
    StoredNorm attention_norm, feed_forward_norm;
    Linear query_key_value, output, up, down;  ///< up: behind the gate
  };
  /// Pairs of channels that turn together: `count` from `first` and from `second` of a head on.
  struct Pairs {
    int64_t first, second, count, table;  ///< elements
  };

  TokenCompiler(const NpuConfig& config, const Transformer& model, const Options& options)
      : config_(&config), model_(&model), options_(options) {}
  Status CheckMachine() const;
  Status Store();
  int64_t Append(const void* data, size_t bytes);
  Linear StoreMatrices(std::initializer_list<const Matrix*> matrices, int64_t permuted_rows = 0);
  StoredNorm StoreNorm(const Norm& norm);
  void PlaceCache();

  int64_t products() const { return config_->simd / 2; }  ///< of a step
  int64_t slice_bytes() const { return int64_t{config_->slice_rows()} * config_->core_row_bytes(); }
  /// Input tensor: bytes of the row of the embedding, and where the tables begin.
  int64_t TablesAt() const;
  int64_t TokenBytes() const;

  const NpuConfig* config_;
  const Transformer* model_;
  Options options_;
  std::vector<uint8_t> constants_;
  std::vector<Block> blocks_;
  Linear head_;
  StoredNorm norm_;
  bool biased_norms_ = false;
  int64_t programs_at_ = 0;
  std::vector<VectorProgram> programs_;
  std::vector<uint32_t> order_;  ///< channel of each place of a head; empty: as they are
  std::vector<Pairs> pairs_;
  /// Keys and values of the first block's first head; steps to the next ones.
  floats::WindowWeights keys_, values_;
  int64_t key_head_bytes_ = 0, value_head_bytes_ = 0, cache_block_bytes_ = 0, cache_bytes_ = 0;
};

}  // namespace npugen::generation
