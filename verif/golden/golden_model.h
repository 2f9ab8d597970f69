// SPDX-License-Identifier: Apache-2.0
// The golden model: what TensorFlow Lite Micro's reference kernels compute, tensor by tensor, bit
// for bit; and layers of bits by their definition in sw/model/model.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"
#include "verif/golden/fixed_point.h"

namespace npugen {

using golden::Rounding;

/// Bytes of every tensor of a model, by tensor number; constants stay empty.
using TensorBytes = std::vector<std::vector<uint8_t>>;

/// A network made ready to run many times. The model must come from a reader.
class GoldenModel {
 public:
  explicit GoldenModel(const Model& model, Rounding rounding = Rounding::kDouble);
  ~GoldenModel();
  GoldenModel(GoldenModel&&) noexcept;

  /// All tensors after a run on `inputs`, in the order of Model::inputs, each of its tensor's size.
  /// `states` holds those of the run before, in the order of Model::states, and gets those of this
  /// one; empty, or null: this is the first run.
  Result<TensorBytes> Run(const std::vector<std::vector<uint8_t>>& inputs,
                          std::vector<std::vector<uint8_t>>* states = nullptr) const;

 private:
  struct Prepared;
  std::unique_ptr<Prepared> prepared_;
};

/// A first run of `model`.
Result<TensorBytes> RunGolden(const Model& model, const std::vector<std::vector<uint8_t>>& inputs,
                              Rounding rounding = Rounding::kDouble);

/// How often each output channel of a gated BINARY_CONV_2D passes its gate (the first plane's sum
/// is above it) in a run with these tensors; empty for other operators.
std::vector<int64_t> GatePasses(const Model& model, const Operator& op, const TensorBytes& tensors);

/// The first difference between two runs, and how large it is.
struct Mismatch {
  int32_t tensor = 0;
  std::string tensor_name;
  int32_t operator_index = -1;    ///< position of the operator that writes the tensor; -1: an input
  std::string operator_name;      ///< such as "CONV_2D"
  int64_t element = 0;            ///< first differing element, row major
  std::vector<int32_t> position;  ///< the same as an index for each dimension; of kBits the channel
                                  ///< may be one behind the last, where bits must be 0
  double expected = 0;            ///< value
  double actual = 0;
  int64_t differing = 0;  ///< differing bytes, of kBits codes, in this tensor
  int64_t elements = 0;   ///< bytes, of kBits codes, of this tensor
};

/// Result of comparing two runs.
struct Comparison {
  int64_t tensors = 0;   ///< compared
  int64_t elements = 0;  ///< compared
  int64_t differing_tensors = 0;
  int64_t differing_elements = 0;
  std::optional<Mismatch> first;  ///< in order of execution
  bool equal() const { return differing_tensors == 0; }
};

/// Compares all activation tensors in order of execution. Tensors that are empty in `actual` are
/// left out (hardware need not give every one back); one of another size differs in every element.
Comparison CompareTensors(const Model& model, const TensorBytes& expected,
                          const TensorBytes& actual);

/// The mismatch in a sentence.
std::string DescribeMismatch(const Mismatch& mismatch);

}  // namespace npugen
