// SPDX-License-Identifier: Apache-2.0
// Layers of bits: convolutions of +1 and -1, thresholds, thermometers, pools of codes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <optional>

#include "sw/compiler/lower/dense.h"
#include "sw/compiler/lower/elementwise.h"
#include "sw/compiler/lower/view.h"

namespace npugen::compiler {
namespace {

/// What a threshold record holds: the second and third threshold above the first one.
constexpr int64_t kLargestSecond = (int64_t{1} << 19) - 1;
constexpr int64_t kLargestThird = (int64_t{1} << 20) - 1;
/// From one threshold of values to the next.
constexpr int32_t kLargestCodeStep = (1 << 14) - 1;
constexpr int64_t kLargestSum = INT32_MAX / 4;
/// A product with one leaves a sum below 2^30 as it is: 2^30 and one bit to the left. Of larger
/// ones the left shift loses the top bit, so that all but their last byte are right.
constexpr int32_t kUnityMultiplier = 1 << 30;
constexpr int32_t kUnityShift = 1;
/// The last byte of a sum is byte 2 of sum / 256: a product with 2^23 is (sum + 128) / 256, rounded
/// down.
constexpr int32_t kByteMultiplier = 1 << 23;
constexpr int64_t kByteRounding = 128;
/// Results of which the magnitude is at least this saturate with any zero point.
constexpr int64_t kSaturated = 256;
/// With a multiplier of 2^30 or more and so many bits to the left every sum but 0 saturates.
constexpr int32_t kLargestUsefulShift = 10;

/// The low 32 bits: sums wrap, too.
int32_t Wrapped(int64_t value) { return static_cast<int32_t>(static_cast<uint64_t>(value)); }

int64_t BitBytes(int64_t channels) { return CeilDiv(channels, 8); }

/// The record of a channel whose code counts `thresholds` (ascending) that sum + offset reaches,
/// where sums are within +-`range`; none if a record cannot hold their distances.
std::optional<ParameterRecord> ThresholdRecord(std::vector<int64_t> thresholds, bool flip,
                                               int64_t offset, int64_t range) {
  // Beyond all sums a threshold is as good as just beyond them.
  for (int64_t& threshold : thresholds) {
    threshold = std::clamp(threshold - offset, -range, range + 1);
  }
  uint64_t rest = uint64_t{flip ? 1u : 0u} << 39;
  if (thresholds.size() == 3) {
    if (thresholds[1] - thresholds[0] > kLargestSecond ||
        thresholds[2] - thresholds[0] > kLargestThird) {
      return std::nullopt;
    }
    rest |= static_cast<uint64_t>(thresholds[1] - thresholds[0]);
    rest |= static_cast<uint64_t>(thresholds[2] - thresholds[0]) << 19;
  }
  return ParameterRecord{static_cast<int32_t>(-thresholds[0]),
                         static_cast<int32_t>(static_cast<uint32_t>(rest)),
                         static_cast<int32_t>(rest >> 32)};
}

/// Sets the output of a layer whose results are bits. Groups of a PE with fewer than eight lanes do
/// not fill bytes: such layers write a byte per bit, and another one packs them.
void SetBitOutput(const NpuConfig& config, const Tensor& output, Layer* layer) {
  Geometry& g = layer->geometry;
  layer->channels = output.shape[3];
  layer->thresholds = output.planes == 1 ? 1 : 3;
  g.out_planes = output.planes;
  const int64_t lanes = config.pe_lanes();
  layer->bit_output = lanes >= 8 || layer->channels <= lanes;
  g.out_c = layer->bit_output ? BitBytes(layer->channels) : layer->channels;
  layer->group_channels = std::min(layer->channels, lanes >= 8 ? lanes / 8 * 8 : lanes);
  layer->groups = CeilDiv(layer->channels, layer->group_channels);
}

/// Appends `layer`, which computes the bits of `output`, with records and weights (of bytes).
LowerResult AppendBits(LoweringContext& context, const Tensor& output, int32_t storage, Layer layer,
                       const WeightFunction& weight, const RecordFunction& record) {
  const bool packs = layer.thresholds != 0 && !layer.bit_output;
  const Geometry g = layer.geometry;
  const int64_t channels = layer.out_channels();
  const int32_t bytes =
      packs ? context.NewStorage(g.images * g.out_h * g.out_row_bytes()) : storage;
  layer.output = bytes;
  if (LowerResult refusal = AppendDense(context, std::move(layer), weight, record)) return refusal;
  if (!packs) return std::nullopt;
  Layer pack;
  pack.inputs = {bytes};
  pack.output = storage;
  Geometry& p = pack.geometry;
  p.images = g.images;
  p.in_h = p.out_h = g.out_h * output.planes;
  p.in_w = p.out_w = g.out_w;
  p.in_c = channels;
  p.out_c = BitBytes(channels);
  pack.out_type = 2;
  return AppendDense(
      context, std::move(pack),
      [](int64_t o, int64_t, int64_t, int64_t c) {
        return static_cast<int8_t>(c / 8 == o ? 1 << c % 8 : 0);
      },
      [](int64_t) {
        return ParameterRecord{0, kUnityMultiplier, kUnityShift};
      });
}

/// Sums as int32: a layer for each byte. `bias` of each channel gives `scale` times the sum, which
/// for scale 1 is at least -2^31 + kByteRounding.
LowerResult AppendSums(LoweringContext& context, int32_t storage, const Layer& layer,
                       const WeightFunction& weight, const std::function<int64_t(int64_t)>& bias,
                       int64_t scale) {
  const Geometry& g = layer.geometry;
  const int64_t elements = g.images * g.out_h * g.out_w * g.out_c;
  Layer copy = NewCopy(storage);
  for (int32_t byte = 0; byte < 4; ++byte) {
    const bool top = byte == 3 && scale == 1;
    Layer one = layer;
    one.out_type = 2;
    one.out_byte = top ? 2 : byte;
    one.output = context.NewStorage(elements);
    AddCopy(&copy, DenseView(one.output, {elements, 1}),
            Sliced(DenseView(storage, {elements, 4}), 1, byte, 1));
    const RecordFunction record = [&](int64_t o) {
      if (top) return ParameterRecord{Wrapped(bias(o) - kByteRounding), kByteMultiplier, 0};
      return ParameterRecord{Wrapped(bias(o)), kUnityMultiplier, scale == 1 ? kUnityShift : 0};
    };
    if (LowerResult refusal = AppendDense(context, std::move(one), weight, record)) return refusal;
  }
  context.lowered.layers.push_back(std::move(copy));
  return std::nullopt;
}

/// What becomes of (sum + bias), where sums are within +-`range`, so that the left shift of
/// hardware (which wraps) never leaves 32 bits.
struct ChannelRescale {
  int64_t bias = 0;
  int32_t multiplier = 0, shift = 0;
};

/// The same result for all sums; none: hardware cannot give it. The shift goes into the multiplier
/// as far as it fits; what is left of it means a factor of at least 1, so that a bias beyond all
/// sums saturates as one just beyond them does.
std::optional<ChannelRescale> SaturatingRescale(ChannelRescale wanted, int64_t range) {
  if (wanted.multiplier == 0) return ChannelRescale{0, 0, 0};
  while (wanted.shift > 0 && wanted.multiplier < 1 << 30) {
    wanted.multiplier *= 2;
    --wanted.shift;
  }
  if (wanted.shift <= 0) return wanted;
  wanted.shift = std::min(wanted.shift, kLargestUsefulShift);
  wanted.bias = std::clamp(wanted.bias, -range - kSaturated, range + kSaturated);
  if ((std::abs(wanted.bias) + range) << wanted.shift > INT32_MAX) return std::nullopt;
  return wanted;
}

/// How a pixel of `channels` channels of bits enters a convolution.
struct PixelBytes {
  int64_t bytes = 0;   ///< of the tensor
  int64_t copies = 1;  ///< of them side by side; 2 double the sum
  int64_t width = 0;   ///< bytes in all; those behind the copies are 0
};

/// Bits of a pixel's last byte that are no channels are 0: they cancel where half of the weights
/// there are 1. An odd one that is left adds the same to all sums, unless taps outside of the image
/// add nothing, or a gate decides what is added; with two copies it cancels, too. Kernels whose
/// rows are so short that a slice spans too many get wider ones.
PixelBytes PixelOf(const NpuConfig& config, int64_t channels, const Geometry& g, bool varies) {
  PixelBytes pixel;
  pixel.bytes = BitBytes(channels);
  pixel.copies = channels % 2 != 0 && varies ? 2 : 1;
  pixel.width = pixel.copies * pixel.bytes;
  const int64_t least = pixel.width;
  const auto legal = [&] { return StrungSlicesLegal(config, g, g.kernel_w * pixel.width); };
  while (!legal() && g.kernel_w * pixel.width < 4 * config.simd) ++pixel.width;
  if (!legal()) pixel.width = least;  // refused later
  return pixel;
}

/// Weights of a channel's byte `c` (of the pixel's width), where `filter` has `byte`.
uint8_t PixelWeight(const PixelBytes& pixel, int64_t channels, int64_t c, uint8_t byte) {
  constexpr uint8_t kCancelling = 0x0f;
  if (c >= pixel.copies * pixel.bytes) return kCancelling;
  if (c % pixel.bytes != pixel.bytes - 1) return byte;
  const int64_t spare = pixel.bytes * 8 - channels;
  // With two copies all spare bits of the first one are 1, and those of the second one 0.
  const int64_t ones = pixel.copies == 1 ? spare / 2 : c < pixel.bytes ? spare : 0;
  return static_cast<uint8_t>(byte | 0xff << (8 - ones));
}

/// A storage of the same pixels, `pixel.width` bytes each.
int32_t AppendWidened(LoweringContext& context, int32_t source, int64_t pixels,
                      const PixelBytes& pixel) {
  const int32_t target = context.NewStorage(pixels * pixel.width);
  const View wide = DenseView(target, {pixels, pixel.width});
  const int64_t used = pixel.copies * pixel.bytes;
  Layer copy = NewCopy(target, 0);
  for (int64_t i = 0; i < pixel.copies; ++i) {
    AddCopy(&copy, DenseView(source, {pixels, pixel.bytes}),
            Sliced(wide, 1, i * pixel.bytes, pixel.bytes));
  }
  if (used < pixel.width) AddFill(&copy, Sliced(wide, 1, used, pixel.width - used));
  context.lowered.layers.push_back(std::move(copy));
  return target;
}

/// A BINARY_CONV_2D on its way to layers.
class BinaryConvolution {
 public:
  BinaryConvolution(LoweringContext& context, int32_t op)
      : context_(context),
        node_(context.model.operators[op]),
        options_(std::get<BinaryConvOptions>(node_.options)),
        input_(context.tensor(node_.inputs[0])),
        filter_(context.tensor(node_.inputs[1])),
        output_(context.tensor(node_.outputs[0])),
        binary_(input_.type == TensorType::kBits),
        gated_(!options_.gates.empty()),
        channels_(output_.shape[3]),
        depth_(input_.shape[3]),
        taps_(int64_t{filter_.shape[1]} * filter_.shape[2]),
        factor_(input_.planes == 2 ? 3 : 1) {}

