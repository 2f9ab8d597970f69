// SPDX-License-Identifier: Apache-2.0
// Operators that only move data: views of the input become views of the output.
#include <algorithm>
#include <cmath>

#include "sw/compiler/lower/elementwise.h"
#include "sw/compiler/lower/lower_operators.h"
#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

using Shape = std::vector<int64_t>;

/// All of a tensor.
View ViewOf(LoweringContext& context, int32_t number) {
  const Tensor& tensor = context.tensor(number);
  return DenseView(context.StorageOf(number), Shape(tensor.shape.begin(), tensor.shape.end()),
                   static_cast<int64_t>(ElementBytes(tensor.type)));
}

/// The same elements in another dense shape.
View Reshaped(const View& dense, const Shape& shape) {
  return DenseView(dense.storage, shape, dense.element_bytes);
}

/// Fills what lies around the box at `begin` of `size` elements in each dimension: slabs that are
/// whole in inner dimensions and as wide as the box in outer ones.
void FillAround(Layer* copy, const View& target, const Shape& begin, const Shape& size) {
  View within = target;
  for (size_t d = 0; d < target.shape.size(); ++d) {
    AddFill(copy, Sliced(within, d, 0, begin[d]));
    const int64_t end = begin[d] + size[d];
    AddFill(copy, Sliced(within, d, end, target.shape[d] - end));
    within = Sliced(within, d, begin[d], size[d]);
  }
}

