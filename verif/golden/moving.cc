// SPDX-License-Identifier: Apache-2.0
// Operators that put elements elsewhere and compute nothing.
#include <array>
#include <cmath>

#include "verif/golden/gather.h"

namespace npugen::golden {
namespace {

Bytes MirrorPadded(const Bytes& in, const Shape& shape, const MirrorPadOptions& options) {
  const Shape steps = Steps(shape);
  const int64_t edge = options.symmetric ? 1 : 0;
  Origins origins(shape.size());
  for (size_t d = 0; d < shape.size(); ++d) {
    const auto& [before, after] = options.paddings[d];
    for (int64_t i = -int64_t{before}; i < int64_t{shape[d]} + after; ++i) {
      int64_t position = i < 0 ? -i - edge : i;
      if (i >= shape[d]) position = 2 * (int64_t{shape[d]} - 1) + edge - i;
      origins[d].push_back(position * steps[d]);
    }
  }
  return Gather(in, origins);
}

// Positions first .. first + count - 1 along `axis`, all of the other dimensions.
Bytes Part(const Bytes& in, const Shape& shape, int32_t axis, int32_t first, int32_t count) {
  SliceOptions options{Shape(shape.size(), 0), Shape(shape.size(), 1), shape};
  options.begin[axis] = first;
  options.size[axis] = count;
  return Sliced(in, shape, options);
}

// All inputs' stretches behind an outer index, one input after the other.
Bytes Joined(const Node& node, const std::vector<const Bytes*>& inputs) {
  const int32_t axis = std::get<AxisOptions>(node.op.options).axis;
  const Shape& shape = node.input().shape;
  int64_t outer = 1;
  for (int32_t d = 0; d < axis; ++d) outer *= shape[d];
  Bytes out;
  for (int64_t o = 0; o < outer; ++o) {
    for (const Bytes* input : inputs) {
      const auto stretch = static_cast<std::ptrdiff_t>(input->size()) / outer;
      out.insert(out.end(), input->begin() + o * stretch, input->begin() + (o + 1) * stretch);
    }
  }
  return out;
}

int32_t AxisOf(const Node& node) { return std::get<AxisOptions>(node.op.options).axis; }

/// CONCATENATION and PACK: the same bytes.
Kernel JoinKernel(const Node& node) {
  return [node](const Run& run) { *run.outputs[0] = Joined(node, run.inputs); };
}

}  // namespace

Kernel MakeReshape(const Node&) {
  return GatherKernel([](const Bytes& in) { return in; });
}

Kernel MakePad(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    const auto& options = std::get<PadOptions>(node.op.options);
    return Padded(in, node.input().shape, options.paddings, options.value);
  });
}

Kernel MakeMirrorPad(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    return MirrorPadded(in, node.input().shape, std::get<MirrorPadOptions>(node.op.options));
  });
}

/// ConcatenationWithScaling of TFLite's reference/concatenation.h where scales differ.
Kernel MakeConcatenation(const Node& node) {
  const Tensor& output = node.output();
  // int16 is copied, whatever the scales.
  if (output.type != TensorType::kInt8) return JoinKernel(node);
  std::vector<std::array<uint8_t, 256>> tables(node.op.inputs.size());
  bool same = true;
  for (size_t i = 0; i < tables.size(); ++i) {
    const Tensor& input = node.input(i);
    const bool copied =
        input.scale() == output.scale() && input.zero_point() == output.zero_point();
    same = same && copied;
    const int32_t unsigned_by = node.op.from_uint8 ? 128 : 0;
    const float inverse_output_scale = 1.f / output.scale();
    const float scale = input.scale() * inverse_output_scale;
    const float bias = static_cast<float>(-input.zero_point() - unsigned_by) * scale;
    for (int32_t byte = 0; byte < 256; ++byte) {
      const int32_t q = static_cast<int8_t>(byte);
      const float rounded = std::round(static_cast<float>(q + unsigned_by) * scale + bias);
      // Beyond int32 TFLite's conversion is undefined.
      const int64_t value = rounded > 1e6f ? 1000
                            : rounded < -1e6f
                                ? -1000
                                : int64_t{static_cast<int32_t>(rounded)} + output.zero_point();
      tables[i][byte] = copied ? static_cast<uint8_t>(byte) : static_cast<uint8_t>(Clamp(value));
    }
  }
  if (same) return JoinKernel(node);
  return [node, tables](const Run& run) {
    std::vector<Bytes> rescaled;
    for (size_t i = 0; i < tables.size(); ++i) {
      rescaled.push_back(*run.inputs[i]);
      for (uint8_t& byte : rescaled.back()) byte = tables[i][byte];
    }
    std::vector<const Bytes*> inputs;
    for (const Bytes& bytes : rescaled) inputs.push_back(&bytes);
    *run.outputs[0] = Joined(node, inputs);
  };
}

