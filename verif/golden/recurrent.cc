// SPDX-License-Identifier: Apache-2.0
// TFLM's SVDF and LSTM in integers.
#include <cstring>

#include "verif/golden/kernels.h"
#include "verif/golden/wide.h"

namespace npugen::golden {
namespace {

/// The values of a tensor, whatever its type.
std::vector<int64_t> CellValues(const Tensor& tensor, const Bytes& bytes) {
  const size_t size = ElementBytes(tensor.type);
  std::vector<int64_t> values;
  for (size_t at = 0; at < bytes.size(); at += size) {
    int64_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    const auto unused = static_cast<int32_t>(64 - 8 * size);
    values.push_back(static_cast<int64_t>(static_cast<uint64_t>(value) << unused) >> unused);
  }
  return values;
}

void Put(const Tensor& tensor, const std::vector<int64_t>& values, Bytes* bytes) {
  const size_t size = ElementBytes(tensor.type);
  for (size_t i = 0; i < values.size(); ++i) {
    std::memcpy(bytes->data() + i * size, &values[i], size);
  }
}

std::vector<int64_t> InputValues(const Node& node, const Run& run, size_t i, size_t count) {
  if (node.op.inputs[i] < 0) return std::vector<int64_t>(count, 0);
  return CellValues(node.input(i), *run.inputs[i]);
}

}  // namespace

Kernel MakeSvdf(const Node& node) {
  const SvdfFactors factors = ComputeSvdfFactors(node.model, node.op).value();
  return [node, factors](const Run& run) {
    const auto inputs = static_cast<size_t>(node.input(0).shape[1]);
    const auto batches = static_cast<size_t>(node.input(0).shape[0]);
    const auto filters = static_cast<size_t>(node.input(2).shape[0]);
    const auto memory = static_cast<size_t>(node.input(2).shape[1]);
    const auto rank = static_cast<size_t>(std::get<SvdfOptions>(node.op.options).rank);
    const std::vector<int64_t> data = CellValues(node.input(0), *run.inputs[0]);
    const std::vector<int64_t> feature = CellValues(node.input(1), *run.inputs[1]);
    const std::vector<int64_t> time = CellValues(node.input(2), *run.inputs[2]);
    const std::vector<int64_t> bias = InputValues(node, run, 3, filters / rank);
    std::vector<int64_t> state = CellValues(node.input(4), *run.inputs[4]);
    const bool wide = node.input(4).type == TensorType::kInt16;
    const int64_t zero_state = node.input(4).zero_point();
    state.erase(state.begin());
    state.push_back(0);
    std::vector<int64_t> out;
    for (size_t b = 0; b < batches; ++b) {
      std::vector<int64_t> sums = bias;
      for (size_t f = 0; f < filters; ++f) {
        int64_t sum = 0;
        for (size_t i = 0; i < inputs; ++i) {
          sum += feature[f * inputs + i] * (data[b * inputs + i] - node.input(0).zero_point());
        }
        const int64_t newest = node.Scale(static_cast<int32_t>(sum), factors.feature);
        int64_t* past = &state[(b * filters + f) * memory];
        past[memory - 1] = zero_state + (wide ? ClampWide(newest) : Clamp(newest));
        if (!wide) past[memory - 1] = static_cast<int8_t>(past[memory - 1]);
        if (wide) past[memory - 1] = static_cast<int16_t>(past[memory - 1]);
        for (size_t m = 0; m < memory; ++m) {
          sums[f / rank] += time[f * memory + m] * (past[m] - zero_state);
        }
      }
      for (const int64_t sum : sums) {
        out.push_back(Clamp(int64_t{node.Scale(static_cast<int32_t>(sum), factors.output)} +
                            node.output().zero_point()));
      }
    }
    Put(node.output(0), out, run.outputs[0]);
    Put(node.output(1), state, run.outputs[1]);
  };
}

Kernel MakeSequenceLstm(const Node& node) {
  const LstmFactors factors = ComputeLstmFactors(node.model, node.op).value();
  return [node, factors](const Run& run) {
    const bool time_major = std::get<LstmOptions>(node.op.options).time_major;
    const std::vector<int32_t>& shape = node.input(0).shape;
    const auto steps = static_cast<size_t>(shape[time_major ? 0 : 1]);
    const auto batches = static_cast<size_t>(shape[time_major ? 1 : 0]);
    const auto inputs = static_cast<size_t>(shape[2]);
    const auto units = static_cast<size_t>(node.input(1).shape[0]);
    const bool wide = node.input(0).type == TensorType::kInt16;
    const std::vector<int64_t> data = CellValues(node.input(0), *run.inputs[0]);
    std::vector<int64_t> hidden = CellValues(node.input(13), *run.inputs[13]);
    std::vector<int64_t> cell = CellValues(node.input(14), *run.inputs[14]);
    std::vector<int64_t> out(data.size() / inputs * units);
    const auto scaled = [&](int64_t sum, const QuantizedMultiplier& factor) -> int64_t {
      return ClampWide(wide ? ScaleWide(sum, factor)
                            : node.Scale(static_cast<int32_t>(sum), factor));
    };
    const auto product = [&](int64_t a, int64_t b, const QuantizedMultiplier& factor) {
      return int64_t{node.Scale(static_cast<int32_t>(a * b), factor)};
    };
    std::vector<int64_t> weights[4], recurrent[4], bias[4];
    for (size_t gate = 0; gate < 4; ++gate) {
      weights[gate] = CellValues(node.input(1 + gate), *run.inputs[1 + gate]);
      recurrent[gate] = CellValues(node.input(5 + gate), *run.inputs[5 + gate]);
      bias[gate] = InputValues(node, run, 9 + gate, units);
    }
    constexpr QuantizedMultiplier kGate = {3, 0};  // 3.12 as it is
    for (size_t b = 0; b < batches; ++b) {
      for (size_t t = 0; t < steps; ++t) {
        const size_t row = time_major ? t * batches + b : b * steps + t;
        std::vector<int64_t> gates[4];
        for (size_t gate = 0; gate < 4; ++gate) {
          for (size_t u = 0; u < units; ++u) {
            int64_t sum = 0, past = 0;
            for (size_t i = 0; i < inputs; ++i) {
              sum += weights[gate][u * inputs + i] *
                     (data[row * inputs + i] - node.input(0).zero_point());
            }
            for (size_t i = 0; i < units; ++i) {
              past += recurrent[gate][u * units + i] *
                      (hidden[b * units + i] - node.input(13).zero_point());
            }
            const int32_t total =
                ClampWide(scaled(WrappingSum(sum, bias[gate][u]), factors.input[gate]) +
                          scaled(past, factors.recurrent[gate]));
            gates[gate].push_back(gate == 2 ? WideTanh(total, kGate) : WideLogistic(total, kGate));
          }
        }
        for (size_t u = 0; u < units; ++u) {
          int64_t& value = cell[b * units + u];
          const int64_t kept = ClampWide(product(gates[1][u], value, factors.forget_cell));
          const int64_t added = ClampWide(product(gates[0][u], gates[2][u], factors.input_cell));
          value = ClampWide(kept + added);
          if (factors.cell_clip > 0) {
            value = std::clamp<int64_t>(value, -factors.cell_clip, factors.cell_clip);
          }
          const int64_t tanh = WideTanh(static_cast<int32_t>(value), factors.cell_tanh);
          const int64_t result =
              product(tanh, gates[3][u], factors.hidden) + node.input(13).zero_point();
          const int64_t limited = wide ? int64_t{ClampWide(result)} : int64_t{Clamp(result)};
          hidden[b * units + u] = limited;
          out[row * units + u] = limited;
        }
      }
    }
    Put(node.output(0), out, run.outputs[0]);
    Put(node.output(1), hidden, run.outputs[1]);
    Put(node.output(2), cell, run.outputs[2]);
  };
}

}  // namespace npugen::golden
