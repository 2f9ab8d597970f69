// SPDX-License-Identifier: Apache-2.0
// Differences between two runs, counted and described.
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "sw/model/describe.h"
#include "verif/golden/binary.h"
#include "verif/golden/golden_model.h"

namespace npugen {
namespace {

// Element `index` of a tensor's bytes; 0 beyond the end.
double ValueAt(TensorType type, const std::vector<uint8_t>& bytes, size_t index) {
  const size_t size = ElementBytes(type);
  if ((index + 1) * size > bytes.size()) return 0;
  uint64_t bits = 0;
  std::memcpy(&bits, bytes.data() + index * size, size);
  switch (type) {
    case TensorType::kUint8:
    case TensorType::kBool:
      return static_cast<int32_t>(bits);
    case TensorType::kInt16:
      return static_cast<int16_t>(bits);
    case TensorType::kInt32:
      return static_cast<int32_t>(bits);
    case TensorType::kInt64:
      return static_cast<double>(static_cast<int64_t>(bits));
    case TensorType::kFloat32:
      return std::bit_cast<float>(static_cast<uint32_t>(bits));
    default:
      return static_cast<int8_t>(bits);
  }
}

// The first difference and the number of differing bytes.
Mismatch CompareBytes(const Tensor& tensor, const std::vector<uint8_t>& want,
                      const std::vector<uint8_t>& have) {
  Mismatch mismatch;
  mismatch.elements = static_cast<int64_t>(want.size());
  const size_t size = ElementBytes(tensor.type);
  for (size_t i = 0; i < want.size(); ++i) {
    if (want.size() == have.size() && want[i] == have[i]) continue;
    if (mismatch.differing++ != 0) continue;
    mismatch.element = static_cast<int64_t>(i / size);
    mismatch.expected = ValueAt(tensor.type, want, i / size);
    mismatch.actual = ValueAt(tensor.type, have, i / size);
    int64_t rest = mismatch.element;
    mismatch.position.resize(tensor.shape.size());
    for (size_t d = tensor.shape.size(); d-- > 0; rest /= tensor.shape[d]) {
      mismatch.position[d] = static_cast<int32_t>(rest % tensor.shape[d]);
    }
  }
  return mismatch;
}

// The same for codes. The bits behind a pixel's last channel are compared, too: they must be 0.
Mismatch CompareCodes(const Tensor& tensor, const std::vector<uint8_t>& want,
                      const std::vector<uint8_t>& have) {
  Mismatch mismatch;
  mismatch.elements = tensor.elements();
  if (want == have) return mismatch;
  const std::vector<int32_t>& shape = tensor.shape;
  const int32_t stored = (shape[3] + 7) / 8 * 8;
  for (int32_t n = 0; n < shape[0]; ++n) {
    for (int32_t y = 0; y < shape[1]; ++y) {
      for (int32_t x = 0; x < shape[2]; ++x) {
        for (int32_t c = 0; c < stored; ++c) {
          int32_t code = golden::CodeAt(tensor, want, n, y, x, c);
          int32_t other = golden::CodeAt(tensor, have, n, y, x, c);
          if (tensor.values && code == other && want.size() == have.size()) {
            code = golden::ValueAt(tensor, want, y, x, c);
            other = golden::ValueAt(tensor, have, y, x, c);
          }
          const bool counts = want.size() == have.size() || c < shape[3];
          if (!counts || (want.size() == have.size() && code == other)) continue;
          if (mismatch.differing++ != 0) continue;
          mismatch.element =
              ((int64_t{n} * shape[1] + y) * shape[2] + x) * shape[3] + std::min(c, shape[3] - 1);
          mismatch.position = {n, y, x, c};
          mismatch.expected = code;
          mismatch.actual = other;
        }
      }
    }
  }
  return mismatch;
}

}  // namespace

Comparison CompareTensors(const Model& model, const TensorBytes& expected,
                          const TensorBytes& actual) {
  Comparison result;
  const auto compare = [&](int32_t number, const Operator* op) {
    const std::vector<uint8_t>& have = actual[number];
    if (have.empty()) return;
    const Tensor& tensor = model.tensors[number];
    Mismatch mismatch = tensor.type == TensorType::kBits
                            ? CompareCodes(tensor, expected[number], have)
                            : CompareBytes(tensor, expected[number], have);
    ++result.tensors;
    result.elements += mismatch.elements;
    if (mismatch.differing == 0) return;
    ++result.differing_tensors;
    result.differing_elements += mismatch.differing;
    if (result.first) return;
    mismatch.tensor = number;
    mismatch.tensor_name = tensor.name;
    if (op != nullptr) {
      mismatch.operator_index = op->index;
      mismatch.operator_name = op->name;
    }
    result.first = std::move(mismatch);
  };
  for (int32_t tensor : model.inputs) compare(tensor, nullptr);
  for (const Operator& op : model.operators) {
    for (int32_t tensor : op.outputs) compare(tensor, &op);
  }
  return result;
}

std::string DescribeMismatch(const Mismatch& m) {
  return fmt::format(
      "operator {} {}, tensor {} \"{}\": element {} at {} is {} instead of {}; {} of {} elements "
      "differ",
      m.operator_index, m.operator_name, m.tensor, m.tensor_name, m.element, ShapeText(m.position),
      m.actual, m.expected, m.differing, m.elements);
}

}  // namespace npugen
