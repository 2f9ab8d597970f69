// SPDX-License-Identifier: Apache-2.0
// Blocks of pixels and resized images: options and shapes.
#include "sw/model/operators/blocks.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

/// SPACE_TO_DEPTH and DEPTH_TO_SPACE: their tables have the same field.
template <uint8_t kind>
void ReadBlock(OptionReader& reader) {
  if (!reader.Expect(kind, true)) return;
  reader.op.options = BlockOptions{.block_size = reader.Number(tflite::BlockField::kBlockSize, 0)};
}

/// RESIZE_*, whose tables differ in the numbers of the fields.
template <uint8_t kind, typename Field>
void ReadResize(OptionReader& reader) {
  if (!reader.Expect(kind, false)) return;
  reader.op.options = ResizeOptions{.align_corners = reader.Flag(Field::kAlignCorners),
                                    .half_pixel_centers = reader.Flag(Field::kHalfPixelCenters)};
}

std::vector<int32_t> Saturated(const std::vector<int64_t>& shape) {
  std::vector<int32_t> result;
  for (int64_t size : shape) {
    result.push_back(
        static_cast<int32_t>(std::min<int64_t>(size, std::numeric_limits<int32_t>::max())));
  }
  return result;
}

void CheckBlocks(Checker& check) {
  if (!check.Operands(1, 1)) return;
  const int32_t block = std::get<BlockOptions>(check.op.options).block_size;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  check.Rank(check.Input(0), "input " + check.InputText(0), 4);
  check.Positive("block_size", block);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  const int64_t cells = int64_t{block} * block;
  // Whichever of the two is the larger image: it must consist of whole blocks.
  const bool to_depth = check.op.type == OperatorType::kSpaceToDepth;
  if (to_depth ? in[1] % block != 0 || in[2] % block != 0 : in[3] % cells != 0) {
    check.Refuse(
        DiagnosticCode::kOperatorShape,
        fmt::format("input {} is not of whole blocks of size {}", check.InputText(0), block));
    return;
  }
  const std::vector<int64_t> expected =
      to_depth ? std::vector<int64_t>{in[0], in[1] / block, in[2] / block, in[3] * cells}
               : std::vector<int64_t>{in[0], int64_t{in[1]} * block, int64_t{in[2]} * block,
                                      in[3] / cells};
  check.OutputShape(Saturated(expected));
  check.SameQuantization();
}

void CheckBatchBlocks(Checker& check) {
  if (!check.Operands(3, 3)) return;
  auto& options = std::get<BatchSpaceOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  options.block = check.ConstantIntegers(1, "block shape");
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  if (in.size() < options.block.size() + 1 || options.block.empty()) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("block shape {} does not fit input {}", ShapeText(options.block),
                             check.InputText(0)));
    return;
  }
  const bool to_batch = check.op.type == OperatorType::kSpaceToBatch;
  options.value = static_cast<int8_t>(check.Output().zero_point());
  options.borders =
      check.ConstantBorders(2, to_batch ? "padding list" : "crop list", options.block.size());
  check.KeepInputs(1);
  for (int32_t block : options.block) check.Positive("a block size", block);
  if (check.refused()) return;
  std::vector<int64_t> expected(in.begin(), in.end());
  int64_t blocks = 1;
  for (size_t i = 0; i < options.block.size(); ++i) {
    const int64_t block = options.block[i];
    blocks = std::min<int64_t>(blocks * block, std::numeric_limits<int32_t>::max());
    const int64_t border = int64_t{options.borders[i].first} + options.borders[i].second;
    int64_t& size = expected[i + 1];
    if (to_batch ? (size + border) % block != 0 : size * block <= border) {
      check.Refuse(DiagnosticCode::kOperatorShape,
                   fmt::format("dimension {} of input {} does not fit blocks of {}", i + 1,
                               check.InputText(0), block));
      return;
    }
    size = to_batch ? (size + border) / block : size * block - border;
  }
  if (!to_batch && expected[0] % blocks != 0) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {} has no whole number of blocks {}", check.InputText(0),
                             ShapeText(options.block)));
    return;
  }
  expected[0] = to_batch ? expected[0] * blocks : expected[0] / blocks;
  check.OutputShape(Saturated(expected));
  check.SameQuantization();
}

void CheckResizeNearestNeighbor(Checker& check) {
  if (!check.Operands(2, 2)) return;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  const std::vector<int32_t> size = check.ConstantIntegers(1, "size list");
  check.Rank(check.Input(0), "input " + check.InputText(0), 4);
  check.KeepInputs(1);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  if (size.size() != 2) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} sizes are given, not 2", size.size()));
    return;
  }
  check.OutputShape({in[0], size[0], size[1], in[3]});
  // Networks of TensorFlow 1 resize into other scales; the kernel does not look at them.
  if (!check.op.from_uint8) check.SameQuantization();
}

/// RESIZE_BILINEAR, besides what holds for both.
void CheckResizeBilinear(Checker& check) {
  CheckResizeNearestNeighbor(check);
  if (check.refused()) return;
  const auto& options = std::get<ResizeOptions>(check.op.options);
  const std::vector<int32_t>& in = check.Input(0).shape;
  const std::vector<int32_t>& out = check.Output().shape;
  if (options.align_corners && options.half_pixel_centers) {
    check.Refuse(DiagnosticCode::kOperatorOptions, "has both align_corners and half_pixel_centers");
  }
  if (check.op.from_uint8) {
    // The uint8 kernel computes in float32: what it gives is known where all its products are
    // exact, or where all neighbours are the same element.
    bool exact = true, same = true;
    for (int axis = 1; axis <= 2; ++axis) {
      for (int32_t position = 0; position < out[axis]; ++position) {
        const FloatBilinearSource at =
            ComputeFloatBilinearSource(options, position, in[axis], out[axis]);
        exact = exact && at.exact;
        same = same && at.source.lower == at.source.upper;
      }
    }
    if (!exact && !same) {
      check.Refuse(
          DiagnosticCode::kOperatorShape,
          fmt::format("on UINT8 from {} to {}: the float32 steps are no multiples of 1/1024",
                      check.InputText(0), check.OutputText()));
    }
    return;
  }
  // Positions grow: if the last one is inside of the input, all are.
  if (!ComputeBilinearSource(options, out[1] - 1, in[1], out[1]) ||
      !ComputeBilinearSource(options, out[2] - 1, in[2], out[2])) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("from {} to {} the rounded steps lead out of the input",
                             check.InputText(0), check.OutputText()));
  }
}

}  // namespace

const OperatorRules kSpaceToDepthRules = {ReadBlock<tflite::kOptionsSpaceToDepth>, CheckBlocks};
const OperatorRules kDepthToSpaceRules = {ReadBlock<tflite::kOptionsDepthToSpace>, CheckBlocks};
const OperatorRules kSpaceToBatchRules = {DefaultOptions<BatchSpaceOptions>, CheckBatchBlocks};
const OperatorRules kBatchToSpaceRules = {DefaultOptions<BatchSpaceOptions>, CheckBatchBlocks};
const OperatorRules kResizeNearestNeighborRules = {
    ReadResize<tflite::kOptionsResizeNearest, tflite::ResizeNearestField>,
    CheckResizeNearestNeighbor, nullptr, true};
const OperatorRules kResizeBilinearRules = {
    ReadResize<tflite::kOptionsResizeBilinear, tflite::ResizeBilinearField>, CheckResizeBilinear};

}  // namespace npugen