  LowerResult Lower() {
    SetGeometry();
    SetWeights();
    if (options_.affine) {
      if (LowerResult refusal = SetAffine()) return refusal;
    }
    range_ = factor_ * taps_ * scale_ * pixel_.bytes * 8;
    if (!binary_) range_ = 128 * *std::max_element(weight_reach_.begin(), weight_reach_.end());
    if (range_ > kLargestSum) {
      return Refusal{DiagnosticCode::kCompileLimit, "its sums could exceed 29 bits", ""};
    }
    if (gated_) SetGates();
    storage_ = context_.StorageOf(node_.outputs[0]);
    if (options_.affine) return AppendAffine();
    if (output_.type == TensorType::kBits) return AppendThresholds();
    if (LowerResult refusal = FindResults()) return refusal;
    return output_.type == TensorType::kInt32 ? AppendInt32() : AppendInt8();
  }

 private:
  void SetGeometry() {
    layer_.inputs = {context_.StorageOf(node_.inputs[0])};
    Geometry& g = layer_.geometry;
    g.images = input_.shape[0];
    g.in_h = input_.shape[1];
    g.in_w = input_.shape[2];
    g.in_c = binary_ ? BitBytes(depth_) : depth_;
    g.in_planes = input_.planes;
    g.in_value_bytes = input_.value_row_bytes();
    g.out_h = output_.shape[1];
    g.out_w = output_.shape[2];
    g.out_c = channels_;
    g.kernel_h = filter_.shape[1];
    g.kernel_w = filter_.shape[2];
    g.stride_h = options_.stride_h;
    g.stride_w = options_.stride_w;
    g.pad_top = options_.pad_top;
    g.pad_left = options_.pad_left;
    layer_.group_channels = std::min<int64_t>(g.out_c, context_.config.pe_lanes());
    layer_.groups = CeilDiv(g.out_c, layer_.group_channels);
    pixel_.width = g.in_c;
    if (binary_) pixel_ = PixelOf(context_.config, depth_, g, gated_ || options_.skip_outside);
    if (binary_ && pixel_.width != pixel_.bytes) {
      const int64_t pixels = g.images * g.in_h * g.in_w * g.in_planes;
      layer_.inputs = {AppendWidened(context_, layer_.inputs[0], pixels, pixel_)};
      g.in_c = pixel_.width;
    }
    scale_ = pixel_.copies;
    extra_ = binary_ && scale_ == 1 ? depth_ % 2 * taps_ : 0;
  }

