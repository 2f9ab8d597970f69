// SPDX-License-Identifier: Apache-2.0
// Random blocks of pixels and resized images.
#include "verif/random/draw.h"

namespace npugen::testing {
namespace {

std::optional<int32_t> AppendBlocks(Drawer& draw, OperatorType type, int32_t input,
                                    const Tensor& in) {
  std::vector<int32_t> shape = in.shape;
  if (type == OperatorType::kSpaceToDepth) {
    if (shape[1] % 2 != 0 || shape[2] % 2 != 0) return std::nullopt;
    shape = {shape[0], shape[1] / 2, shape[2] / 2, shape[3] * 4};
  } else {
    if (shape[3] % 4 != 0) return std::nullopt;
    shape = {shape[0], shape[1] * 2, shape[2] * 2, shape[3] / 4};
  }
  const int32_t output = draw.Like(in, shape);
  draw.writer.Append(type, {input}, {output}, BlockOptions{2});
  return output;
}

std::optional<int32_t> DrawSpaceToDepth(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendBlocks(draw, OperatorType::kSpaceToDepth, input, in);
}

std::optional<int32_t> DrawDepthToSpace(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendBlocks(draw, OperatorType::kDepthToSpace, input, in);
}

std::optional<int32_t> AppendBatchBlocks(Drawer& draw, OperatorType type, int32_t input,
                                         const Tensor& in) {
  std::vector<int32_t> shape = in.shape;
  std::vector<int32_t> borders(4, 0);
  if (type == OperatorType::kSpaceToBatch) {
    borders[0] = draw.random.Integer(0, 2);
    borders[2] = draw.random.Integer(0, 2);
    borders[1] = (shape[1] + borders[0]) % 2;
    borders[3] = (shape[2] + borders[2]) % 2;
    shape = {shape[0] * 4, (shape[1] + borders[0] + borders[1]) / 2,
             (shape[2] + borders[2] + borders[3]) / 2, shape[3]};
  } else {
    if (shape[0] % 4 != 0) return std::nullopt;
    borders = {draw.random.Integer(0, 1), 0, 0, draw.random.Integer(0, 1)};
    shape = {shape[0] / 4, shape[1] * 2 - borders[0], shape[2] * 2 - borders[3], shape[3]};
  }
  const int32_t output = draw.Like(in, shape);
  draw.writer.Append(type, {input, draw.List({2, 2}), draw.writer.Integers({2, 2}, borders)},
                     {output}, BatchSpaceOptions{});
  return output;
}

std::optional<int32_t> DrawSpaceToBatch(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendBatchBlocks(draw, OperatorType::kSpaceToBatch, input, in);
}

std::optional<int32_t> DrawBatchToSpace(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendBatchBlocks(draw, OperatorType::kBatchToSpace, input, in);
}

std::optional<int32_t> AppendResize(Drawer& draw, OperatorType type, int32_t input,
                                    const Tensor& in) {
  ResizeOptions options;
  options.align_corners = draw.random.Chance(3);
  options.half_pixel_centers = !options.align_corners && draw.random.Chance(2);
  const std::vector<int32_t> size{draw.random.Integer(1, 16), draw.random.Integer(1, 16)};
  const int32_t output = draw.Like(in, {in.shape[0], size[0], size[1], in.shape[3]});
  draw.writer.Append(type, {input, draw.List(size)}, {output}, options);
  return output;
}

std::optional<int32_t> DrawResizeNearestNeighbor(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendResize(draw, OperatorType::kResizeNearestNeighbor, input, in);
}

std::optional<int32_t> DrawResizeBilinear(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendResize(draw, OperatorType::kResizeBilinear, input, in);
}

// What has to consist of blocks of 2.
void DoubleImage(std::vector<int32_t>& shape) {
  shape[1] *= 2;
  shape[2] *= 2;
}
void FourTimesChannels(std::vector<int32_t>& shape) { shape[3] *= 4; }
void FourImages(std::vector<int32_t>& shape) { shape[0] = 4; }

}  // namespace

const OperatorDraw kSpaceToDepthDraw = {DrawSpaceToDepth, /*needs_image=*/true, DoubleImage};
const OperatorDraw kDepthToSpaceDraw = {DrawDepthToSpace, /*needs_image=*/true, FourTimesChannels};
const OperatorDraw kSpaceToBatchDraw = {DrawSpaceToBatch, /*needs_image=*/true};
const OperatorDraw kBatchToSpaceDraw = {DrawBatchToSpace, /*needs_image=*/true, FourImages};
const OperatorDraw kResizeNearestNeighborDraw = {DrawResizeNearestNeighbor, /*needs_image=*/true};
const OperatorDraw kResizeBilinearDraw = {DrawResizeBilinear, /*needs_image=*/true};

}  // namespace npugen::testing
