// SPDX-License-Identifier: Apache-2.0
// Options of each kind of operator of the host.
#include "sw/compiler/host_step.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <tuple>

#include "generator/support/check.h"
#include "sw/driver/npu_host_detection.h"
#include "sw/driver/npu_host_kernels.h"
#include "sw/driver/npu_host_plain.h"
#include "sw/model/operators/rules.h"
#include "sw/model/quantization.h"

namespace npugen {
namespace {

using Shape = std::vector<int32_t>;

npu_host_factor FactorOf(const QuantizedMultiplier& factor) {
  return {factor.multiplier, factor.shift};
}

/// A further input of the host, row by row.
template <typename T>
Tensor Constant(const char* name, TensorType type, const std::vector<T>& values) {
  Tensor tensor;
  tensor.name = name;
  tensor.type = type;
  tensor.shape = {static_cast<int32_t>(values.size())};
  tensor.is_constant = true;
  tensor.data.resize(values.size() * sizeof(T));
  std::memcpy(tensor.data.data(), values.data(), tensor.data.size());
  return tensor;
}

Tensor SigmoidConstant() { return Constant("sigmoids", TensorType::kInt32, SigmoidTable()); }

template <typename Options>
HostStep StepOf(npu_host_kind kind, const Options& options) {
  static_assert(sizeof(Options) % 4 == 0 && sizeof(Options) / 4 <= NPU_NETWORK_MAX_OPTIONS);
  HostStep step;
  step.kind = kind;
  step.options.resize(sizeof(Options) / 4);
  std::memcpy(step.options.data(), &options, sizeof(Options));
  return step;
}

/// The last dimensions of an array of NPU_HOST_RANK sizes; those in front are 1.
void SetSizes(const Shape& shape, int32_t (&sizes)[NPU_HOST_RANK]) {
  Check(shape.size() <= NPU_HOST_RANK, "more dimensions than the host's operators have");
  std::fill(std::begin(sizes), std::end(sizes), 1);
  std::copy(shape.begin(), shape.end(),
            std::end(sizes) - static_cast<std::ptrdiff_t>(shape.size()));
}

/// Elements from one index of `shape` to the next, of an operand that is broadcast to it; the
/// operand's own innermost step is `step`.
void SetSteps(const Shape& operand, int32_t step, int32_t (&steps)[NPU_HOST_RANK]) {
  std::fill(std::begin(steps), std::end(steps), 0);
  for (size_t i = 1; i <= operand.size(); ++i) {
    const int32_t size = operand[operand.size() - i];
    if (size != 1) steps[NPU_HOST_RANK - i] = step;
    step *= size;
  }
}

class Maker {
 public:
  Maker(const Model& model, const Operator& op) : model_(model), op_(op) {}

  HostStep Make() const;

 private:
  const Tensor& input(size_t i = 0) const { return model_.tensors[op_.inputs[i]]; }
  const Tensor& output() const { return model_.tensors[op_.outputs[0]]; }

  HostStep Convolution() const;
  HostStep Matmul() const;
  HostStep Elementwise() const;
  HostStep Function() const;
  HostStep Softmax() const;
  HostStep LogSoftmax() const;
  HostStep Pool() const;
  HostStep Reduction() const;
  HostStep Svdf() const;
  HostStep Lstm() const;
  HostStep Detection() const;
  HostStep Poses() const;
  HostStep Arithmetic() const;
  HostStep Join() const;
  HostStep GatherNd() const;
  HostStep RoundedSums() const;
  HostStep Plain() const;