  void SetWeights() {
    weight_sums_.assign(static_cast<size_t>(channels_), 0);
    weight_reach_.assign(static_cast<size_t>(channels_), 0);
    const int64_t columns = layer_.geometry.kernel_w;
    const int64_t rows = layer_.geometry.kernel_h;
    if (binary_) {
      layer_.binary = true;
      layer_.skip_outside = options_.skip_outside;
      weight_ = [rows, columns, pixel = pixel_, depth = depth_, &filter = filter_](
                    int64_t o, int64_t row, int64_t column, int64_t c) {
        const int64_t at = ((o * rows + row) * columns + column) * pixel.bytes + c % pixel.bytes;
        return static_cast<int8_t>(
            PixelWeight(pixel, depth, c, filter.data[static_cast<size_t>(at)]));
      };
      return;
    }
    layer_.fill = static_cast<uint8_t>(input_.zero_point());
    weight_ = [rows, columns, depth = depth_, &filter = filter_](int64_t o, int64_t row,
                                                                 int64_t column, int64_t c) {
      const int64_t at = ((o * rows + row) * columns + column) * depth + c;
      return static_cast<int8_t>(filter.data[static_cast<size_t>(at)]);
    };
    for (int64_t i = 0; i < filter_.elements(); ++i) {
      const int64_t value = static_cast<int8_t>(filter_.data[static_cast<size_t>(i)]);
      weight_sums_[static_cast<size_t>(i / (taps_ * depth_))] += value;
      weight_reach_[static_cast<size_t>(i / (taps_ * depth_))] += std::abs(value);
    }
  }

