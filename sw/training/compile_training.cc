// SPDX-License-Identifier: Apache-2.0
// Layers forwards, gradients backwards, then all weights at once.
#include "sw/training/compile_training.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <utility>

#include "sw/float/step_builder.h"
#include "sw/numerics/float_format.h"
#include "sw/numerics/vector.h"

namespace npugen::training {
namespace {

using floats::BuiltStream;
using floats::kNoTensor;
using floats::Place;
using floats::Product;
using floats::Rearrangement;
using floats::StepBuilder;
using floats::TensorId;
using floats::VectorStream;
using floats::VectorWork;

constexpr int64_t kBf16 = 2, kFp32 = 4;  // bytes
constexpr int64_t kChunk = 1024;         // elements of weights that are changed by one command
/// Elements of a gradient that one command makes, so that the DMA follows command by command.
constexpr int64_t kPiece = 2048;
/// Rows of patches that are in PE memory together, as a share of it.
constexpr int64_t kPatchShare = 4;

int64_t Quotient(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundedUp(int64_t a, int64_t b) { return Quotient(a, b) * b; }

/// A convolution as one of images, a dense layer as one of an image whose pixels are the batch.
struct Geometry {
  int64_t images, height, width, channels;  ///< of the operand
  int64_t out_height, out_width, outs;
  int64_t positions() const { return images * out_height * out_width; }
};

/// What is brought into PE memory before it is used, while the PE is at work elsewhere.
struct Ahead {
  int64_t layers;  ///< whose backward pass is prepared beside another one's; negative: none
  int64_t state;   ///< layers whose backward passes are still to come when all numbers that
                   ///< change are brought; negative: they come when they change
};
/// From the fastest one to the one that takes least memory.
constexpr Ahead kAhead[] = {{1 << 30, 1 << 30}, {1 << 30, 1}, {1, 1}, {1, -1}, {-1, -1}};

class Compiler {
 public:
  Compiler(const NpuConfig& config, const Network& network, const TrainingConfig& training,
           const TrainingOptions& options, const Ahead& ahead)
      : config_(config),
        network_(network),
        training_(training),
        options_(options),
        ahead_(ahead),
        builder_(config),
        batch_(training.batch) {}

  Result<TrainingProgram> Run();

 private:
  const Layer& LayerOf(int32_t value) const {
    return network_.layers[static_cast<size_t>(value - 1)];
  }
  int64_t ElementsOf(int32_t value) const { return batch_ * network_.ShapeOf(value).elements(); }
  int64_t slice_bytes() const { return config_.simd; }
  TensorId BatchTensor(const std::string& name, int32_t value) {
    return builder_.Tensor(name, kBf16 * ElementsOf(value));
  }
  Geometry GeometryOf(const Layer& layer) const {
    const bool dense = layer.kernel_h * layer.kernel_w * layer.out.height * layer.out.width == 1 &&
                       layer.in.height * layer.in.width == 1;
    if (dense) return {1, batch_, 1, layer.in.channels, batch_, 1, layer.out.channels};
    return {batch_,           layer.in.height, layer.in.width,    layer.in.channels,
            layer.out.height, layer.out.width, layer.out.channels};
  }
  size_t ProgramOf(const std::string& key, const VectorProgram& program) {
    const auto [entry, is_new] = programs_.emplace(key, 0);
    if (is_new) entry->second = builder_.AddProgram(program);
    return entry->second;
  }
  void BeginLayer(const std::string& name, uint64_t macs = 0) {
    ProgramLayer layer;
    layer.tag = static_cast<uint32_t>(out_.program.layers.size());
    layer.operator_index = layer.tag;
    layer.name = name;
    layer.macs = macs;
    builder_.SetTag(layer.tag);
    out_.program.layers.push_back(std::move(layer));
  }
  void Keep(const std::string& name, Place from, int64_t rows, int64_t columns, int64_t pitch) {
    if (!options_.keep_tensors) return;
    const int64_t bytes = kBf16 * ((rows - 1) * pitch + columns);
    out_.kept.push_back({name, scratch_bytes_, rows, columns, pitch});
    builder_.Store(from, Window::kScratch, scratch_bytes_, bytes);
    scratch_bytes_ = RoundedUp(scratch_bytes_ + bytes, config_.axi_data_bits / 8);
  }
  /// A flat operation on all elements of a value.
  void FlatWork(size_t program, int64_t elements, std::initializer_list<TensorId> abc,
                TensorId result);

  void PlaceParameters();
  Status CheckMachine() const;
  void LoadInputs();
  /// What no convolution of the forward pass needs.
  void LoadRest();
  /// Makes what the backward passes of this layer and later ones need beside gradients.
  void PrepareFrom(int64_t number);
  struct Patches;
  Patches MakePatches(const Layer& layer, const Geometry& g, int64_t first, int64_t count);
  std::vector<Patches> PiecesOfPatches(const Layer& layer, const Geometry& g) const;
  struct Phase;
  std::vector<Phase> PhasesOf(const Layer& layer, const Geometry& g) const;
  TensorId TurnWeights(const Layer& layer, const Geometry& g, const Phase& phase);
  /// Bytes of the output window.
  std::map<UpdateProgram::Stream, int64_t> StatePlaces(bool biases) const;
  void LoadState(bool biases, int64_t begin, int64_t end);
  void LoadAllState();
  /// Calls visit(biases, begin, end) for the elements that each command changes.
  template <typename Visit>
  void ForChunks(Visit visit) const {
    for (const bool biases : {false, true}) {
      const int64_t elements = biases ? out_.state.trained_biases : out_.state.trained_weights;
      for (int64_t begin = 0; begin < elements; begin += kChunk) {
        visit(biases, begin, std::min(begin + kChunk, elements));
      }
    }
  }
  void Forward(size_t number);
  void ForwardConvolution(const Layer& layer, int32_t value);
  void ForwardMaxPool(const Layer& layer, int32_t value);
  void LossAndGradient();
  void Backward(size_t number);
  void BackwardConvolution(const Layer& layer, TensorId gradient);
  /// `turns` make `turned`.
  void GradientOfWeights(const Layer& layer, const Geometry& g, TensorId turned, int64_t pitch,
                         std::vector<Rearrangement> turns);
  void GradientOfInput(const Layer& layer, const Geometry& g, TensorId gradient);
  void BackwardMaxPool(const Layer& layer, int32_t value, TensorId gradient);
  /// Adds a gradient to what a value has so far.
  void AddGradient(int32_t value, TensorId gradient);
  void ChangeWeights();
  void Change(bool biases, int64_t begin, int64_t end);

  size_t NumberOf(const Layer& layer) const {
    return static_cast<size_t>(&layer - network_.layers.data());
  }
  bool NeedsGradient(int32_t value) const { return needed_[static_cast<size_t>(value)]; }

  const NpuConfig& config_;
  const Network& network_;
  const TrainingConfig& training_;
  const TrainingOptions& options_;
  const Ahead ahead_;
  StepBuilder builder_;
  int64_t batch_;
  TrainingProgram out_;
  int64_t scratch_bytes_ = 0;
  std::map<std::string, size_t> programs_;
  std::vector<std::vector<UpdateProgram>> updates_;  ///< of weights, of biases
  std::vector<std::vector<size_t>> update_programs_;
  std::vector<TensorId> values_;     ///< by value
  std::vector<TensorId> between_;    ///< by value: of pools, the larger ones of neighbours in a row
  std::vector<TensorId> gradients_;  ///< by value: kNoTensor before there is one
  std::vector<bool> needed_;         ///< by value: whether its gradient is
  std::vector<bool> masked_;         ///< by value: the gradient passed its ReLU already
  std::vector<int> uses_;
  int64_t prepared_from_ = 0;                  ///< layers from this one on are
  std::vector<std::vector<Patches>> patches_;  ///< by layer: those that are there
  std::vector<std::vector<TensorId>> turned_;  ///< by layer: weights by input, of each phase
  std::map<std::pair<bool, int64_t>, std::map<UpdateProgram::Stream, TensorId>> changed_;
  TensorId targets_ = kNoTensor, working_weights_ = kNoTensor, working_biases_ = kNoTensor;
  TensorId weight_gradients_ = kNoTensor, bias_gradients_ = kNoTensor;
};

void Compiler::PlaceParameters() {
  const int64_t step = slice_bytes() / kBf16;
  StateLayout& state = out_.state;
  out_.parameters.resize(network_.parameters.size());
  for (const bool frozen : {false, true}) {
    for (const Layer& layer : network_.layers) {
      if (layer.kind != LayerKind::kConvolution) continue;
      for (const int32_t number : {layer.weights, layer.bias}) {
        if (number < 0 || network_.parameters[static_cast<size_t>(number)].frozen != frozen) {
          continue;
        }
        ParameterPlace& place = out_.parameters[static_cast<size_t>(number)];
        place.is_bias = number == layer.bias;
        int64_t& elements = place.is_bias ? state.biases : state.weights;
        place.first = elements;
        if (place.is_bias) {
          place.columns = layer.out.channels;
          place.pitch = RoundedUp(place.columns, config_.pe_lanes());
        } else {
          place.rows = layer.out.channels;
          place.columns = layer.depth();
          place.pitch = RoundedUp(place.columns, step);
        }
        // Arrays of BF16 begin at words of PE memory, too.
        elements += RoundedUp(place.rows * place.pitch, config_.pe_bank_bytes / kBf16);
      }
    }
    if (!frozen) {
      state.trained_weights = state.weights;
      state.trained_biases = state.biases;
    }
  }
  state.moments = MomentsOf(training_.optimizer);
}

Status Compiler::CheckMachine() const {
  const std::string& name = config_.name;
  const auto refuse = [&](const std::string& what, const std::string& hint) -> Status {
    return Diagnostic{DiagnosticCode::kTrainingContradiction, {name, 0, 0}, what, hint};
  };
  if (config_.float_formats == 0 || config_.vector_lanes == 0) {
    return refuse("this NPU has no floating point or no vector unit",
                  "units.data_types with bf16, units.vector_lanes; preset edge_float");
  }
  if (!config_.dma_transpose || !config_.dma_strides) {
    return refuse("the DMA of this NPU neither transposes nor steps",
                  "units.dma.wide_fill, transpose and strides; preset edge_float");
  }
  const ImageShape& output = network_.output();
  if (output.height * output.width != 1) {
    return Diagnostic{DiagnosticCode::kTrainingContradiction,
                      {network_.name, 0, 0},
                      "the network's output is an image",
                      "a dense layer at its end"};
  }
  return Unit{};
}

void Compiler::LoadInputs() {
  BeginLayer("inputs");
  int64_t offset = 0;
  const int64_t beat = config_.axi_data_bits / 8;
  const auto add = [&](const std::string& name, int64_t bytes) {
    ProgramTensor tensor;
    tensor.tensor = static_cast<int32_t>(out_.program.inputs.size());
    tensor.name = name;
    tensor.offset = static_cast<uint32_t>(offset);
    tensor.bytes = static_cast<uint32_t>(bytes);
    out_.program.inputs.push_back(tensor);
    return std::exchange(offset, RoundedUp(offset + bytes, beat));
  };
  const auto outputs = static_cast<int32_t>(network_.layers.size());
  values_[0] = BatchTensor("images", 0);
  targets_ = BatchTensor("targets", outputs);
  const int64_t images_at = add("images", builder_.bytes(values_[0]));
  add("targets", builder_.bytes(targets_));
  add("vector programs", 0);
  const StateLayout& state = out_.state;
  working_weights_ = builder_.Tensor("weights", kBf16 * state.weights);
  working_biases_ = builder_.Tensor("biases", kFp32 * state.biases);
  if (state.biases > 0) {
    builder_.Load(Window::kOutput, state.WorkingBiasesAt(), {working_biases_},
                  kFp32 * state.biases);
  }
  builder_.Load(Window::kOutput, state.WorkingWeightsAt(), {working_weights_},
                kBf16 * state.weights);
  builder_.Load(Window::kInput, images_at, {values_[0]}, builder_.bytes(values_[0]));
}

void Compiler::LoadRest() {
  builder_.LoadPrograms(Window::kInput, out_.program.inputs[2].offset);
  builder_.Load(Window::kInput, out_.program.inputs[1].offset, {targets_},
                builder_.bytes(targets_));
  const StateLayout& state = out_.state;
  if (options_.forward_only) return;
  // What no product writes between rows of weights is 0.
  weight_gradients_ = builder_.Tensor("gradients of weights", kBf16 * state.trained_weights);
  if (state.trained_weights > 0) {
    builder_.Clear({weight_gradients_}, kBf16 * state.trained_weights);
  }
  bias_gradients_ = builder_.Tensor("gradients of biases", kFp32 * state.trained_biases);
  if (state.trained_biases > 0) {
    builder_.Clear({bias_gradients_}, kFp32 * state.trained_biases);
  }
}

void Compiler::FlatWork(size_t program, int64_t elements, std::initializer_list<TensorId> abc,
                        TensorId result) {
  VectorWork work;
  work.program = program;
  work.elements = elements;
  VectorStream* streams[] = {&work.a, &work.b, &work.c};
  size_t s = 0;
  for (const TensorId tensor : abc) streams[s++]->at = {tensor};
  work.d.at = {result};
  builder_.Work(work);
}

void Compiler::Forward(size_t number) {
  const Layer& layer = network_.layers[number];
  const auto value = static_cast<int32_t>(number + 1);
  const uint64_t macs = layer.kind == LayerKind::kConvolution
                            ? static_cast<uint64_t>(ElementsOf(value) * layer.depth())
                            : 0;
  BeginLayer(layer.name, macs);
  values_[number + 1] = BatchTensor(layer.name, value);
  switch (layer.kind) {
    case LayerKind::kConvolution:
      ForwardConvolution(layer, value);
      break;
    case LayerKind::kMaxPool:
      ForwardMaxPool(layer, value);
      break;
    case LayerKind::kAdd:
      FlatWork(ProgramOf(layer.relu ? "sum, ReLU" : "sum", Sum(layer.relu)), ElementsOf(value),
               {values_[static_cast<size_t>(layer.inputs[0])],
                values_[static_cast<size_t>(layer.inputs[1])]},
               values_[number + 1]);
      break;
  }
  Keep(fmt::format("value {}", value), {values_[number + 1]}, 1, ElementsOf(value),
       ElementsOf(value));
}

void Compiler::ForwardConvolution(const Layer& layer, int32_t value) {
  const Geometry g = GeometryOf(layer);
  const ParameterPlace& weights = out_.parameters[static_cast<size_t>(layer.weights)];
  Product product;
  product.operand = {values_[static_cast<size_t>(layer.inputs[0])]};
  product.images = g.images;
  product.image_step = kBf16 * g.height * g.width * g.channels;
  product.in_h = g.height;
  product.row_bytes = product.row_pitch = kBf16 * g.width * g.channels;
  product.height = g.out_height;
  product.width = g.out_width;
  product.y_start = -layer.pad_top;
  product.y_step = layer.stride_h;
  product.x_start = -layer.pad_left * kBf16 * g.channels;
  product.x_step = layer.stride_w * kBf16 * g.channels;
  if (layer.kernel_h * layer.kernel_w > 1) {
    product.run_bytes = kBf16 * layer.kernel_w * g.channels;
    product.kernel_rows = layer.kernel_h;
  }
  product.weights = {working_weights_, kBf16 * weights.first};
  product.depth = kBf16 * weights.columns;
  product.pitch = kBf16 * weights.pitch;
  product.channels = g.outs;
  if (layer.bias >= 0) {
    const ParameterPlace& bias = out_.parameters[static_cast<size_t>(layer.bias)];
    product.bias = {working_biases_, kFp32 * bias.first};
  }
  product.relu = layer.relu;
  product.out = {values_[static_cast<size_t>(value)]};
  product.out_x_step = kBf16 * g.outs;
  product.out_row_step = g.out_width * product.out_x_step;
  product.out_image_step = g.out_height * product.out_row_step;
  builder_.Multiply(product);
}

void Compiler::ForwardMaxPool(const Layer& layer, int32_t value) {
  const size_t larger = ProgramOf("larger", Larger());
  const int64_t pixel = kBf16 * layer.in.channels;
  TensorId rows = values_[static_cast<size_t>(layer.inputs[0])];
  if (layer.kernel_w == 2) {
    // The larger one of neighbours in a row.
    const TensorId to =
        layer.kernel_h == 2
            ? builder_.Tensor(layer.name + ", rows", kBf16 * batch_ * layer.in.elements() / 2)
            : values_[static_cast<size_t>(value)];
    VectorWork work;
    work.program = larger;
    work.rows = batch_ * layer.in.height * layer.out.width;
    work.elements = layer.in.channels;
    work.a = {{rows, 0}, 2 * pixel};
    work.b = {{rows, pixel}, 2 * pixel};
    work.d = {{to, 0}, pixel};
    builder_.Work(work);
    rows = to;
  }
  between_[static_cast<size_t>(value)] = rows;
  if (layer.kernel_h == 2) {
    const int64_t row = pixel * layer.out.width;
    VectorWork work;
    work.program = larger;
    work.rows = batch_ * layer.out.height;
    work.elements = layer.out.width * layer.in.channels;
    work.a = {{rows, 0}, 2 * row};
    work.b = {{rows, row}, 2 * row};
    work.d = {{values_[static_cast<size_t>(value)], 0}, row};
    builder_.Work(work);
  } else if (layer.kernel_w == 1) {
    FlatWork(ProgramOf("copy", Copy()), ElementsOf(value), {rows},
             values_[static_cast<size_t>(value)]);
  }
}

void Compiler::LossAndGradient() {
  BeginLayer("loss");
  const auto value = static_cast<int32_t>(network_.layers.size());
  const int64_t outputs = network_.output().channels;
  builder_.Store({values_.back()}, Window::kOutput, 0, kBf16 * batch_ * outputs);
  if (!NeedsGradient(value) || options_.forward_only) return;
  std::vector<StepNumberAt> numbers;
  VectorWork work;
  work.program = ProgramOf("loss", LossGradient(training_.loss, &numbers));
  for (const StepNumberAt& at : numbers) {
    out_.numbers.push_back({at.number, builder_.ProgramOffset(work.program) + at.byte});
  }
  work.rows = batch_;
  work.elements = outputs;
  const TensorId gradient = BatchTensor("gradient of the output", value);
  work.a = {{values_.back()}, kBf16 * outputs};
  work.b = {{targets_}, kBf16 * outputs};
  work.d = {{gradient}, kBf16 * outputs};
  if (training_.loss == Loss::kCrossEntropy) {
    const TensorId exponentials = builder_.Tensor("exponentials", kFp32 * batch_ * outputs);
    work.c = work.e = {{exponentials}, kFp32 * outputs, kFormatFp32};
  }
  builder_.Work(work);
  gradients_.back() = gradient;
}

void Compiler::AddGradient(int32_t value, TensorId gradient) {
  TensorId& sum = gradients_[static_cast<size_t>(value)];
  if (sum == kNoTensor) {
    sum = gradient;
    return;
  }
  const TensorId both = BatchTensor(fmt::format("gradient of value {}", value), value);
  FlatWork(ProgramOf("sum", Sum(false)), ElementsOf(value), {sum, gradient}, both);
  sum = both;
}

void Compiler::Backward(size_t number) {
  const Layer& layer = network_.layers[number];
  const auto value = static_cast<int32_t>(number + 1);
  TensorId gradient = gradients_[number + 1];
  if (gradient == kNoTensor || !NeedsGradient(value)) return;
  BeginLayer("gradient of " + layer.name);
  if (layer.relu && !masked_[number + 1]) {
    const TensorId masked = BatchTensor("gradient of " + layer.name, value);
    FlatWork(ProgramOf("gradient of ReLU", ReluGradient()), ElementsOf(value),
             {gradient, values_[number + 1]}, masked);
    gradient = masked;
  }
  Keep(fmt::format("gradient of value {}", value), {gradient}, 1, ElementsOf(value),
       ElementsOf(value));
  switch (layer.kind) {
    case LayerKind::kConvolution:
      BackwardConvolution(layer, gradient);
      break;
    case LayerKind::kMaxPool:
      BackwardMaxPool(layer, value, gradient);
      break;
    case LayerKind::kAdd:
      for (const int32_t input : layer.inputs) {
        if (NeedsGradient(input)) AddGradient(input, gradient);
      }
      break;
  }
}

/// Patches of some taps of a layer's operand: rows [tap][channel] of all positions.
struct Compiler::Patches {
  TensorId tensor = kNoTensor;
  int64_t first = 0, count = 0;  ///< taps
};

/// A phase of the stride: the places of the input that meet the same taps.
struct Compiler::Phase {
  struct Axis {
    int64_t position;  ///< first place of the input
    int64_t first;     ///< smallest tap
    int64_t taps;
    int64_t start;  ///< output of the last tap at the first place
  };
  Axis y, x;
};

void Compiler::PrepareFrom(int64_t number) {
  builder_.SetAhead(true);
  for (; prepared_from_ > std::max(number, int64_t{0}); --prepared_from_) {
    const auto i = static_cast<size_t>(prepared_from_ - 1);
    const Layer& layer = network_.layers[i];
    if (layer.kind != LayerKind::kConvolution ||
        !NeedsGradient(static_cast<int32_t>(prepared_from_)))
      continue;
    const Geometry g = GeometryOf(layer);
    if (!network_.parameters[static_cast<size_t>(layer.weights)].frozen) {
      for (const Patches& piece : PiecesOfPatches(layer, g)) {
        patches_[i].push_back(MakePatches(layer, g, piece.first, piece.count));
      }
    }
    if (!NeedsGradient(layer.inputs[0])) continue;
    for (const Phase& phase : PhasesOf(layer, g)) {
      turned_[i].push_back(TurnWeights(layer, g, phase));
    }
  }
  builder_.SetAhead(false);
}

void Compiler::BackwardConvolution(const Layer& layer, TensorId gradient) {
  const Geometry g = GeometryOf(layer);
  const bool weights = !network_.parameters[static_cast<size_t>(layer.weights)].frozen;
  const bool bias = layer.bias >= 0 && !network_.parameters[static_cast<size_t>(layer.bias)].frozen;
  if (NeedsGradient(layer.inputs[0])) GradientOfInput(layer, g, gradient);
  if (!weights && !bias) return;
  // A row for each channel; piece by piece, as the gradient comes.
  const int64_t pitch = RoundedUp(kBf16 * g.positions(), slice_bytes());
  const TensorId turned = builder_.Tensor("gradient by channel", g.outs * pitch);
  std::vector<Rearrangement> turns;
  const int64_t pixel = kBf16 * g.outs;
  // Whole rows of the transposer's squares.
  const int64_t most = std::min<int64_t>(RoundedUp(std::max(kPiece / g.outs, int64_t{1}), 64),
                                         compiler::kLargestTransferCount / 64 * 64);
  for (int64_t first = 0; first < g.positions(); first += most) {
    Rearrangement turn;
    turn.from = {gradient, first * pixel};
    turn.to = {turned, first * kBf16};
    turn.element = kBf16;
    turn.run = pixel;
    turn.dimensions = {{std::min(most, g.positions() - first), pixel, pitch}};
    turns.push_back(std::move(turn));
  }
  if (weights) {
    GradientOfWeights(layer, g, turned, pitch, std::move(turns));
  } else {
    for (const Rearrangement& turn : turns) builder_.Rearrange(turn);
  }
  if (!bias) return;
  const ParameterPlace& place = out_.parameters[static_cast<size_t>(layer.bias)];
  VectorWork sum;
  sum.program = ProgramOf("row sum", RowSum());
  sum.rows = g.outs;
  sum.elements = g.positions();
  sum.a = {{turned}, pitch};
  sum.d = {{bias_gradients_, kFp32 * place.first}, kFp32, kFormatFp32};
  sum.d_elements = 1;
  builder_.Work(sum);
}

std::vector<Compiler::Patches> Compiler::PiecesOfPatches(const Layer& layer,
                                                         const Geometry& g) const {
  const int64_t taps = layer.kernel_h * layer.kernel_w;
  const int64_t pitch = RoundedUp(kBf16 * g.positions(), slice_bytes());
  // Whole groups of lanes if that is possible, and no more than a share of the memory.
  int64_t together = 1;
  while (together < taps && together * g.channels % config_.pe_lanes() != 0) ++together;
  const int64_t most = config_.pe_memory_bytes / kPatchShare / (g.channels * pitch);
  together = std::min(std::max(most / together, int64_t{1}) * together, taps);
  std::vector<Patches> pieces;
  for (int64_t first = 0; first < taps; first += together) {
    pieces.push_back({kNoTensor, first, std::min(together, taps - first)});
  }
  return pieces;
}

Compiler::Patches Compiler::MakePatches(const Layer& layer, const Geometry& g, int64_t first,
                                        int64_t count) {
  const int64_t pitch = RoundedUp(kBf16 * g.positions(), slice_bytes());
  const TensorId patches = builder_.Tensor("patches of " + layer.name, count * g.channels * pitch);
  for (int64_t tap = first; tap < first + count; ++tap) {
    const int64_t y = tap / layer.kernel_w - layer.pad_top;
    const int64_t x = tap % layer.kernel_w - layer.pad_left;
    const int64_t pixel = kBf16 * g.channels, row = g.width * pixel;
    Rearrangement box;
    box.from = {values_[static_cast<size_t>(layer.inputs[0])], y * row + x * pixel};
    box.to = {patches, (tap - first) * g.channels * pitch};
    const compiler::Transfer::Dimension rows = {g.out_height, layer.stride_h * row,
                                                kBf16 * g.out_width};
    const compiler::Transfer::Dimension images = {g.images, g.height * row,
                                                  kBf16 * g.out_height * g.out_width};
    const compiler::Transfer::Bound y_bound = {y, g.height, layer.stride_h};
    const compiler::Transfer::Bound x_bound = {x, g.width, layer.stride_w};
    const compiler::Transfer::Bound image_bound = {0, g.images, 1};
    if (g.channels == 1 && layer.stride_w == 1) {
      // Rows of pixels are rows of patches.
      box.run = kBf16 * g.out_width;
      box.dimensions = {rows, images};
      box.bounds = {{kBf16 * x, row, 1}, y_bound, image_bound};
    } else {
      box.element = kBf16;
      box.run = pixel;
      // The transposer takes as many pixels at a time as follow one another.
      const compiler::Transfer::Dimension columns = {g.out_width, layer.stride_w * pixel, pitch};
      if (g.out_width > 1) {
        box.dimensions = {columns, rows, images};
        box.bounds = {{0, pixel, 1}, x_bound, y_bound, image_bound};
      } else {
        box.dimensions = {{rows.count, rows.global_stride, pitch}, {1, 0, 0}, images};
        box.bounds = {{0, pixel, 1}, y_bound, x_bound, image_bound};
      }
    }
    builder_.Rearrange(box);
  }
  return {patches, first, count};
}

void Compiler::GradientOfWeights(const Layer& layer, const Geometry& g, TensorId turned,
                                 int64_t pitch, std::vector<Rearrangement> turns) {
  const ParameterPlace& place = out_.parameters[static_cast<size_t>(layer.weights)];
  std::vector<Patches> pieces = patches_[NumberOf(layer)];
  if (pieces.empty()) pieces = PiecesOfPatches(layer, g);
  for (Patches& piece : pieces) {
    if (piece.tensor == kNoTensor) piece = MakePatches(layer, g, piece.first, piece.count);
    Product product;
    product.operand = {turned};
    product.operand_moves = std::move(turns);
    turns.clear();
    product.in_h = product.height = g.outs;
    product.row_bytes = product.depth = kBf16 * g.positions();
    product.row_pitch = product.pitch = pitch;
    product.weights = {piece.tensor};
    product.channels = piece.count * g.channels;
    product.out = {weight_gradients_, kBf16 * (place.first + piece.first * g.channels)};
    product.out_row_step = kBf16 * place.pitch;
    builder_.Multiply(product);
  }
  Keep("gradient of " + network_.parameters[static_cast<size_t>(layer.weights)].name,
       {weight_gradients_, kBf16 * place.first}, place.rows, place.columns, place.pitch);
}

std::vector<Compiler::Phase> Compiler::PhasesOf(const Layer& layer, const Geometry& g) const {
  const auto axis_of = [](int64_t kernel, int64_t stride, int64_t pad, int64_t size) {
    std::vector<Phase::Axis> axis;
    for (int64_t p = 0; p < std::min(stride, size); ++p) {
      const int64_t first = (p + pad) % stride;
      const int64_t taps = first < kernel ? Quotient(kernel - first, stride) : 0;
      // There is none where the kernel is smaller.
      if (taps > 0) axis.push_back({p, first, taps, (p + pad - first) / stride - (taps - 1)});
    }
    return axis;
  };
  std::vector<Phase> phases;
  for (const Phase::Axis& y : axis_of(layer.kernel_h, layer.stride_h, layer.pad_top, g.height)) {
    for (const Phase::Axis& x : axis_of(layer.kernel_w, layer.stride_w, layer.pad_left, g.width)) {
      phases.push_back({y, x});
    }
  }
  return phases;
}

TensorId Compiler::TurnWeights(const Layer& layer, const Geometry& g, const Phase& phase) {
  // Weights [in][y][x][out], the taps in the order of the outputs that they meet.
  const ParameterPlace& place = out_.parameters[static_cast<size_t>(layer.weights)];
  const int64_t out_pixel = kBf16 * g.outs, pixel = kBf16 * g.channels;
  const int64_t pitch = RoundedUp(phase.y.taps * phase.x.taps * out_pixel, slice_bytes());
  const TensorId turned =
      builder_.Tensor("weights of " + layer.name + " by input", g.channels * pitch);
  const int64_t last_y = phase.y.first + layer.stride_h * (phase.y.taps - 1);
  const int64_t last_x = phase.x.first + layer.stride_w * (phase.x.taps - 1);
  Rearrangement turn;
  turn.from = {working_weights_, kBf16 * place.first + (last_y * layer.kernel_w + last_x) * pixel};
  turn.to = {turned};
  turn.element = kBf16;
  turn.run = pixel;
  turn.dimensions = {
      {g.outs, kBf16 * place.pitch, pitch},
      {phase.x.taps, -layer.stride_w * pixel, out_pixel},
      {phase.y.taps, -layer.stride_h * layer.kernel_w * pixel, phase.x.taps * out_pixel}};
  builder_.Rearrange(turn);
  return turned;
}

void Compiler::GradientOfInput(const Layer& layer, const Geometry& g, TensorId gradient) {
  const int32_t input = layer.inputs[0];
  const TensorId result = BatchTensor(fmt::format("gradient of value {}", input), input);
  const int64_t out_pixel = kBf16 * g.outs, pixel = kBf16 * g.channels;
  const bool gaps = layer.kernel_h < layer.stride_h || layer.kernel_w < layer.stride_w;
  if (gaps) builder_.Clear({result}, builder_.bytes(result));
  const std::vector<TensorId>& prepared = turned_[NumberOf(layer)];
  const std::vector<Phase> phases = PhasesOf(layer, g);
  for (size_t p = 0; p < phases.size(); ++p) {
    const Phase::Axis &y = phases[p].y, &x = phases[p].x;
    const TensorId turned = prepared.empty() ? TurnWeights(layer, g, phases[p]) : prepared[p];
    const int64_t depth = y.taps * x.taps * out_pixel;
    Product product;
    product.operand = {gradient};
    product.images = g.images;
    product.image_step = g.out_height * g.out_width * out_pixel;
    product.in_h = g.out_height;
    product.row_bytes = product.row_pitch = g.out_width * out_pixel;
    product.height = Quotient(g.height - y.position, layer.stride_h);
    product.width = Quotient(g.width - x.position, layer.stride_w);
    product.y_start = y.start;
    product.x_start = x.start * out_pixel;
    product.x_step = out_pixel;
    // A pixel that is no whole slice ends there: its neighbour follows in the row, and behind
    // the weights is anything.
    if (y.taps * x.taps > 1 || (g.out_width > 1 && depth % slice_bytes() != 0)) {
      product.run_bytes = x.taps * out_pixel;
      product.kernel_rows = y.taps;
    }
    product.weights = {turned};
    product.depth = depth;
    product.pitch = RoundedUp(depth, slice_bytes());
    product.channels = g.channels;
    product.out = {result, (y.position * g.width + x.position) * pixel};
    product.out_x_step = layer.stride_w * pixel;
    product.out_row_step = layer.stride_h * g.width * pixel;
    product.out_image_step = g.height * g.width * pixel;
    builder_.Multiply(product);
  }
  AddGradient(input, result);
}

void Compiler::BackwardMaxPool(const Layer& layer, int32_t value, TensorId gradient) {
  const int32_t input = layer.inputs[0];
  if (!NeedsGradient(input)) return;
  // The only gradient of a ReLU's result passes it in the same command.
  const bool relu = input > 0 && LayerOf(input).relu && uses_[static_cast<size_t>(input)] == 1;
  const TensorId rows = between_[static_cast<size_t>(value)];
  const int64_t pixel = kBf16 * layer.in.channels;
  const auto program = [&](bool masked) {
    return ProgramOf(masked ? "gradient of larger, ReLU" : "gradient of larger",
                     LargerGradient(masked));
  };
  TensorId result = gradient;
  if (layer.kernel_h == 2) {
    const bool last = layer.kernel_w == 1;
    const TensorId to =
        builder_.Tensor("gradient of " + layer.name + ", rows",
                        kBf16 * batch_ * layer.in.height * layer.out.width * layer.in.channels);
    const int64_t row = pixel * layer.out.width;
    VectorWork work;
    work.program = program(last && relu);
    work.rows = batch_ * layer.out.height;
    work.elements = layer.out.width * layer.in.channels;
    work.a = {{rows, 0}, 2 * row};
    work.b = {{rows, row}, 2 * row};
    work.c = {{result, 0}, row};
    work.d = {{to, 0}, 2 * row};
    work.e = {{to, row}, 2 * row};
    if (last) work.most_rows = std::max(kPiece / (2 * work.elements), int64_t{1});
    builder_.Work(work);
    result = to;
  }
  if (layer.kernel_w == 2) {
    const TensorId from = values_[static_cast<size_t>(input)];
    const TensorId to = BatchTensor(fmt::format("gradient of value {}", input), input);
    VectorWork work;
    work.program = program(relu);
    work.rows = batch_ * layer.in.height * layer.out.width;
    work.elements = layer.in.channels;
    work.a = {{from, 0}, 2 * pixel};
    work.b = {{from, pixel}, 2 * pixel};
    work.c = {{result, 0}, pixel};
    work.d = {{to, 0}, 2 * pixel};
    work.e = {{to, pixel}, 2 * pixel};
    work.most_rows = std::max(kPiece / (2 * layer.in.channels), int64_t{1});
    builder_.Work(work);
    result = to;
  }
  masked_[static_cast<size_t>(input)] = relu && layer.kernel_h * layer.kernel_w > 1;
  AddGradient(input, result);
}

std::map<UpdateProgram::Stream, int64_t> Compiler::StatePlaces(bool biases) const {
  using Stream = UpdateProgram::Stream;
  const StateLayout& state = out_.state;
  return {{Stream::kWeight, biases ? state.BiasesAt() : state.WeightsAt()},
          {Stream::kMoment1, biases ? state.MomentOfBiasesAt(0) : state.MomentOfWeightsAt(0)},
          {Stream::kMoment2, biases ? state.MomentOfBiasesAt(1) : state.MomentOfWeightsAt(1)}};
}

void Compiler::LoadState(bool biases, int64_t begin, int64_t end) {
  using Stream = UpdateProgram::Stream;
  const std::map<Stream, int64_t> places = StatePlaces(biases);
  std::map<Stream, TensorId>& tensors = changed_[{biases, begin}];
  for (const UpdateProgram& update : updates_[biases]) {
    for (const Stream stream : {update.a, update.b, update.c}) {
      if (!places.contains(stream) || tensors.contains(stream)) continue;
      tensors[stream] = builder_.Tensor("state", kFp32 * (end - begin));
      builder_.Load(Window::kOutput, places.at(stream) + kFp32 * begin, {tensors[stream]},
                    kFp32 * (end - begin));
    }
  }
}

void Compiler::LoadAllState() {
  builder_.SetAhead(true);
  ForChunks([this](bool biases, int64_t begin, int64_t end) { LoadState(biases, begin, end); });
  builder_.SetAhead(false);
}

void Compiler::Change(bool biases, int64_t begin, int64_t end) {
  using Stream = UpdateProgram::Stream;
  const StateLayout& state = out_.state;
  const int64_t elements = end - begin;
  if (!changed_.contains({biases, begin})) LoadState(biases, begin, end);
  const std::map<Stream, TensorId>& tensors = changed_.at({biases, begin});
  const std::vector<UpdateProgram>& updates = updates_[biases];
  for (size_t u = 0; u < updates.size(); ++u) {
    const UpdateProgram& update = updates[u];
    VectorWork work;
    work.program = update_programs_[biases][u];
    work.elements = elements;
    const auto connect = [&](Stream stream, VectorStream* to) {
      if (stream == Stream::kNothing) return;
      if (stream == Stream::kGradient) {
        *to = biases ? VectorStream{{bias_gradients_, kFp32 * begin}, 0, kFormatFp32}
                     : VectorStream{{weight_gradients_, kBf16 * begin}};
      } else if (stream == Stream::kWorking) {
        *to = biases ? VectorStream{{working_biases_, kFp32 * begin}, 0, kFormatFp32}
                     : VectorStream{{working_weights_, kBf16 * begin}};
      } else {
        *to = {{tensors.at(stream)}, 0, kFormatFp32};
      }
    };
    connect(update.a, &work.a);
    connect(update.b, &work.b);
    connect(update.c, &work.c);
    connect(update.d, &work.d);
    connect(update.e, &work.e);
    builder_.Work(work);
  }
  for (const auto& [stream, tensor] : tensors) {
    builder_.Store({tensor}, Window::kOutput, StatePlaces(biases).at(stream) + kFp32 * begin,
                   kFp32 * elements);
  }
  builder_.Store(
      {biases ? working_biases_ : working_weights_, (biases ? kFp32 : kBf16) * begin},
      Window::kOutput,
      biases ? state.WorkingBiasesAt() + kFp32 * begin : state.WorkingWeightsAt() + kBf16 * begin,
      (biases ? kFp32 : kBf16) * elements);
}

void Compiler::ChangeWeights() {
  BeginLayer("weights");
  ForChunks([this](bool biases, int64_t begin, int64_t end) { Change(biases, begin, end); });
}

Result<TrainingProgram> Compiler::Run() {
  if (const Status machine = CheckMachine(); !machine) return machine.errors();
  const size_t values = network_.layers.size() + 1;
  values_.assign(values, kNoTensor);
  between_.assign(values, kNoTensor);
  gradients_.assign(values, kNoTensor);
  needed_.assign(values, false);
  masked_.assign(values, false);
  uses_.assign(values, 0);
  for (size_t i = 0; i < network_.layers.size(); ++i) {
    const Layer& layer = network_.layers[i];
    for (const int32_t number : {layer.weights, layer.bias}) {
      if (number >= 0 && !network_.parameters[static_cast<size_t>(number)].frozen) {
        needed_[i + 1] = true;
      }
    }
    for (const int32_t input : layer.inputs) {
      ++uses_[static_cast<size_t>(input)];
      if (NeedsGradient(input)) needed_[i + 1] = true;
    }
  }
  out_.outputs = network_.output().elements();
  out_.state.first = RoundedUp(kBf16 * batch_ * network_.output().elements(), 64);
  PlaceParameters();
  for (const bool biases : {false, true}) {
    if (options_.forward_only) break;
    updates_.push_back(UpdatePrograms(training_, biases));
    update_programs_.emplace_back();
    for (const UpdateProgram& update : updates_.back()) {
      update_programs_.back().push_back(builder_.AddProgram(update.program));
    }
  }
  const auto layers = static_cast<int64_t>(network_.layers.size());
  prepared_from_ = layers;
  patches_.resize(network_.layers.size());
  turned_.resize(network_.layers.size());
  LoadInputs();
  const bool first_is_product = network_.layers[0].kind == LayerKind::kConvolution;
  if (!first_is_product) LoadRest();
  for (size_t i = 0; i < network_.layers.size(); ++i) {
    Forward(i);
    if (i == 0 && first_is_product) LoadRest();
  }
  if (!options_.forward_only) {
    PrepareFrom(ahead_.layers < 0 ? layers : layers - ahead_.layers);
    if (ahead_.state >= layers) LoadAllState();
  }
  LossAndGradient();
  if (!options_.forward_only) {
    for (int64_t i = layers - 1; i >= 0; --i) {
      if (ahead_.layers >= 0) PrepareFrom(i - ahead_.layers);
      if (ahead_.state < layers && ahead_.state == i + 1) LoadAllState();
      Backward(static_cast<size_t>(i));
    }
    ChangeWeights();
  }

  Result<BuiltStream> built = builder_.Build();
  if (!built) {
    Diagnostics errors = built.errors();
    for (Diagnostic& error : errors) error.location.file = network_.name;
    return errors;
  }
  out_.memory_bytes = built->memory_bytes;
  out_.vector_programs = builder_.ProgramBytes();
  for (const bool biases : {false, true}) {
    if (options_.forward_only) break;
    for (size_t u = 0; u < updates_[biases].size(); ++u) {
      for (const StepNumberAt& at : updates_[biases][u].numbers) {
        out_.numbers.push_back(
            {at.number, builder_.ProgramOffset(update_programs_[biases][u]) + at.byte});
      }
    }
  }
  Program& program = out_.program;
  program.config_hash = config_.hash;
  program.image = std::move(built->stream);
  program.scratch_bytes = static_cast<uint32_t>(scratch_bytes_);
  program.inputs.back().bytes = static_cast<uint32_t>(out_.vector_programs.size());
  program.input_bytes = program.inputs.back().offset + program.inputs.back().bytes;
  ProgramTensor state;
  state.tensor = static_cast<int32_t>(program.inputs.size());
  state.name = "state";
  state.window = Window::kOutput;
  state.offset = static_cast<uint32_t>(out_.state.first);
  state.bytes = static_cast<uint32_t>(out_.state.End() - out_.state.first);
  program.inputs.push_back(std::move(state));
  program.output_bytes = static_cast<uint32_t>(out_.state.End());
  const auto output = [&](const std::string& name, int64_t offset, int64_t bytes) {
    ProgramTensor tensor;
    tensor.tensor = static_cast<int32_t>(program.inputs.size() + program.outputs.size());
    tensor.name = name;
    tensor.window = Window::kOutput;
    tensor.offset = static_cast<uint32_t>(offset);
    tensor.bytes = static_cast<uint32_t>(bytes);
    program.outputs.push_back(std::move(tensor));
  };
  output("outputs", 0, kBf16 * batch_ * network_.output().elements());
  output("state", out_.state.first, out_.state.End() - out_.state.first);
  return std::move(out_);
}

}  // namespace

Result<TrainingProgram> CompileTraining(const NpuConfig& config, const Network& network,
                                        const TrainingConfig& training,
                                        const TrainingOptions& options) {
  // The first one that memory suffices for.
  for (size_t a = 0;; ++a) {
    Result<TrainingProgram> program = Compiler(config, network, training, options, kAhead[a]).Run();
    const bool lacks_memory = !program && program.errors()[0].code == DiagnosticCode::kFloatMemory;
    if (!lacks_memory || a + 1 == std::size(kAhead)) return program;
  }
}

void SetStepNumbers(const TrainingProgram& program, const TrainingConfig& training, int64_t step,
                    std::vector<uint8_t>* bytes) {
  const auto bits = [](float value) { return std::bit_cast<numerics::Fp32>(value); };
  numerics::AdamWCorrection correction;
  const bool corrects = training.optimizer == Optimizer::kAdamW;
  for (int64_t s = 0; corrects && s < step; ++s) {
    correction.Advance({bits(training.rate), bits(training.beta1), bits(training.beta2),
                        bits(training.epsilon), bits(training.weight_decay)});
  }
  for (const StepNumberAt& at : program.numbers) {
    const std::map<StepNumber, numerics::Fp32> numbers = {
        {StepNumber::kFirstCorrection, correction.first},
        {StepNumber::kSecondCorrection, correction.second},
        {StepNumber::kLossFactor, bits(training.LossFactor(program.outputs))},
        {StepNumber::kInverseScale, bits(1 / training.loss_scale)}};
    const numerics::Fp32 number = numbers.at(at.number);
    std::memcpy(bytes->data() + at.byte, &number, sizeof number);
  }
}

std::vector<uint8_t> MakeState(const TrainingProgram& program,
                               const std::vector<std::vector<float>>& values) {
  const StateLayout& state = program.state;
  std::vector<uint8_t> bytes(static_cast<size_t>(state.End() - state.first));
  const auto put = [&](int64_t at, const auto& value) {
    std::memcpy(bytes.data() + (at - state.first), &value, sizeof value);
  };
  for (size_t p = 0; p < values.size(); ++p) {
    const ParameterPlace& place = program.parameters[p];
    for (int64_t i = 0; i < place.rows * place.columns; ++i) {
      const int64_t at = place.ElementAt(i);
      const auto value = std::bit_cast<numerics::Fp32>(values[p][static_cast<size_t>(i)]);
      const auto code = static_cast<uint16_t>(
          numerics::ToFormat(numerics::kBf16, value, numerics::Overflow::kInfinity));
      if (place.is_bias) {
        put(state.BiasesAt() + kFp32 * at, value);
        put(state.WorkingBiasesAt() + kFp32 * at, numerics::FromFormat(numerics::kBf16, code));
      } else {
        put(state.WeightsAt() + kFp32 * at, value);
        put(state.WorkingWeightsAt() + kBf16 * at, code);
      }
    }
  }
  return bytes;
}

namespace {

/// Numbers of an array of FP32 weights and one of biases at these bytes of the output window.
std::vector<std::vector<float>> NumbersAt(const TrainingProgram& program,
                                          const std::vector<uint8_t>& state, int64_t weights,
                                          int64_t biases) {
  std::vector<std::vector<float>> values;
  for (const ParameterPlace& place : program.parameters) {
    std::vector<float>& tensor = values.emplace_back();
    for (int64_t i = 0; i < place.rows * place.columns; ++i) {
      const int64_t at = place.ElementAt(i);
      const int64_t byte = (place.is_bias ? biases : weights) + kFp32 * at - program.state.first;
      float value;
      std::memcpy(&value, state.data() + byte, sizeof value);
      tensor.push_back(value);
    }
  }
  return values;
}

}  // namespace

std::vector<std::vector<float>> WeightsOf(const TrainingProgram& program,
                                          const std::vector<uint8_t>& state) {
  return NumbersAt(program, state, program.state.WeightsAt(), program.state.BiasesAt());
}

std::vector<std::vector<float>> MomentsIn(const TrainingProgram& program,
                                          const std::vector<uint8_t>& state, int64_t number) {
  if (number >= program.state.moments) {
    return std::vector<std::vector<float>>(program.parameters.size());
  }
  return NumbersAt(program, state, program.state.MomentOfWeightsAt(number),
                   program.state.MomentOfBiasesAt(number));
}

}  // namespace npugen::training