  const Model& model_;
  const Operator& op_;
};

HostStep Maker::Convolution() const {
  npu_convolution_options o = {};
  const Shape& in = input().shape;
  const Shape& out = output().shape;
  const Shape& filter = input(1).shape;
  Activation activation = Activation::kNone;
  if (const auto* dense = std::get_if<FullyConnectedOptions>(&op_.options)) {
    activation = dense->activation;
    o.in_h = o.in_w = o.out_h = o.out_w = o.filter_h = o.filter_w = 1;
    o.in_c = o.filter_c = filter[1];
    o.out_c = filter[0];
    o.batches = static_cast<int32_t>(input().elements() / o.in_c);
  } else {
    o.batches = in[0], o.in_h = in[1], o.in_w = in[2], o.in_c = in[3];
    o.out_h = out[1], o.out_w = out[2], o.out_c = out[3];
    o.filter_h = filter[1], o.filter_w = filter[2];
    o.filter_c = op_.type == OperatorType::kDepthwiseConv2d ? 1 : filter[3];
  }
  o.form = op_.type == OperatorType::kDepthwiseConv2d ? NPU_CONVOLUTION_DEPTHWISE
                                                      : NPU_CONVOLUTION_GROUPED;
  o.stride_h = o.stride_w = o.dilation_h = o.dilation_w = 1;
  if (const auto* conv = std::get_if<ConvOptions>(&op_.options)) {
    activation = conv->activation;
    o.stride_h = conv->stride_h, o.stride_w = conv->stride_w;
    o.dilation_h = conv->dilation_h, o.dilation_w = conv->dilation_w;
    o.pad_h = PaddingBefore(conv->padding, in[1], out[1], filter[1], o.stride_h, o.dilation_h);
    o.pad_w = PaddingBefore(conv->padding, in[2], out[2], filter[2], o.stride_w, o.dilation_w);
  } else if (const auto* transposed = std::get_if<TransposeConvOptions>(&op_.options)) {
    activation = transposed->activation;
    o.form = NPU_CONVOLUTION_TRANSPOSED;
    o.stride_h = transposed->stride_h, o.stride_w = transposed->stride_w;
    o.pad_h = PaddingBefore(transposed->padding, out[1], in[1], filter[1], o.stride_h, 1);
    o.pad_w = PaddingBefore(transposed->padding, out[2], in[2], filter[2], o.stride_w, 1);
  }
  o.wide_sums = op_.inputs[2] < 0 || input(2).type == TensorType::kInt64 ? 1 : 0;
  const ActivationRange range = WideActivationRange(activation, output().scale());
  o.least = range.min, o.most = range.max;
  HostStep step = StepOf(NPU_HOST_CONVOLUTION, o);
  std::vector<int32_t> factors;
  for (const QuantizedMultiplier& factor : OutputMultipliers(model_, op_)) {
    factors.insert(factors.end(), {factor.multiplier, factor.shift});
  }
  step.constants.push_back(Constant("factors", TensorType::kInt32, factors));
  return step;
}

HostStep Maker::Matmul() const {
  npu_matmul_options o = {};
  const auto& options = std::get<BatchMatMulOptions>(op_.options);
  const auto batches = [](const Tensor& tensor) {
    return Shape(tensor.shape.begin(), tensor.shape.end() - 2);
  };
  const Shape& a = input(0).shape;
  o.rows = output().shape[output().shape.size() - 2];
  o.columns = output().shape.back();
  o.depth = options.adjoint_x ? a[a.size() - 2] : a.back();
  SetSizes(batches(output()), o.size);
  SetSteps(batches(input(0)), o.rows * o.depth, o.a_step);
  SetSteps(batches(input(1)), o.depth * o.columns, o.b_step);
  o.a_row_step = options.adjoint_x ? 1 : o.depth;
  o.a_depth_step = options.adjoint_x ? o.rows : 1;
  o.b_depth_step = options.adjoint_y ? 1 : o.columns;
  o.b_column_step = options.adjoint_y ? o.depth : 1;
  o.factor = FactorOf(OutputMultipliers(model_, op_)[0]);
  return StepOf(NPU_HOST_MATMUL, o);
}

HostStep Maker::Elementwise() const {
  npu_elementwise_options o = {};
  const float s1 = input(0).scale(), s2 = input(1).scale(), so = output().scale();
  SetSizes(output().shape, o.size);
  SetSteps(input(0).shape, 1, o.a_step);
  SetSteps(input(1).shape, 1, o.b_step);
  const auto set = [&o](npu_elementwise_function function, const AddMultipliers& factors,
                        int32_t left_shift) {
    o.function = function;
    o.left_shift = left_shift;
    o.a = FactorOf(factors.input1);
    o.b = FactorOf(factors.input2);
    o.out = FactorOf(factors.output);
  };
  switch (op_.type) {
    case OperatorType::kAdd:
      set(NPU_ELEMENTWISE_ADD, ComputeAddMultipliers(s1, s2, so, kWideAddLeftShift).value(),
          kWideAddLeftShift);
      break;
    case OperatorType::kSub:
      set(NPU_ELEMENTWISE_SUB, ComputeSubMultipliers(s1, s2, so, kWideAddLeftShift).value(),
          kWideAddLeftShift);
      break;
    case OperatorType::kSquaredDifference:
      set(NPU_ELEMENTWISE_SQUARED_DIFFERENCE,
          ComputeSquaredDifferenceMultipliers(s1, s2, so, 0).value(), 0);
      break;
    case OperatorType::kMul:
      o.function = NPU_ELEMENTWISE_MUL;
      o.out = FactorOf(MulMultiplier(s1, s2, so, /*wide=*/true).value());
      break;
    case OperatorType::kPrelu: {
      const PreluMultipliers factors = ComputePreluMultipliers(s1, s2, so, /*wide=*/true).value();
      o.function = NPU_ELEMENTWISE_PRELU;
      o.a = FactorOf(factors.identity);
      o.b = FactorOf(factors.alpha);
      break;
    }
    default:
      o.function =
          op_.type == OperatorType::kMaximum ? NPU_ELEMENTWISE_MAXIMUM : NPU_ELEMENTWISE_MINIMUM;
      break;
  }
  Activation activation = Activation::kNone;
  if (const auto* add = std::get_if<AddOptions>(&op_.options)) activation = add->activation;
  const ActivationRange range = WideActivationRange(activation, so);
  o.least = range.min, o.most = range.max;
  return StepOf(NPU_HOST_ELEMENTWISE, o);
}

HostStep Maker::Function() const {
  npu_function_options o = {};
  const float scale = input().scale(), scale_out = output().scale();
  if (op_.type == OperatorType::kLogistic || op_.type == OperatorType::kTanh) {
    const bool tanh = op_.type == OperatorType::kTanh;
    o.function = tanh ? NPU_FUNCTION_TANH : NPU_FUNCTION_LOGISTIC;
    o.factor = FactorOf(ComputeWideSigmoidFactor(scale, tanh).value());
    HostStep step = StepOf(NPU_HOST_FUNCTION, o);
    step.constants.push_back(SigmoidConstant());
    return step;
  }
  o.function = NPU_FUNCTION_ABS;
  o.factor = FactorOf(UnaryMultiplier(scale, scale_out, /*wide=*/true).value());
  if (const auto* leaky = std::get_if<LeakyReluOptions>(&op_.options)) {
    const LeakyReluMultipliers factors =
        ComputeLeakyReluMultipliers(leaky->alpha, scale, scale_out, /*wide=*/true).value();
    o.function = NPU_FUNCTION_LEAKY_RELU;
    o.alpha = FactorOf(factors.alpha);
    o.negative = factors.negative ? 1 : 0;
  }
  return StepOf(NPU_HOST_FUNCTION, o);
}

HostStep Maker::Softmax() const {
  npu_softmax_options o = {};
  const float beta = std::get<SoftmaxOptions>(op_.options).beta;
  o.depth = input().shape.back();
  if (input().type == TensorType::kInt8) {
    const SoftmaxParameters parameters = ComputeSoftmaxParameters(beta, input().scale()).value();
    o.factor = {parameters.multiplier, parameters.left_shift};
    o.diff_min = parameters.diff_min;
    return StepOf(NPU_HOST_SOFTMAX, o);
  }
  o.factor = FactorOf(WideSoftmaxFactor(beta, input().scale()).value());
  HostStep step = StepOf(NPU_HOST_SOFTMAX, o);
  step.constants.push_back(Constant("exponentials", TensorType::kInt16, WideExponentialTable()));
  step.constants.push_back(Constant("reciprocals", TensorType::kInt16, WideReciprocalTable()));
  return step;
}

HostStep Maker::LogSoftmax() const {
  npu_log_softmax_options o = {};
  const LogSoftmaxParameters parameters = ComputeLogSoftmaxParameters(input().scale()).value();
  o.depth = input().shape.back();
  o.factor = {parameters.softmax.multiplier, parameters.softmax.left_shift};
  o.diff_min = parameters.softmax.diff_min;
  o.reverse = FactorOf(parameters.reverse);
  return StepOf(NPU_HOST_LOG_SOFTMAX, o);
}

HostStep Maker::Pool() const {
  npu_pool_options o = {};
  const auto& options = std::get<PoolOptions>(op_.options);
  const Shape& in = input().shape;
  const Shape& out = output().shape;
  o.average = op_.type == OperatorType::kAveragePool2d ? 1 : 0;
  o.batches = in[0], o.in_h = in[1], o.in_w = in[2], o.channels = in[3];
  o.out_h = out[1], o.out_w = out[2];
  o.filter_h = options.filter_h, o.filter_w = options.filter_w;
  o.stride_h = options.stride_h, o.stride_w = options.stride_w;
  o.pad_h = PaddingBefore(options.padding, in[1], out[1], o.filter_h, o.stride_h, 1);
  o.pad_w = PaddingBefore(options.padding, in[2], out[2], o.filter_w, o.stride_w, 1);
  const ActivationRange range = WideActivationRange(options.activation, output().scale());
  o.least = range.min, o.most = range.max;
  return StepOf(NPU_HOST_POOL, o);
}

HostStep Maker::Reduction() const {
  npu_reduction_options o = {};
  const Shape& in = input().shape;
  const Shape& axes = std::get<ReduceOptions>(op_.options).axes;
  o.function = op_.type == OperatorType::kReduceMax   ? NPU_REDUCTION_MAXIMUM
               : op_.type == OperatorType::kReduceMin ? NPU_REDUCTION_MINIMUM
                                                      : NPU_REDUCTION_SUM;
  SetSizes(in, o.size);
  int32_t step = 1;
  for (size_t i = in.size(); i-- > 0;) {
    if (std::find(axes.begin(), axes.end(), static_cast<int32_t>(i)) != axes.end()) continue;
    o.out_step[NPU_HOST_RANK - in.size() + i] = step;
    step *= in[i];
  }
  const float scale = input().scale(), scale_out = output().scale();
  if (op_.type == OperatorType::kMean) {
    o.factor = FactorOf(MeanMultiplier(scale, scale_out, input().elements() / output().elements()));
  } else if (op_.type == OperatorType::kSum) {
    o.factor =
        FactorOf(QuantizeMultiplier(static_cast<double>(scale) / static_cast<double>(scale_out)));
  }
  HostStep result = StepOf(NPU_HOST_REDUCTION, o);
  result.work_bytes = static_cast<uint32_t>(output().elements()) * 4;
  return result;
}

HostStep Maker::Svdf() const {
  npu_svdf_options o = {};
  const SvdfFactors factors = ComputeSvdfFactors(model_, op_).value();
  o.batches = input(0).shape[0], o.inputs = input(0).shape[1];
  o.filters = input(2).shape[0], o.memory = input(2).shape[1];
  o.rank = std::get<SvdfOptions>(op_.options).rank;
  o.in_zero_point = input(0).zero_point();
  o.state_zero_point = input(4).zero_point();
  o.out_zero_point = output().zero_point();
  o.feature = FactorOf(factors.feature);
  o.out = FactorOf(factors.output);
  return StepOf(NPU_HOST_SVDF, o);
}

HostStep Maker::Lstm() const {
  npu_lstm_options o = {};
  const LstmFactors factors = ComputeLstmFactors(model_, op_).value();
  const bool time_major = std::get<LstmOptions>(op_.options).time_major;
  const Shape& in = input(0).shape;
  o.batches = in[time_major ? 1 : 0], o.steps = in[time_major ? 0 : 1], o.inputs = in[2];
  o.units = input(1).shape[0];
  o.time_major = time_major ? 1 : 0;
  o.in_zero_point = input(0).zero_point();
  o.hidden_zero_point = input(13).zero_point();
  for (size_t gate = 0; gate < 4; ++gate) {
    o.in[gate] = FactorOf(factors.input[gate]);
    o.recurrent[gate] = FactorOf(factors.recurrent[gate]);
  }
  o.forget_cell = FactorOf(factors.forget_cell);
  o.input_cell = FactorOf(factors.input_cell);
  o.hidden = FactorOf(factors.hidden);
  o.cell_tanh = FactorOf(factors.cell_tanh);
  o.cell_clip = factors.cell_clip;
  HostStep step = StepOf(NPU_HOST_LSTM, o);
  step.constants.push_back(SigmoidConstant());
  step.work_bytes = static_cast<uint32_t>(o.batches * o.units) * 8;
  return step;
}

HostStep Maker::Detection() const {
  const auto& options = std::get<DetectionOptions>(op_.options);
  npu_detection_options o = {};
  o.boxes = input(0).shape[1], o.box_values = input(0).shape[2];
  o.columns = input(1).shape[2], o.classes = options.classes;
  o.most = options.most, o.most_of_a_class = options.most_of_a_class;
  o.regular = options.regular ? 1 : 0;
  o.score_threshold = options.score_threshold;
  o.overlap_threshold = options.overlap_threshold;
  o.scale_y = options.scale_y, o.scale_x = options.scale_x;
  o.scale_h = options.scale_h, o.scale_w = options.scale_w;
  HostStep step = StepOf(NPU_HOST_DETECTION, o);
  step.work_bytes =
      NPU_DETECTION_WORK(static_cast<uint32_t>(o.boxes), static_cast<uint32_t>(o.most),
                         static_cast<uint32_t>(o.most_of_a_class));
  return step;
}

HostStep Maker::Poses() const {
  const auto& options = std::get<PoseOptions>(op_.options);
  npu_pose_options o = {};
  o.height = input(0).shape[1], o.width = input(0).shape[2];
  o.most = options.most, o.stride = options.stride;
  const double odds = 1.0 / (static_cast<double>(options.score_threshold) + 1e-6) - 1.0;
  o.least_logit = static_cast<float>(-std::log(odds));
  o.score_threshold = options.score_threshold;
  o.block = static_cast<float>(1.0 / options.stride);
  const float radius = options.nms_radius / static_cast<float>(options.stride);
  o.squared_radius = radius * radius;
  HostStep step = StepOf(NPU_HOST_POSES, o);
  step.work_bytes = NPU_POSE_WORK(static_cast<uint32_t>(o.height), static_cast<uint32_t>(o.width),
                                  static_cast<uint32_t>(o.most));
  return step;
}

npu_arithmetic_function ArithmeticFunction(OperatorType type) {
  switch (type) {
    case OperatorType::kAdd:
      return NPU_ARITHMETIC_ADD;
    case OperatorType::kSub:
      return NPU_ARITHMETIC_SUB;
    case OperatorType::kMul:
      return NPU_ARITHMETIC_MUL;
    case OperatorType::kSquaredDifference:
      return NPU_ARITHMETIC_SQUARED_DIFFERENCE;
    case OperatorType::kMaximum:
      return NPU_ARITHMETIC_MAXIMUM;
    case OperatorType::kMinimum:
      return NPU_ARITHMETIC_MINIMUM;
    case OperatorType::kDiv:
      return NPU_ARITHMETIC_DIV;
    case OperatorType::kFloorDiv:
      return NPU_ARITHMETIC_FLOOR_DIV;
    default:
      return NPU_ARITHMETIC_FLOOR_MOD;
  }
}

/// Limits of a fused activation on numbers as they are; of float32 their bits. TensorFlow Lite
/// limits results to finite numbers where an operator can have an activation and has none.
template <typename T>
std::pair<int32_t, int32_t> PlainLimits(std::optional<Activation> activation) {
  T least = std::numeric_limits<T>::lowest(), most = std::numeric_limits<T>::max();
  if (!activation && std::numeric_limits<T>::has_infinity) {
    least = -std::numeric_limits<T>::infinity(), most = std::numeric_limits<T>::infinity();
  } else if (activation == Activation::kRelu) {
    least = 0;
  } else if (activation == Activation::kRelu6) {
    least = 0, most = 6;
  } else if (activation == Activation::kReluN1To1) {
    least = -1, most = 1;
  }
  return {std::bit_cast<int32_t>(least), std::bit_cast<int32_t>(most)};
}

HostStep Maker::Arithmetic() const {
  npu_arithmetic_options o = {};
  o.function = ArithmeticFunction(op_.type);
  SetSizes(output().shape, o.size);
  SetSteps(input(0).shape, 1, o.a_step);
  SetSteps(input(1).shape, 1, o.b_step);
  std::optional<Activation> activation;
  if (const auto* add = std::get_if<AddOptions>(&op_.options)) activation = add->activation;
  std::tie(o.least, o.most) = output().type == TensorType::kFloat32
                                  ? PlainLimits<float>(activation)
                                  : PlainLimits<int32_t>(activation);
  return StepOf(NPU_HOST_ARITHMETIC, o);
}

HostStep Maker::Join() const {
  npu_join_options o = {1};
  const int32_t axis = std::get<AxisOptions>(op_.options).axis;
  // Below 2^31, as there are as many elements or more.
  for (int32_t d = 0; d < axis && output().elements() > 0; ++d) o.chunks *= input().shape[d];
  return StepOf(NPU_HOST_JOIN, o);
}

HostStep Maker::GatherNd() const {
  npu_gather_nd_options o = {};
  const Shape& shape = input().shape;
  o.depth = input(1).shape.back();
  o.rows = static_cast<int32_t>(input(1).elements() / o.depth);
  std::fill(std::begin(o.size), std::end(o.size), 1);
  std::copy_n(shape.begin(), o.depth, o.size);
  o.slice_bytes = static_cast<int32_t>(output().bytes() / static_cast<size_t>(o.rows));
  return StepOf(NPU_HOST_GATHER_ND, o);
}

HostStep Maker::RoundedSums() const {
  const auto& options = std::get<RoundedSumsOptions>(op_.options);
  npu_rounded_sums_options o = {};
  const bool weighted = op_.inputs.size() > 1;
  const int32_t elements = static_cast<int32_t>(input().elements());
  o.outputs = output().shape[3];
  o.terms = weighted ? elements : elements / o.outputs;
  o.output_step = weighted ? 0 : 1;
  o.term_step = weighted ? 1 : o.outputs;
  o.product_shift = options.product_shift;
  o.sum_shift = options.sum_shift;
  HostStep step = StepOf(NPU_HOST_ROUNDED_SUMS, o);
  if (weighted) step.constants.push_back(Constant("bias", TensorType::kInt32, options.bias));
  return step;
}

/// On int32 and float32 as they are.
HostStep Maker::Plain() const {
  npu_unary_options o = {};
  switch (op_.type) {
    case OperatorType::kConcatenation:
    case OperatorType::kPack:
      return Join();
    case OperatorType::kAbs:
    case OperatorType::kNeg:
    case OperatorType::kSqrt:
      o.function = op_.type == OperatorType::kAbs   ? NPU_UNARY_ABS
                   : op_.type == OperatorType::kNeg ? NPU_UNARY_NEG
                                                    : NPU_UNARY_SQRT;
      return StepOf(NPU_HOST_UNARY, o);
    default:
      return Arithmetic();
  }
}

HostStep Maker::Make() const {
  if (ComputesPlain(model_, op_)) return Plain();
  HostStep plain;
  switch (op_.type) {
    case OperatorType::kConv2d:
    case OperatorType::kDepthwiseConv2d:
    case OperatorType::kFullyConnected:
    case OperatorType::kTransposeConv:
      return Convolution();
    case OperatorType::kBatchMatMul:
      return Matmul();
    case OperatorType::kAdd:
    case OperatorType::kSub:
    case OperatorType::kMul:
    case OperatorType::kSquaredDifference:
    case OperatorType::kMaximum:
    case OperatorType::kMinimum:
    case OperatorType::kPrelu:
      return Elementwise();
    case OperatorType::kLogistic:
    case OperatorType::kTanh:
    case OperatorType::kLeakyRelu:
    case OperatorType::kAbs:
      return Function();
    case OperatorType::kSoftmax:
      return Softmax();
    case OperatorType::kMaxPool2d:
    case OperatorType::kAveragePool2d:
      return Pool();
    case OperatorType::kMean:
    case OperatorType::kSum:
    case OperatorType::kReduceMax:
    case OperatorType::kReduceMin:
      return Reduction();
    case OperatorType::kSvdf:
      return Svdf();
    case OperatorType::kSequenceLstm:
      return Lstm();
    case OperatorType::kLogSoftmax:
      return LogSoftmax();
    case OperatorType::kDetectionPostProcess:
      return Detection();
    case OperatorType::kPosenetDecoder:
      return Poses();
    case OperatorType::kGatherNd:
      return GatherNd();
    case OperatorType::kRoundedSums:
      return RoundedSums();
    case OperatorType::kCast:
      plain.kind = NPU_HOST_CAST;
      return plain;
    case OperatorType::kDequantize:
      plain.kind = NPU_HOST_DEQUANTIZE;
      return plain;
    case OperatorType::kL2Normalization:
      plain.kind = NPU_HOST_L2_NORMALIZATION;
      return plain;
    default:
      plain.kind = NPU_HOST_QUANTIZE;
      return plain;
  }
}

}  // namespace

HostStep MakeHostStep(const Model& model, const Operator& op) { return Maker(model, op).Make(); }

}  // namespace npugen