  void SetGates() {
    const int64_t lanes = context_.config.pe_lanes();
    int64_t per_group = layer_.group_channels;
    if (output_.type == TensorType::kBits && !options_.affine) {
      Layer probe = layer_;
      SetBitOutput(context_.config, output_, &probe);
      per_group = probe.group_channels;
    }
    std::vector<int32_t>& gates = layer_.parameters.gates;
    gates.assign(static_cast<size_t>(CeilDiv(channels_, per_group) * lanes), 0);
    for (int64_t o = 0; o < channels_; ++o) {
      gates[static_cast<size_t>(o / per_group * lanes + o % per_group)] =
          static_cast<int32_t>(scale_ * std::clamp<int64_t>(options_.gates[static_cast<size_t>(o)],
                                                            -range_ - 1, range_ + 1));
    }
  }

  /// Output, groups and residual of a layer of values.
  LowerResult SetAffine() {
    const auto refuse = [](const std::string& reason, const std::string& hint) {
      return Refusal{DiagnosticCode::kCompileOperator, reason, hint};
    };
    const AffineOptions& a = *options_.affine;
    const NpuConfig& config = context_.config;
    if (config.bnn_residual == 0) {
      return refuse("this NPU has no values beside bits", "units.bnn.residual: true in the spec");
    }
    if (depth_ % 2 != 0 || channels_ % 8 != 0 || input_.shape[0] != 1) {
      return refuse("values of an odd number of input channels, or not of whole bytes of channels",
                    "an even number of input channels, and a multiple of 8 output channels");
    }
    Geometry& g = layer_.geometry;
    AffineDrain drain{.p_weight = a.plane_weights[0],
                      .q_weight = a.plane_weights[1],
                      .sum_shift = a.sum_shift,
                      .affine_shift = a.shift,
                      .slope_shift = a.slope_shift,
                      .scale_shift = a.scale_shift};
    if (!a.codes.empty()) drain.code_first = a.codes[0];
    if (a.codes.size() == 3) {
      drain.code_second = a.codes[1] - a.codes[0];
      drain.code_third = a.codes[2] - a.codes[1];
      if (std::max(drain.code_second, drain.code_third) > kLargestCodeStep) {
        return Refusal{DiagnosticCode::kCompileLimit,
                       fmt::format("the codes {}", fmt::join(a.codes, ", ")),
                       fmt::format("at most {} from one to the next", kLargestCodeStep)};
      }
    }
    layer_.thresholds = static_cast<int32_t>(a.codes.size());
    layer_.bit_output = true;
    layer_.channels = channels_;
    layer_.parameters.affine = true;
    g.out_c = BitBytes(channels_);
    g.out_planes = a.codes.empty() ? 0 : output_.planes;
    g.out_value_bytes = 2 * channels_ * g.out_w;
    int64_t most = std::min<int64_t>(config.pe_lanes(), channels_) / 8;
    if (node_.inputs.size() > 2) {
      const Tensor& tensor = context_.tensor(node_.inputs[2]);
      Geometry& r = drain.residual;
      r.in_h = tensor.shape[1];
      r.in_w = tensor.shape[2];
      r.in_c = BitBytes(tensor.shape[3]);
      r.in_planes = tensor.type == TensorType::kBits ? tensor.planes : 0;
      r.in_value_bytes = 2 * int64_t{tensor.shape[2]} * tensor.shape[3];
      r.out_h = g.out_h;
      r.out_w = g.out_w;
      r.out_c = g.out_c;
      drain.pool = tensor.shape[1] != output_.shape[1];
      if (drain.pool) r.kernel_h = r.kernel_w = r.stride_h = r.stride_w = 2;
      drain.residual_channels = tensor.shape[3];
      layer_.residual = true;
      layer_.inputs.push_back(context_.StorageOf(node_.inputs[2]));
      // A group takes channels side by side.
      if (tensor.shape[3] < channels_) most = LargestDivisor(BitBytes(tensor.shape[3]), most);
    }
    if (most == 0) {
      return refuse("values on a PE of fewer than eight lanes", "eight lanes or more");
    }
    layer_.group_channels = 8 * most;
    layer_.groups = CeilDiv(channels_, layer_.group_channels);
    layer_.affine = drain;
    return std::nullopt;
  }

