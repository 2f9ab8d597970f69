// SPDX-License-Identifier: Apache-2.0
// Networks of random operators.
#include "verif/random/random_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "verif/random/draw.h"

namespace npugen::testing {
namespace {

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

class Generator {
 public:
  Generator(const std::string& name, uint64_t seed, bool large = false)
      : draw_(name, seed, large) {}

  RandomModel Operator(OperatorType type) {
    const OperatorDraw& row = DrawOf(type);
    const int32_t zero_point = row.least_zero_point ? -128 : draw_.ZeroPoint();
    const int32_t input = draw_.writer.Input(InputShape(row), draw_.Scale(), zero_point);
    draw_.Append(type, input).value();
    if (row.finish != nullptr) row.finish(draw_, draw_.writer.model().operators.back());
    // All results, of which SPLIT and UNPACK have several.
    for (int32_t output : draw_.writer.model().operators.back().outputs) {
      draw_.writer.Output(output);
    }
    return Finish();
  }

  RandomModel MixedNetwork() {
    int32_t current = draw_.writer.Input(
        {1, draw_.random.Integer(3, 12), draw_.random.Integer(3, 12), draw_.Channels()},
        draw_.Scale(), draw_.ZeroPoint());
    const int steps = draw_.random.Integer(3, 8);
    for (int i = 0; i < steps || draw_.writer.model().operators.empty(); ++i) {
      const auto type = static_cast<OperatorType>(draw_.random.Integer(0, kDrawnOperators - 1));
      // Nothing follows on indices.
      if (type == OperatorType::kArgMax || type == OperatorType::kArgMin) continue;
      if (const auto next = draw_.Append(type, current)) current = *next;
    }
    std::vector<bool> read(draw_.writer.model().tensors.size(), false);
    for (const npugen::Operator& op : draw_.writer.model().operators) {
      for (int32_t tensor : op.inputs) {
        if (tensor >= 0) read[tensor] = true;
      }
    }
    for (const npugen::Operator& op : draw_.writer.model().operators) {
      for (int32_t tensor : op.outputs) {
        if (!read[tensor]) draw_.writer.Output(tensor);
      }
    }
    return Finish();
  }

  RandomModel Network() {
    int32_t current = draw_.writer.Input(
        {1, draw_.random.Integer(3, 12), draw_.random.Integer(3, 12), draw_.Channels()},
        draw_.Scale(), draw_.ZeroPoint());
    const int steps = draw_.random.Integer(2, 6);
    for (int i = 0; i < steps; ++i) {
      static const std::vector<OperatorType> kinds = {
          OperatorType::kConv2d,    OperatorType::kConv2d,        OperatorType::kDepthwiseConv2d,
          OperatorType::kMaxPool2d, OperatorType::kAveragePool2d, OperatorType::kPad,
          OperatorType::kAdd};
      const OperatorType type =
          kinds[draw_.random.Integer(0, static_cast<int32_t>(kinds.size()) - 1)];
      if (const auto next = draw_.Append(type, current)) current = *next;
    }
    if (!draw_.random.Chance(3)) {
      current = draw_
                    .Append(draw_.random.Chance(2) ? OperatorType::kMean : OperatorType::kReshape,
                            current)
                    .value();
      current = draw_.Append(OperatorType::kFullyConnected, current).value();
      current = draw_.Append(OperatorType::kSoftmax, current).value();
    } else if (draw_.writer.model().operators.empty()) {
      current = draw_.Append(OperatorType::kReshape, current).value();
    }
    draw_.writer.Output(current);
    return Finish();
  }

 private:
  RandomModel Finish() {
    return {draw_.writer.model().name, draw_.writer.model(), draw_.writer.Write()};
  }

  std::vector<int32_t> InputShape(const OperatorDraw& row) {
    const int32_t batch = draw_.random.Chance(6) ? 2 : 1;
    const int32_t rank = row.needs_image ? 4 : draw_.random.Pick({1, 2, 2, 3, 4, 4, 4});
    std::vector<int32_t> shape{batch, draw_.Side(), draw_.Side(), draw_.Channels()};
    shape.erase(shape.begin(), shape.end() - rank);
    if (row.fit != nullptr) row.fit(shape);
    return shape;
  }

  Drawer draw_;
};

}  // namespace

uint64_t RandomSource::Next() {
  uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int32_t RandomSource::Integer(int32_t low, int32_t high) {
  const uint64_t range = static_cast<uint64_t>(int64_t{high} - low) + 1;
  return static_cast<int32_t>(low + static_cast<int64_t>(Next() % range));
}

double RandomSource::Real(double low, double high) {
  return low + (high - low) * (static_cast<double>(Next() >> 11) * 0x1.0p-53);
}

int32_t RandomSource::Pick(const std::vector<int32_t>& values) {
  return values[Integer(0, static_cast<int32_t>(values.size()) - 1)];
}

RandomModel MakeRandomOperator(OperatorType type, uint64_t seed) {
  const std::string name = fmt::format("{}_{}", LowerCase(OperatorName(type)), seed);
  return Generator(name, seed * 16 + static_cast<uint64_t>(type)).Operator(type);
}

RandomModel MakeLargeRandomOperator(OperatorType type, uint64_t seed) {
  const std::string name = fmt::format("large_{}_{}", LowerCase(OperatorName(type)), seed);
  return Generator(name, seed * 16 + static_cast<uint64_t>(type), true).Operator(type);
}

RandomModel MakeRandomMixedNetwork(uint64_t seed) {
  return Generator(fmt::format("mixed_{}", seed), seed * 16 + 14).MixedNetwork();
}

RandomModel MakeRandomNetwork(uint64_t seed) {
  return Generator(fmt::format("network_{}", seed), seed * 16 + 15).Network();
}

std::vector<std::vector<uint8_t>> MakeRandomInputs(const Model& model, uint64_t seed) {
  RandomSource random(seed);
  std::vector<std::vector<uint8_t>> inputs;
  for (int32_t tensor : model.inputs) {
    std::vector<uint8_t> bytes(model.tensors[tensor].bytes());
    const int32_t style = random.Integer(0, 7);
    const int32_t same = random.Pick({-128, 127, 0, -1});
    const int32_t zero_point = model.tensors[tensor].zero_point();
    for (uint8_t& byte : bytes) {
      int32_t value = random.Integer(-128, 127);
      if (style == 6) value = same;
      if (style == 7) value = std::clamp(zero_point + random.Integer(-1, 1), -128, 127);
      byte = static_cast<uint8_t>(value);
    }
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

}  // namespace npugen::testing
