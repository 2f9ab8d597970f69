// SPDX-License-Identifier: Apache-2.0
// Blocks of pixels to channels, batches and back; images of other sizes.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "verif/golden/gather.h"

namespace npugen::golden {
namespace {

// [batch, size 1, size 2 ..., rest] becomes [block 1, block 2 ..., batch, size 1 / block 1, ...].
Bytes SpaceToBatch(const Bytes& in, const Shape& shape, const BatchSpaceOptions& options) {
  const auto dimensions = static_cast<int32_t>(options.block.size());
  std::vector<std::pair<int32_t, int32_t>> paddings(shape.size());
  std::copy(options.borders.begin(), options.borders.end(), paddings.begin() + 1);
  const Bytes padded = Padded(in, shape, paddings, options.value);
  Shape view{shape[0]};
  std::vector<int32_t> blocks, cells;
  for (int32_t d = 1; d < static_cast<int32_t>(shape.size()); ++d) {
    const int32_t size = shape[d] + paddings[d].first + paddings[d].second;
    cells.push_back(static_cast<int32_t>(view.size()));
    if (d <= dimensions) {
      view.push_back(size / options.block[d - 1]);
      blocks.push_back(static_cast<int32_t>(view.size()));
      view.push_back(options.block[d - 1]);
    } else {
      view.push_back(size);
    }
  }
  std::vector<int32_t> permutation = blocks;
  permutation.push_back(0);
  permutation.insert(permutation.end(), cells.begin(), cells.end());
  return Transposed(padded, view, permutation);
}

// The inverse, then the crops.
Bytes BatchToSpace(const Bytes& in, const Shape& shape, const BatchSpaceOptions& options) {
  const auto dimensions = static_cast<int32_t>(options.block.size());
  int32_t blocks = 1;
  for (int32_t block : options.block) blocks *= block;
  Shape view = options.block;
  view.push_back(shape[0] / blocks);
  view.insert(view.end(), shape.begin() + 1, shape.end());
  std::vector<int32_t> permutation{dimensions};
  Shape whole{shape[0] / blocks};
  for (int32_t d = 1; d < static_cast<int32_t>(shape.size()); ++d) {
    permutation.push_back(dimensions + d);
    whole.push_back(shape[d]);
    if (d > dimensions) continue;
    permutation.push_back(d - 1);
    whole.back() *= options.block[d - 1];
  }
  SliceOptions crop{Shape(whole.size(), 0), Shape(whole.size(), 1), whole};
  for (int32_t d = 1; d <= dimensions; ++d) {
    const auto& [before, after] = options.borders[d - 1];
    crop.begin[d] = before;
    crop.size[d] -= before + after;
  }
  return Sliced(Transposed(in, view, permutation), whole, crop);
}

Bytes Nearest(const Bytes& in, const Shape& from, const Shape& to, const ResizeOptions& options) {
  const Shape steps = Steps(from);
  Origins origins(4);
  for (size_t d = 0; d < 4; ++d) {
    for (int32_t i = 0; i < to[d]; ++i) {
      const bool resized = d == 1 || d == 2;
      origins[d].push_back(int64_t{steps[d]} *
                           (resized ? NearestSource(options, i, from[d], to[d]) : i));
    }
  }
  return Gather(in, origins);
}

// Four neighbours in 1/1024 each way; halves are rounded away from zero.
void ResizeBilinear(const Node& node, const int8_t* in, int8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const auto& options = std::get<ResizeOptions>(node.op.options);
  const int64_t in_h = input.shape[1], in_w = input.shape[2], depth = input.shape[3];
  constexpr int64_t kOne = 1 << 10;
  for (int64_t n = 0; n < output.shape[0]; ++n, in += in_h * in_w * depth) {
    for (int32_t y = 0; y < output.shape[1]; ++y) {
      const BilinearSource row =
          ComputeBilinearSource(options, y, input.shape[1], output.shape[1]).value();
      for (int32_t x = 0; x < output.shape[2]; ++x, out += depth) {
        const BilinearSource column =
            ComputeBilinearSource(options, x, input.shape[2], output.shape[2]).value();
        const auto at = [&](int64_t iy, int64_t ix, int64_t c) -> int64_t {
          return in[(iy * in_w + ix) * depth + c];
        };
        for (int64_t c = 0; c < depth; ++c) {
          const int64_t upper = at(row.lower, column.lower, c) * (kOne - column.fraction) +
                                at(row.lower, column.upper, c) * column.fraction;
          const int64_t lower = at(row.upper, column.lower, c) * (kOne - column.fraction) +
                                at(row.upper, column.upper, c) * column.fraction;
          const int64_t sum = upper * (kOne - row.fraction) + lower * row.fraction;
          const int64_t half = kOne * kOne / 2;
          const int64_t rounded = node.rounding == Rounding::kSingle
                                      ? (sum + half) >> 20
                                      : (sum + (sum > 0 ? half : -half)) / (kOne * kOne);
          out[c] = static_cast<int8_t>(rounded);
        }
      }
    }
  }
}

/// On uint8 values, as reference_ops::ResizeBilinear: in float32, and halves go up.
void ResizeBilinearUint8(const Node& node, const int8_t* in, int8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const auto& options = std::get<ResizeOptions>(node.op.options);
  const int64_t in_h = input.shape[1], in_w = input.shape[2], depth = input.shape[3];
  const auto position = [&](int32_t at, int32_t in_size, int32_t out_size) {
    float scale = static_cast<float>(in_size) / static_cast<float>(out_size);
    if (options.align_corners && out_size > 1) {
      scale = static_cast<float>(in_size - 1) / static_cast<float>(out_size - 1);
    }
    const float scaled = options.half_pixel_centers ? (static_cast<float>(at) + 0.5f) * scale - 0.5f
                                                    : static_cast<float>(at) * scale;
    const int64_t lower = std::max<int64_t>(static_cast<int64_t>(std::floor(scaled)), 0);
    const int64_t upper = std::min<int64_t>(static_cast<int64_t>(std::ceil(scaled)), in_size - 1);
    return std::tuple(scaled, lower, upper);
  };
  for (int64_t n = 0; n < output.shape[0]; ++n, in += in_h * in_w * depth) {
    for (int32_t y = 0; y < output.shape[1]; ++y) {
      const auto [at_y, y0, y1] = position(y, input.shape[1], output.shape[1]);
      const float dy = at_y - static_cast<float>(y0);
      for (int32_t x = 0; x < output.shape[2]; ++x, out += depth) {
        const auto [at_x, x0, x1] = position(x, input.shape[2], output.shape[2]);
        const float dx = at_x - static_cast<float>(x0);
        for (int64_t c = 0; c < depth; ++c) {
          const auto value = [&, c = c](int64_t iy, int64_t ix) {
            return static_cast<float>(in[(iy * in_w + ix) * depth + c] + 128);
          };
          const float sum = value(y0, x0) * (1 - dy) * (1 - dx) + value(y1, x0) * dy * (1 - dx) +
                            value(y0, x1) * (1 - dy) * dx + value(y1, x1) * dy * dx;
          out[c] = static_cast<int8_t>(static_cast<int32_t>(sum + 0.5f) - 128);
        }
      }
    }
  }
}

int32_t BlockOf(const Node& node) { return std::get<BlockOptions>(node.op.options).block_size; }

}  // namespace

Kernel MakeSpaceToDepth(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    const Shape& s = node.input().shape;
    const int32_t b = BlockOf(node);
    return Transposed(in, {s[0], s[1] / b, b, s[2] / b, b, s[3]}, {0, 1, 3, 2, 4, 5});
  });
}

Kernel MakeDepthToSpace(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    const Shape& s = node.input().shape;
    const int32_t b = BlockOf(node);
    return Transposed(in, {s[0], s[1], s[2], b, b, s[3] / (b * b)}, {0, 1, 3, 2, 4, 5});
  });
}

Kernel MakeSpaceToBatch(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    return SpaceToBatch(in, node.input().shape, std::get<BatchSpaceOptions>(node.op.options));
  });
}

Kernel MakeBatchToSpace(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    return BatchToSpace(in, node.input().shape, std::get<BatchSpaceOptions>(node.op.options));
  });
}

Kernel MakeResizeNearestNeighbor(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    return Nearest(in, node.input().shape, node.output().shape,
                   std::get<ResizeOptions>(node.op.options));
  });
}

Kernel MakeResizeBilinear(const Node& node) {
  if (node.op.from_uint8) {
    return [node](const Run& run) { ResizeBilinearUint8(node, run.in(), run.out()); };
  }
  return [node](const Run& run) { ResizeBilinear(node, run.in(), run.out()); };
}

}  // namespace npugen::golden