  LowerResult AppendAffine() {
    layer_.output = storage_;
    const AffineOptions& a = *options_.affine;
    return AppendDense(context_, std::move(layer_), weight_, [&a](int64_t o) {
      const auto half = [](int32_t low, int32_t high) {
        return static_cast<int32_t>((static_cast<uint32_t>(low) & 0xffff) |
                                    static_cast<uint32_t>(high) << 16);
      };
      const uint64_t biases = (static_cast<uint64_t>(a.biases[o]) & 0xffffff) |
                              (static_cast<uint64_t>(a.scale_biases[o]) & 0xffffff) << 24;
      return ParameterRecord{half(a.multipliers[o], a.slopes[o]), half(a.scales[o], a.offsets[o]),
                             static_cast<int32_t>(biases & 0xff),
                             static_cast<int64_t>(biases >> 8)};
    });
  }

  LowerResult AppendThresholds() {
    SetBitOutput(context_.config, output_, &layer_);
    for (const std::vector<int32_t>& thresholds : options_.thresholds) {
      if (static_cast<int64_t>(thresholds.size()) != channels_) {
        return Refusal{DiagnosticCode::kCompileOperator, "thresholds and channels disagree", ""};
      }
    }
    std::vector<ParameterRecord> records;
    for (int64_t o = 0; o < channels_; ++o) {
      std::vector<int64_t> thresholds;
      for (const std::vector<int32_t>& list : options_.thresholds) {
        thresholds.push_back(scale_ * list[static_cast<size_t>(o)]);
      }
      const int64_t reach = binary_ ? range_ : weight_reach_[static_cast<size_t>(o)] * 128;
      const std::optional<ParameterRecord> record = ThresholdRecord(
          thresholds, options_.flip[static_cast<size_t>(o)] != 0, OffsetOf(o), reach);
      if (!record) {
        return Refusal{
            DiagnosticCode::kCompileLimit,
            fmt::format("the thresholds {} of channel {}", fmt::join(thresholds, ", "), o),
            fmt::format("a second one at most {} above the first, and a third one at most {}",
                        kLargestSecond, kLargestThird)};
      }
      records.push_back(*record);
    }
    return AppendBits(context_, output_, storage_, std::move(layer_), weight_,
                      [&](int64_t o) { return records[static_cast<size_t>(o)]; });
  }