/// Calls `function(index)` for all index vectors below `counts`.
template <typename F>
void ForEachIndex(const Shape& counts, const F& function) {
  Shape index(counts.size(), 0);
  if (std::find(counts.begin(), counts.end(), 0) != counts.end()) return;
  for (;;) {
    function(index);
    size_t d = counts.size();
    while (d > 0 && ++index[d - 1] == counts[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

/// Positions begin, begin + step ... of an output dimension, and the input positions they come
/// from.
struct Progression {
  int64_t out_begin, out_step, in_begin, in_step, count;
};

/// Cuts an index map into progressions. Enlarging by about n repeats inputs n times, so positions n
/// apart go together.
std::vector<Progression> Progressions(const std::vector<int64_t>& source, int64_t input_size) {
  std::vector<Progression> result;
  const int64_t size = static_cast<int64_t>(source.size());
  const int64_t phases = std::clamp<int64_t>((size + input_size / 2) / input_size, 1, size);
  for (int64_t phase = 0; phase < phases; ++phase) {
    for (int64_t at = phase; at < size;) {
      Progression run{at, phases, source[at], 0, 1};
      if (at + phases < size) run.in_step = source[at + phases] - source[at];
      while (at + run.count * phases < size &&
             source[at + run.count * phases] == run.in_begin + run.count * run.in_step) {
        ++run.count;
      }
      at += run.count * phases;
      result.push_back(run);
    }
  }
  return result;
}

void CopyConcatenation(const std::vector<View>& inputs, const View& output, size_t axis,
                       Layer* copy) {
  int64_t begin = 0;
  for (const View& input : inputs) {
    AddCopy(copy, input, Sliced(output, axis, begin, input.shape[axis]));
    begin += input.shape[axis];
  }
}

void CopyMirrored(const View& input, const View& output, const MirrorPadOptions& options,
                  Layer* copy) {
  // Each dimension has three segments: mirrored, plain, mirrored.
  const int64_t skip = options.symmetric ? 0 : 1;
  ForEachIndex(Shape(input.shape.size(), 3), [&](const Shape& segment) {
    View source = input;
    View target = output;
    for (size_t d = 0; d < input.shape.size(); ++d) {
      const int64_t size = input.shape[d];
      const auto [before, after] = options.paddings[d];
      if (segment[d] == 0) {
        source = Sliced(source, d, before - 1 + skip, before, -1);
        target = Sliced(target, d, 0, before);
      } else if (segment[d] == 1) {
        target = Sliced(target, d, before, size);
      } else {
        source = Sliced(source, d, size - 1 - skip, after, -1);
        target = Sliced(target, d, before + size, after);
      }
    }
    AddCopy(copy, source, target);
  });
}

/// SPACE_TO_BATCH_ND (`to_batch`) and its inverse: batch `block index * N + n` has every `block`th
/// position of image n. `images` is the side with large images, `batches` the other one.
void CopyBlocks(const View& images, const View& batches, const BatchSpaceOptions& options,
                bool to_batch, Layer* copy) {
  const size_t dimensions = options.block.size();
  const int64_t count = images.shape[0];
  const Shape blocks(options.block.begin(), options.block.end());
  int64_t block_number = 0;
  ForEachIndex(blocks, [&](const Shape& block) {
    View image = images;
    View batch = Sliced(batches, 0, block_number++ * count, count);
    Shape begin(batch.shape.size(), 0);
    Shape size = batch.shape;
    for (size_t i = 0; i < dimensions; ++i) {
      // Position o of the batch is position o * block + block index - border of the image.
      const int64_t step = blocks[i];
      const int64_t first = block[i] - options.borders[i].first;
      const int64_t extent = images.shape[i + 1];
      const int64_t from = first >= 0 ? 0 : (-first + step - 1) / step;
      const int64_t to = std::clamp<int64_t>((extent - first + step - 1) / step, from,
                                             std::max(from, batch.shape[i + 1]));
      begin[i + 1] = std::min(from, batch.shape[i + 1]);
      size[i + 1] = from >= batch.shape[i + 1] ? 0 : to - from;
      image = Sliced(image, i + 1, size[i + 1] > 0 ? from * step + first : 0, size[i + 1], step);
    }
    View valid = batch;
    for (size_t d = 0; d < size.size(); ++d) valid = Sliced(valid, d, begin[d], size[d]);
    if (to_batch) {
      FillAround(copy, batch, begin, size);
      AddCopy(copy, image, valid);
    } else {
      AddCopy(copy, valid, image);
    }
  });
}

void CopyNearest(const View& input, const View& output, const ResizeOptions& options, Layer* copy) {
  std::vector<Progression> maps[2];
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t in_size = input.shape[axis + 1];
    const int64_t out_size = output.shape[axis + 1];
    std::vector<int64_t> source;
    for (int64_t position = 0; position < out_size; ++position) {
      source.push_back(NearestSource(options, static_cast<int32_t>(position),
                                     static_cast<int32_t>(in_size),
                                     static_cast<int32_t>(out_size)));
    }
    maps[axis] = Progressions(source, in_size);
  }
  for (const Progression& y : maps[0]) {
    for (const Progression& x : maps[1]) {
      const View rows = Sliced(input, 1, y.in_begin, y.count, y.in_step);
      const View out_rows = Sliced(output, 1, y.out_begin, y.count, y.out_step);
      AddCopy(copy, Sliced(rows, 2, x.in_begin, x.count, x.in_step),
              Sliced(out_rows, 2, x.out_begin, x.count, x.out_step));
    }
  }
}

/// An operator that moves data: its tensors as views.
struct Moved {
  const Operator& node;
  std::vector<View> inputs;
  std::vector<View> outputs;

  const View& input() const { return inputs[0]; }
  const Shape& in() const { return inputs[0].shape; }
  const Shape& out() const { return outputs[0].shape; }
};

Moved MovedOf(LoweringContext& context, int32_t op) {
  Moved moved{context.model.operators[op], {}, {}};
  for (int32_t input : moved.node.inputs) moved.inputs.push_back(ViewOf(context, input));
  for (int32_t output : moved.node.outputs) moved.outputs.push_back(ViewOf(context, output));
  return moved;
}

/// Appends one copy layer for each output: `copy(output, layer)` adds what is copied to output
/// number `output`.
template <typename Function>
LowerResult AppendCopies(LoweringContext& context, const Moved& moved, uint8_t fill,
                         Function copy) {
  for (size_t number = 0; number < moved.outputs.size(); ++number) {
    Layer layer = NewCopy(moved.outputs[number].storage, fill);
    copy(number, &layer);
    context.lowered.layers.push_back(std::move(layer));
  }
  return std::nullopt;
}

/// The same for an operator of one output, all of which is `source` in another shape.
LowerResult AppendCopyOf(LoweringContext& context, const Moved& moved, const View& source) {
  return AppendCopies(context, moved, 0, [&](size_t, Layer* layer) {
    AddCopy(layer, source, Reshaped(moved.outputs[0], source.shape));
  });
}

/// Brings input number `position` to the scale of the output, as ConcatenationWithScaling of TFLite
/// does: of uint8 networks on the values as they stand in the file.
void Rescale(LoweringContext& context, Moved* moved, size_t position) {
  const int32_t number = moved->node.inputs[position];
  const Tensor& input = context.tensor(number);
  const Tensor& output = context.tensor(moved->node.outputs[0]);
  if (output.type != TensorType::kInt8 ||
      (input.scale() == output.scale() && input.zero_point() == output.zero_point())) {
    return;
  }
  const int32_t shift = moved->node.from_uint8 ? 128 : 0;
  const float scale = input.scale() * (1.0f / output.scale());
  const float bias = static_cast<float>(-(input.zero_point() + shift)) * scale;
  std::vector<uint8_t> table(256);
  for (int32_t q = -128; q <= 127; ++q) {
    const float product = static_cast<float>(q + shift) * scale;
    const float rounded = std::clamp(std::round(product + bias), -512.0f, 512.0f);
    const int32_t value = static_cast<int32_t>(rounded) + output.zero_point();
    table[static_cast<uint8_t>(q)] = static_cast<uint8_t>(std::clamp(value, -128, 127));
  }
  const int32_t target = context.NewStorage(input.elements());
  if (input.is_constant) {
    std::vector<uint8_t> bytes = input.data;
    for (uint8_t& byte : bytes) byte = table[byte];
    context.lowered.storages[target].constant = std::move(bytes);
  } else {
    AppendLookup(context, context.StorageOf(number), target, input.shape, std::move(table));
  }
  moved->inputs[position] = DenseView(target, moved->inputs[position].shape, 1);
}

size_t AxisOf(const Moved& moved) {
  return static_cast<size_t>(std::get<AxisOptions>(moved.node.options).axis);
}

}  // namespace

LowerResult LowerReshape(LoweringContext& context, int32_t op) {
  // The bytes stay where they are.
  const Operator& node = context.model.operators[op];
  context.lowered.tensor_storage[node.outputs[0]] = context.StorageOf(node.inputs[0]);
  return std::nullopt;
}

LowerResult LowerConcatenation(LoweringContext& context, int32_t op) {
  Moved moved = MovedOf(context, op);
  for (size_t i = 0; i < moved.inputs.size(); ++i) Rescale(context, &moved, i);
  return AppendCopies(context, moved, 0, [&](size_t, Layer* layer) {
    CopyConcatenation(moved.inputs, moved.outputs[0], AxisOf(moved), layer);
  });
}

LowerResult LowerTile(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  // Each dimension as two: how often, and what is repeated.
  Shape once, full;
  for (size_t d = 0; d < moved.in().size(); ++d) {
    once.insert(once.end(), {1, moved.in()[d]});
    full.insert(full.end(), {moved.out()[d] / moved.in()[d], moved.in()[d]});
  }
  return AppendCopyOf(context, moved, Broadcast(Reshaped(moved.input(), once), full));
}

LowerResult LowerPack(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  std::vector<View> parts;
  for (const View& part : moved.inputs) parts.push_back(WithDimension(part, AxisOf(moved)));
  return AppendCopies(context, moved, 0, [&](size_t, Layer* layer) {
    CopyConcatenation(parts, moved.outputs[0], AxisOf(moved), layer);
  });
}

LowerResult LowerUnpack(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const size_t axis = AxisOf(moved);
  return AppendCopies(context, moved, 0, [&](size_t number, Layer* layer) {
    const View part = Sliced(moved.input(), axis, static_cast<int64_t>(number), 1);
    AddCopy(layer, WithoutDimension(part, axis), moved.outputs[number]);
  });
}

LowerResult LowerGather(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const GatherOptions& options = std::get<GatherOptions>(moved.node.options);
  const size_t axis = static_cast<size_t>(options.axis);
  const Shape batches(moved.in().begin(), moved.in().begin() + options.batch_dims);
  int64_t lists = 1;
  for (const int64_t size : batches) lists *= size;
  const int64_t count = static_cast<int64_t>(options.indices.size()) / lists;
  // The dimensions of an index list as one.
  Shape shape = moved.in();
  shape[axis] = count;
  const View whole = Reshaped(moved.outputs[0], shape);
  return AppendCopies(context, moved, 0, [&](size_t, Layer* layer) {
    auto list = options.indices.begin();
    ForEachIndex(batches, [&](const Shape& batch) {
      View source = moved.input(), target = whole;
      for (size_t d = 0; d < batch.size(); ++d) {
        source = Sliced(source, d, batch[d], 1);
        target = Sliced(target, d, batch[d], 1);
      }
      const std::vector<int64_t> indices(list, list + count);
      list += count;
      for (const Progression& run : Progressions(indices, moved.in()[axis])) {
        AddCopy(layer, Sliced(source, axis, run.in_begin, run.count, run.in_step),
                Sliced(target, axis, run.out_begin, run.count, run.out_step));
      }
    });
  });
}

LowerResult LowerSplit(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const size_t axis = AxisOf(moved);
  int64_t begin = 0;
  return AppendCopies(context, moved, 0, [&](size_t number, Layer* layer) {
    const View& output = moved.outputs[number];
    AddCopy(layer, Sliced(moved.input(), axis, begin, output.shape[axis]), output);
    begin += output.shape[axis];
  });
}

LowerResult LowerTranspose(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  return AppendCopyOf(
      context, moved,
      Transposed(moved.input(), std::get<TransposeOptions>(moved.node.options).permutation));
}

LowerResult LowerReverse(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  View reversed = moved.input();
  for (int32_t axis : std::get<ReverseOptions>(moved.node.options).axes) {
    reversed = Reversed(reversed, static_cast<size_t>(axis));
  }
  return AppendCopyOf(context, moved, reversed);
}

LowerResult LowerSlice(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const SliceOptions& options = std::get<SliceOptions>(moved.node.options);
  View slice = moved.input();
  for (size_t d = 0; d < moved.in().size(); ++d) {
    slice = Sliced(slice, d, options.begin[d], options.size[d], options.stride[d]);
  }
  return AppendCopyOf(context, moved, slice);
}

LowerResult LowerSpaceToDepth(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const int64_t block = std::get<BlockOptions>(moved.node.options).block_size;
  const View blocks = SplitDimension(SplitDimension(moved.input(), 2, block), 1, block);
  return AppendCopyOf(context, moved, Transposed(blocks, {0, 1, 3, 2, 4, 5}));
}

LowerResult LowerDepthToSpace(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const int64_t block = std::get<BlockOptions>(moved.node.options).block_size;
  const Shape& in = moved.in();
  const View blocks = Reshaped(moved.input(), {in[0], in[1], in[2], block, block, moved.out()[3]});
  return AppendCopyOf(context, moved, Transposed(blocks, {0, 1, 3, 2, 4, 5}));
}

LowerResult LowerPad(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const PadOptions& options = std::get<PadOptions>(moved.node.options);
  const uint8_t fill = static_cast<uint8_t>(options.value);
  return AppendCopies(context, moved, fill, [&](size_t, Layer* layer) {
    Shape before;
    View inner = moved.outputs[0];
    for (size_t d = 0; d < moved.in().size(); ++d) {
      before.push_back(options.paddings[d].first);
      inner = Sliced(inner, d, before[d], moved.in()[d]);
    }
    FillAround(layer, moved.outputs[0], before, moved.in());
    AddCopy(layer, moved.input(), inner);
  });
}

LowerResult LowerMirrorPad(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  return AppendCopies(context, moved, 0, [&](size_t, Layer* layer) {
    CopyMirrored(moved.input(), moved.outputs[0], std::get<MirrorPadOptions>(moved.node.options),
                 layer);
  });
}

LowerResult LowerSpaceToBatch(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const BatchSpaceOptions& options = std::get<BatchSpaceOptions>(moved.node.options);
  const uint8_t fill = static_cast<uint8_t>(options.value);
  return AppendCopies(context, moved, fill, [&](size_t, Layer* layer) {
    CopyBlocks(moved.input(), moved.outputs[0], options, true, layer);
  });
}

LowerResult LowerBatchToSpace(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  const BatchSpaceOptions& options = std::get<BatchSpaceOptions>(moved.node.options);
  const uint8_t fill = static_cast<uint8_t>(options.value);
  return AppendCopies(context, moved, fill, [&](size_t, Layer* layer) {
    CopyBlocks(moved.outputs[0], moved.input(), options, false, layer);
  });
}

LowerResult LowerResizeNearestNeighbor(LoweringContext& context, int32_t op) {
  const Moved moved = MovedOf(context, op);
  return AppendCopies(context, moved, 0, [&](size_t, Layer* layer) {
    CopyNearest(moved.input(), moved.outputs[0], std::get<ResizeOptions>(moved.node.options),
                layer);
  });
}

void LowerCopy(LoweringContext& context, int32_t op, int32_t source, int32_t target) {
  const int64_t bytes = context.lowered.storages[source].bytes;
  Layer copy = NewCopy(target);
  AddCopy(&copy, DenseView(source, {bytes}), DenseView(target, {bytes}));
  copy.op = op;
  if (!context.model.operators.empty()) copy.tag = context.model.operators[op].index & 0xffff;
  context.lowered.layers.push_back(std::move(copy));
}

}  // namespace npugen::compiler