Kernel MakePack(const Node& node) { return JoinKernel(node); }

Kernel MakeTranspose(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    return Transposed(in, node.input().shape,
                      std::get<TransposeOptions>(node.op.options).permutation);
  });
}

Kernel MakeReverse(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    const Shape& shape = node.input().shape;
    SliceOptions options{Shape(shape.size(), 0), Shape(shape.size(), 1), shape};
    for (int32_t axis : std::get<ReverseOptions>(node.op.options).axes) {
      options.begin[axis] = shape[axis] - 1;
      options.stride[axis] = -1;
    }
    return Sliced(in, shape, options);
  });
}

Kernel MakeGather(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    const auto& options = std::get<GatherOptions>(node.op.options);
    // One batch after the other.
    const Shape& whole = node.input().shape;
    const Shape shape(whole.begin() + options.batch_dims, whole.end());
    const Shape steps = Steps(shape);
    size_t batches = 1;
    for (int32_t d = 0; d < options.batch_dims; ++d) batches *= static_cast<size_t>(whole[d]);
    const size_t count = options.indices.size() / batches, bytes = in.size() / batches;
    Bytes out;
    for (size_t batch = 0; batch < batches; ++batch) {
      Origins origins(shape.size());
      for (size_t d = 0; d < shape.size(); ++d) {
        const bool gathered = static_cast<int32_t>(d) + options.batch_dims == options.axis;
        for (size_t i = 0; i < (gathered ? count : static_cast<size_t>(shape[d])); ++i) {
          const int64_t position =
              gathered ? options.indices[batch * count + i] : static_cast<int64_t>(i);
          origins[d].push_back(position * steps[d]);
        }
      }
      const auto begin = in.begin() + static_cast<std::ptrdiff_t>(batch * bytes);
      const Bytes part = Gather(Bytes(begin, begin + static_cast<std::ptrdiff_t>(bytes)), origins);
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  });
}

Kernel MakeTile(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    const Shape& shape = node.input().shape;
    const Shape steps = Steps(shape);
    Origins origins(shape.size());
    for (size_t d = 0; d < shape.size(); ++d) {
      for (int32_t i = 0; i < node.output().shape[d]; ++i) {
        origins[d].push_back(int64_t{i % shape[d]} * steps[d]);
      }
    }
    return Gather(in, origins);
  });
}

Kernel MakeSlice(const Node& node) {
  return GatherKernel([node](const Bytes& in) {
    return Sliced(in, node.input().shape, std::get<SliceOptions>(node.op.options));
  });
}

Kernel MakeSplit(const Node& node) {
  return [node](const Run& run) {
    const int32_t axis = AxisOf(node);
    int32_t first = 0;
    for (size_t i = 0; i < run.outputs.size(); ++i) {
      const int32_t count = node.output(i).shape[axis];
      *run.outputs[i] = Part(*run.inputs[0], node.input().shape, axis, first, count);
      first += count;
    }
  };
}

Kernel MakeUnpack(const Node& node) {
  return [node](const Run& run) {
    for (size_t i = 0; i < run.outputs.size(); ++i) {
      *run.outputs[i] =
          Part(*run.inputs[0], node.input().shape, AxisOf(node), static_cast<int32_t>(i), 1);
    }
  };
}

}  // namespace npugen::golden