  /// Bias and rescaling of each channel's sums, without what hardware adds.
  LowerResult FindResults() {
    results_.resize(static_cast<size_t>(channels_));
    for (int64_t o = 0; o < channels_; ++o) {
      ChannelRescale& result = results_[static_cast<size_t>(o)];
      result.bias = options_.bias.empty() ? 0 : options_.bias[static_cast<size_t>(o)];
      if (output_.type == TensorType::kInt32) continue;
      result.multiplier = options_.multipliers[static_cast<size_t>(o)];
      result.shift = options_.shifts[static_cast<size_t>(o)];
      const std::optional<ChannelRescale> fitting = SaturatingRescale(result, ReachOf(o));
      if (!fitting) {
        return Refusal{DiagnosticCode::kCompileLimit,
                       fmt::format("sums up to {} of channel {}, multiplied by {} * 2^({} - 31): "
                                   "beyond 32 bits they would not saturate",
                                   ReachOf(o), o, result.multiplier, result.shift),
                       "a smaller shift to the left"};
      }
      result = *fitting;
    }
    for (int64_t o = 0; o < channels_ && scale_ != 1; ++o) {
      // A doubled sum with its bias must not wrap, since halves of what wraps differ.
      if (std::abs(BiasOf(o)) + range_ > INT32_MAX) {
        return Refusal{DiagnosticCode::kCompileLimit,
                       fmt::format("the bias {} of doubled sums (an odd number of input channels "
                                   "with {})",
                                   BiasOf(o) / scale_, VariesBy()),
                       "biases below 2^29, or an even number of channels"};
      }
    }
    return std::nullopt;
  }

  LowerResult AppendInt32() {
    for (int64_t o = 0; o < channels_ && scale_ == 1; ++o) {
      const int64_t bias = results_[static_cast<size_t>(o)].bias;
      if (bias + LeastOf(o) >= INT32_MIN + kByteRounding) continue;
      return Refusal{DiagnosticCode::kCompileLimit,
                     fmt::format("sums of channel {} with a bias of {} come within {} of -2^31", o,
                                 bias, kByteRounding),
                     "a larger bias"};
    }
    return AppendSums(
        context_, storage_, layer_, weight_, [this](int64_t o) { return BiasOf(o); }, scale_);
  }

  LowerResult AppendInt8() {
    layer_.output = storage_;
    layer_.out_zero_point = output_.zero_point();
    std::vector<ParameterRecord> records;
    for (int64_t o = 0; o < channels_; ++o) {
      int32_t multiplier = results_[static_cast<size_t>(o)].multiplier;
      int32_t shift = results_[static_cast<size_t>(o)].shift;
      // Of a doubled sum with one bit less to the left, or half of an even multiplier, all
      // roundings are the same; with one more bit to the right they are not.
      if (scale_ != 1 && shift > 0) {
        --shift;
      } else if (scale_ != 1 && multiplier % 2 == 0) {
        multiplier /= 2;
      } else if (scale_ != 1) {
        return Refusal{
            DiagnosticCode::kCompileOperator,
            fmt::format("{} input channels with {}, rescaled to int8 by an odd multiplier", depth_,
                        VariesBy()),
            "an even number of channels, or even multipliers"};
      }
      records.push_back({Wrapped(BiasOf(o)), multiplier, shift});
    }
    return AppendDense(context_, std::move(layer_), weight_,
                       [&](int64_t o) { return records[static_cast<size_t>(o)]; });
  }

