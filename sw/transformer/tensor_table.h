// SPDX-License-Identifier: Apache-2.0
// Tensors of a file by name: typed bytes that nobody trusts, until they are weights.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/transformer/transformer.h"

namespace npugen {

/// How elements lie in a file.
enum class StoredType : uint8_t {
  kF32,
  kF16,
  kBf16,
  kQ8Blocks,  ///< Q8_0: 32 elements, an f16 scale and as many int8
  kQ4Blocks,  ///< Q4_0: 32 elements, an f16 scale and as many half bytes, 8 standing for 0
};
/// Bytes of a tensor whose last extent is the innermost one. Nothing where the product leaves 64
/// bits, or where rows are not whole blocks.
std::optional<uint64_t> StoredBytes(StoredType type, std::span<const uint64_t> shape);

struct StoredTensor {
  std::string file;
  std::string name;
  StoredType type = StoredType::kF32;
  std::vector<uint64_t> shape;     ///< the innermost extent is the last one
  std::span<const uint8_t> bytes;  ///< StoredBytes() of them
};

/// All tensors of a model. What is wrong is collected in `errors`.
class TensorTable {
 public:
  /// `file` is what errors are about that no tensor's file is.
  explicit TensorTable(std::string file) : file_(std::move(file)) {}

  /// The bytes must outlive the table. A name that is there already is an error (M141).
  void Add(StoredTensor tensor);
  bool Has(const std::string& name) const { return tensors_.contains(name); }
  /// The tensor as bf16 codes; M143 for one that is missing or of another shape, M145 for elements
  /// that are no finite bf16 numbers.
  Matrix TakeMatrix(const std::string& name, MatrixShape shape);
  /// The tensor as FP32 numbers; the same errors.
  std::vector<Fp32> TakeNumbers(const std::string& name, std::span<const uint64_t> shape);
  std::vector<Fp32> TakeVector(const std::string& name, uint64_t length) {
    return TakeNumbers(name, {&length, 1});
  }
  /// A tensor that is of no use to the model.
  void Ignore(const std::string& name) { tensors_.erase(name); }
  /// Errors of the tensors that nothing took (M143); of the first of them, and how many.
  void RefuseRest();
  void Fail(DiagnosticCode code, const std::string& file, std::string message, std::string hint);

  Diagnostics errors;

 private:
  /// Removes a tensor and returns it, or says why it cannot be used.
  std::optional<StoredTensor> Take(const std::string& name, std::span<const uint64_t> shape);

  std::string file_;
  std::map<std::string, StoredTensor> tensors_;
};

/// Names of a model's tensors; in those of blocks "{}" stands for the block's number.
struct TensorNames {
  std::string_view embedding;
  std::string_view head;
  std::string_view norm;
  std::string_view attention_norm;
  std::string_view feed_forward_norm;
  std::string_view linear[kLinearLayers];
  std::string_view weight = ".weight";  ///< what follows each name, and "gain" of norms
  std::string_view gain = ".weight";
  std::string_view bias = ".bias";
};

/// Takes all weights of `model`, whose config is set, from the table. `tied`: the head is the
/// embedding; where the file has both they must be the same. Tensors that are left are refused.
Result<Transformer> AssembleTransformer(Transformer model, TensorTable& table,
                                        const TensorNames& names, bool tied);

/// A text in which the first "{}" is the number.
std::string NumberedName(std::string_view name, uint32_t number);

}  // namespace npugen