  const char* VariesBy() const {
    return gated_ ? "gates" : "bits outside of the image that count 0";
  }
  /// What the hardware's sum is larger than `scale_` S.
  int64_t OffsetOf(int64_t o) const {
    return binary_ ? -factor_ * extra_
                   : -input_.zero_point() * weight_sums_[static_cast<size_t>(o)];
  }
  int64_t BiasOf(int64_t o) const {
    return scale_ * results_[static_cast<size_t>(o)].bias + OffsetOf(o);
  }
  /// Ranges of sums as they are meant, without what hardware adds.
  int64_t LeastOf(int64_t o) const {
    if (binary_) return -factor_ * taps_ * depth_;
    // Weights of either sign meet the byte that makes their product least.
    const int64_t above =
        (weight_reach_[static_cast<size_t>(o)] + weight_sums_[static_cast<size_t>(o)]) / 2;
    const int64_t below = above - weight_sums_[static_cast<size_t>(o)];
    return above * (-128 - input_.zero_point()) - below * (127 - input_.zero_point());
  }
  int64_t ReachOf(int64_t o) const {
    if (binary_) return factor_ * taps_ * depth_;
    return weight_reach_[static_cast<size_t>(o)] * (128 + std::abs(input_.zero_point()));
  }

  LoweringContext& context_;
  const Operator& node_;
  const BinaryConvOptions& options_;
  const Tensor& input_;
  const Tensor& filter_;
  const Tensor& output_;
  const bool binary_, gated_;
  const int64_t channels_, depth_, taps_;
  const int64_t factor_;  ///< the largest sum of planes, in sums of one
  Layer layer_;
  PixelBytes pixel_;
  int64_t scale_ = 1;  ///< of the hardware's sums
  int64_t extra_ = 0;  ///< that they are larger by, per plane
  int64_t range_ = 0;  ///< sums are within +- this
  WeightFunction weight_;
  std::vector<int64_t> weight_sums_, weight_reach_;  ///< of int8 operands; reach: absolute values
  int32_t storage_ = -1;
  std::vector<ChannelRescale> results_;
};

}  // namespace

LowerResult LowerBinaryConv2d(LoweringContext& context, int32_t op) {
  return BinaryConvolution(context, op).Lower();
}

LowerResult LowerThermometer(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const ThermometerOptions& options = std::get<ThermometerOptions>(node.options);
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  int32_t source = context.StorageOf(node.inputs[0]);
  int64_t shift = 0;  // of the levels
  if (input.type == TensorType::kUint8) {
    // As signed bytes, 128 less.
    std::vector<uint8_t> table(256);
    for (int32_t value = 0; value < 256; ++value) table[value] = static_cast<uint8_t>(value ^ 0x80);
    const int32_t shifted = context.NewStorage(static_cast<int64_t>(input.bytes()));
    AppendLookup(context, source, shifted, input.shape, table);
    source = shifted;
    shift = -128;
  }
  Layer layer;
  layer.inputs = {source};
  Geometry& g = layer.geometry;
  g.images = input.shape[0];
  g.in_h = g.out_h = input.shape[1];
  g.in_w = g.out_w = input.shape[2];
  g.in_c = input.shape[3];
  SetBitOutput(context.config, output, &layer);
  const int64_t levels = options.levels;
  return AppendBits(
      context, output, context.StorageOf(node.outputs[0]), std::move(layer),
      [=](int64_t o, int64_t, int64_t, int64_t c) { return static_cast<int8_t>(o / levels == c); },
      [=, &options](int64_t o) {
        return *ThresholdRecord({options.Level(o % levels) + shift + 1}, false, 0, 128);
      });
}

LowerResult LowerBitPool(LoweringContext& context, int32_t op, Layer layer) {
  const Tensor& input = context.tensor(context.model.operators[op].inputs[0]);
  Geometry& g = layer.geometry;
  layer.pool_bits = true;
  g.in_c = g.out_c = BitBytes(input.shape[3]);
  g.in_planes = g.out_planes = input.planes;
  // Nothing is 0, the smallest code.
  layer.fill = 0;
  layer.group_channels = std::min<int64_t>(context.config.post_width, g.out_c);
  layer.groups = CeilDiv(g.out_c, layer.group_channels);
  if (2 * g.kernel_h > kLargestLoopCount || 2 * g.stride_h > kLargestLoopCount) {
    return Refusal{DiagnosticCode::kCompileLimit, "a window of more than 127 rows of bits", ""};
  }
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

}  // namespace npugen::compiler
