// SPDX-License-Identifier: Apache-2.0
// Constants once, then operator by operator for each position.
#include "sw/generation/compile_token.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "generator/arch/command_set.h"
#include "sw/generation/token_programs.h"

namespace npugen::generation {

using compiler::Transfer;
using floats::Place;
using floats::Product;
using floats::StepBuilder;
using floats::TensorId;
using floats::VectorStream;
using floats::VectorWork;

namespace {

constexpr int64_t kBf16 = 2, kFp32 = 4;  // bytes
/// Logits that are in PE memory together.
constexpr int64_t kLogitsPart = 2048;
constexpr int64_t kMostWindowBytes = 0xffffffff;

int64_t Quotient(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundedUp(int64_t a, int64_t b) { return Quotient(a, b) * b; }

/// Numbers of the programs, in the order in which they are loaded.
enum : size_t {
  kLayerNorm,
  kSquares,
  kSquaresOfSum,
  kInverseRoot,
  kScale,
  kResidual,
  kTwoProducts,
  kDifference,
  kSum,
  kSoftmax,
  kQuotient,
  kGate,
  kPrograms
};

}  // namespace

Result<TokenCompiler> TokenCompiler::Make(const NpuConfig& config, const Transformer& model,
                                          const Options& options) {
  TokenCompiler compiler(config, model, options);
  if (Status status = compiler.CheckMachine(); !status) return status.errors();
  if (Status status = compiler.Store(); !status) return status.errors();
  return compiler;
}

Status TokenCompiler::CheckMachine() const {
  const auto refuse = [&](const std::string& what, const std::string& hint) -> Status {
    return Diagnostic{DiagnosticCode::kGenerationMachine, {config_->name, 0, 0}, what, hint};
  };
  if (config_->float_formats == 0 || config_->vector_lanes == 0) {
    return refuse("this NPU has no floating point or no vector unit",
                  "units.data_types with bf16, units.vector_lanes; preset edge_float");
  }
  // Steps decide bits, and docs/transformers.md has those of this width.
  constexpr uint32_t kSimd = 16;
  if (config_->simd != kSimd) {
    return refuse(fmt::format("its lanes add {} products of bf16 at once", products()),
                  fmt::format("lane.simd {}", kSimd));
  }
  if (!model_->config.causal) {
    return Diagnostic{DiagnosticCode::kGenerationMachine,
                      {model_->name, 0, 0},
                      "a model with full attention does not continue texts token by token",
                      "a causal model, or the golden model"};
  }
  return Unit{};
}

int64_t TokenCompiler::Append(const void* data, size_t bytes) {
  const auto beat = static_cast<size_t>(config_->axi_data_bits / 8);
  const size_t at = static_cast<size_t>(
      RoundedUp(static_cast<int64_t>(constants_.size()), static_cast<int64_t>(beat)));
  constants_.resize(at + bytes);
  if (bytes > 0) std::memcpy(constants_.data() + at, data, bytes);
  return static_cast<int64_t>(at);
}

TokenCompiler::Linear TokenCompiler::StoreMatrices(std::initializer_list<const Matrix*> matrices,
                                                   int64_t permuted_rows) {
  Linear linear;
  std::vector<std::pair<const Matrix*, uint32_t>> rows;
  bool biased = false;
  for (const Matrix* matrix : matrices) {
    for (uint32_t row = 0; row < matrix->rows; ++row) {
      uint32_t from = row;
      const auto size = static_cast<uint32_t>(order_.size());
      if (size > 0 && static_cast<int64_t>(rows.size()) < permuted_rows) {
        from = row / size * size + order_[row % size];
      }
      rows.emplace_back(matrix, from);
    }
    biased = biased || !matrix->bias.empty();
    linear.depth = matrix->columns;
  }
  linear.channels = static_cast<int64_t>(rows.size());
  const int64_t lanes = config_->lanes, cores = config_->cores, n = products();
  const int64_t groups = Quotient(linear.channels, lanes * cores);
  const int64_t slices = Quotient(linear.depth, n);
  std::vector<uint8_t> bytes(static_cast<size_t>(cores * groups * slices * slice_bytes()));
  for (int64_t channel = 0; channel < linear.channels; ++channel) {
    const auto [matrix, row] = rows[static_cast<size_t>(channel)];
    const int64_t group = channel / (lanes * cores), core = channel / lanes % cores;
    const int64_t first =
        (core * groups + group) * slices * slice_bytes() + channel % lanes * config_->simd;
    for (int64_t k = 0; k < linear.depth; ++k) {
      std::memcpy(bytes.data() + first + k / n * slice_bytes() + k % n * kBf16,
                  &matrix->codes[size_t{row} * matrix->columns + static_cast<size_t>(k)], kBf16);
    }
  }
  linear.weights.window = Window::kInput;
  linear.weights.offset = Append(bytes.data(), bytes.size());
  linear.weights.slice_bytes = slice_bytes();
  linear.weights.group_step = slices * slice_bytes();
  linear.weights.core_step = groups * slices * slice_bytes();
  if (biased) {
    // -0 changes no sum of a matrix without a bias.
    std::vector<Fp32> biases(static_cast<size_t>(groups * lanes * cores), numerics::kFp32Sign);
    for (size_t channel = 0; channel < rows.size(); ++channel) {
      const auto [matrix, row] = rows[channel];
      if (!matrix->bias.empty()) biases[channel] = matrix->bias[row];
    }
    linear.weights.bias = Append(biases.data(), kFp32 * biases.size());
  }
  return linear;
}

TokenCompiler::StoredNorm TokenCompiler::StoreNorm(const Norm& norm) {
  StoredNorm stored;
  stored.gain = Append(norm.gain.data(), kFp32 * norm.gain.size());
  if (biased_norms_) {
    std::vector<Fp32> bias = norm.bias;
    bias.resize(norm.gain.size(), numerics::kFp32Sign);  // -0 changes no sum
    stored.bias = Append(bias.data(), kFp32 * bias.size());
  }
  return stored;
}

void TokenCompiler::PlaceCache() {
  const TransformerConfig& config = model_->config;
  const int64_t lanes = config_->lanes, cores = config_->cores;
  const int64_t head = config.head_size;
  keys_.window = values_.window = Window::kScratch;
  keys_.slice_bytes = slice_bytes();
  // Groups of time outermost: a new key leaves those before its own alone.
  key_head_bytes_ = Quotient(head, products()) * slice_bytes();
  keys_.group_step = config.key_value_heads * key_head_bytes_;
  keys_.core_step = Quotient(config.context, lanes * cores) * keys_.group_step;
  // A head that fills no group leaves lanes out.
  values_.slice_bytes = head < lanes ? head * config_->simd : slice_bytes();
  values_.group_step = Quotient(config.context, products()) * values_.slice_bytes;
  values_.core_step = Quotient(head, lanes * cores) * values_.group_step;
  value_head_bytes_ = std::min(cores, Quotient(head, lanes)) * values_.core_step;
  values_.offset = cores * keys_.core_step;
  cache_block_bytes_ = values_.offset + config.key_value_heads * value_head_bytes_;
  cache_bytes_ = config.layers * cache_block_bytes_;
}

Status TokenCompiler::Store() {
  const TransformerConfig& config = model_->config;
  if (config.pairing == RotaryPairing::kHalves) {
    pairs_.push_back({0, config.head_size / 2, config.head_size / 2, 0});
  } else if (config.pairing == RotaryPairing::kNeighbours) {
    // Channels of a step may change places: a step's products are added at once.
    for (int64_t first = 0; first < config.head_size; first += products()) {
      const int64_t count = std::min(products(), config.head_size - first) / 2;
      pairs_.push_back({first, first + count, count, first / 2});
      for (int64_t i = 0; i < 2 * count; ++i) {
        order_.push_back(static_cast<uint32_t>(first + i % count * 2 + i / count));
      }
    }
  }
  if (config.norm == NormKind::kLayer) {
    biased_norms_ = !model_->norm.bias.empty();
    for (const TransformerBlock& block : model_->blocks) {
      biased_norms_ = biased_norms_ || !block.attention_norm.bias.empty() ||
                      !block.feed_forward_norm.bias.empty();
    }
  }
  for (const TransformerBlock& block : model_->blocks) {
    Block stored;
    stored.attention_norm = StoreNorm(block.attention_norm);
    stored.feed_forward_norm = StoreNorm(block.feed_forward_norm);
    stored.query_key_value = StoreMatrices(
        {&block[LinearLayer::kQuery], &block[LinearLayer::kKey], &block[LinearLayer::kValue]},
        config.queries() + config.keys());
    stored.output = StoreMatrices({&block[LinearLayer::kOutput]});
    stored.up = config.gated ? StoreMatrices({&block[LinearLayer::kGate], &block[LinearLayer::kUp]})
                             : StoreMatrices({&block[LinearLayer::kUp]});
    stored.down = StoreMatrices({&block[LinearLayer::kDown]});
    blocks_.push_back(std::move(stored));
    if (static_cast<int64_t>(constants_.size()) > kMostWindowBytes) break;
  }
  norm_ = StoreNorm(model_->norm);
  head_ = StoreMatrices({model_->head ? &*model_->head : &model_->embedding});
  programs_.resize(kPrograms);
  // Of both norms those that are needed; all are loaded.
  if (config.norm == NormKind::kLayer) {
    programs_[kLayerNorm] = LayerNormProgram(config, biased_norms_);
  } else {
    programs_[kSquares] = SquaresProgram(/*residual=*/false);
    programs_[kSquaresOfSum] = SquaresProgram(/*residual=*/true);
    programs_[kInverseRoot] = InverseRootProgram(config);
    programs_[kScale] = ScaleProgram();
  }
  programs_[kResidual] = ResidualProgram();
  programs_[kTwoProducts] = TwoProductsProgram();
  programs_[kDifference] = AddProductProgram(/*subtract=*/true);
  programs_[kSum] = AddProductProgram(/*subtract=*/false);
  programs_[kSoftmax] = SoftmaxProgram(ScoreScale(config));
  programs_[kQuotient] = QuotientProgram();
  programs_[kGate] = GateProgram(config.function, config.gated);
  StepBuilder builder(*config_);
  for (const VectorProgram& program : programs_) builder.AddProgram(program);
  const std::vector<uint8_t> bytes = builder.ProgramBytes();
  programs_at_ = Append(bytes.data(), bytes.size());
  PlaceCache();
  for (const auto& [what, size] : {std::pair{"weights", static_cast<int64_t>(constants_.size())},
                                   std::pair{"keys and values", cache_bytes_}}) {
    if (size <= kMostWindowBytes) continue;
    return Diagnostic{DiagnosticCode::kFloatMemory,
                      {model_->name, 0, 0},
                      fmt::format("{} take {} bytes", what, size),
                      "a window holds 4 GiB"};
  }
  return Unit{};
}

int64_t TokenCompiler::TablesAt() const {
  return RoundedUp(kBf16 * model_->config.width, config_->axi_data_bits / 8);
}

int64_t TokenCompiler::TokenBytes() const {
  return TablesAt() + (pairs_.empty() ? 0
                                      : 2 * RoundedUp(kFp32 * model_->config.head_size / 2,
                                                      config_->axi_data_bits / 8));
}

std::vector<uint8_t> TokenCompiler::TokenInput(uint32_t token, uint32_t position) const {
  std::vector<uint8_t> bytes(static_cast<size_t>(TokenBytes()));
  const size_t width = model_->config.width;
  std::memcpy(bytes.data(), model_->embedding.codes.data() + token * width, kBf16 * width);
  if (pairs_.empty()) return bytes;
  const RotaryRow row = RotaryRowAt(*model_, position);
  const int64_t table = (TokenBytes() - TablesAt()) / 2;
  std::memcpy(bytes.data() + TablesAt(), row.cosines.data(), kFp32 * row.cosines.size());
  std::memcpy(bytes.data() + TablesAt() + table, row.sines.data(), kFp32 * row.sines.size());
  return bytes;
}

/// Writes the program of one position.
class TokenWriter {
 public:
  TokenWriter(const TokenCompiler& compiler, uint32_t position)
      : of_(compiler),
        config_(compiler.model_->config),
        builder_(*compiler.config_),
        position_(position),
        seen_(int64_t{position} + 1) {}
  Result<TokenProgram> Write();

 private:
  struct NormTensors {
    TensorId gain, bias;
  };
  int64_t beat() const { return of_.config_->axi_data_bits / 8; }
  int64_t products() const { return of_.products(); }
  int64_t queries() const { return config_.queries(); }
  int64_t keys() const { return config_.keys(); }
  int64_t queries_of_a_key() const { return config_.heads / config_.key_value_heads; }
  TensorId Tensor(const std::string& name, int64_t bytes) {
    return builder_.Tensor(scope_ + name, bytes);
  }
  void Begin(const std::string& name, int64_t macs = 0);
  void Keep(const std::string& name, Place from, int64_t elements, bool heads = false);
  NormTensors LoadNorm(const TokenCompiler::StoredNorm& norm);
  /// The norm of the residual x_, to which `sum` is added before, where it is a tensor; the
  /// result is called `sum_name`.
  TensorId Normalize(const std::string& name, const NormTensors& norm, TensorId sum,
                     const std::string& sum_name);
  /// BF16 results, or FP32 ones of channels from `first` on, a multiple of a group.
  TensorId Multiply(const std::string& name, const TokenCompiler::Linear& linear, TensorId x,
                    int64_t out_format = kFormatBf16, int64_t first = 0, int64_t channels = 0);
  void Rotate(TensorId from, TensorId to);
  void StoreKeysAndValues(TensorId keys, int64_t keys_at, TensorId values, int64_t values_at);
  TensorId Attention(TensorId rotated);
  void WriteBlock(size_t block);
  void WriteHead();

  const TokenCompiler& of_;
  const TransformerConfig& config_;
  StepBuilder builder_;
  const int64_t position_, seen_;
  TokenProgram out_;
  int64_t output_bytes_ = 0;
  std::string scope_;                 ///< of names: "L0."
  int64_t cache_at_ = 0;              ///< of the block
  TensorId sum_ = floats::kNoTensor;  ///< of the block before, to be added to x_
  std::string sum_name_;
  TensorId x_ = floats::kNoTensor, cosines_ = floats::kNoTensor, sines_ = floats::kNoTensor;
  std::vector<std::pair<NormTensors, NormTensors>> norms_;  ///< of blocks
  NormTensors last_norm_ = {};
};

void TokenWriter::Begin(const std::string& name, int64_t macs) {
  ProgramLayer layer;
  layer.tag = static_cast<uint32_t>(out_.program.layers.size());
  layer.operator_index = layer.tag;
  layer.name = scope_ + name;
  layer.macs = static_cast<uint64_t>(macs);
  builder_.SetTag(layer.tag);
  out_.program.layers.push_back(std::move(layer));
}

void TokenWriter::Keep(const std::string& name, Place from, int64_t elements, bool heads) {
  if (!of_.options_.keep_tensors) return;
  KeptTensor kept{name, output_bytes_, elements};
  if (heads) {
    kept.places.resize(of_.order_.size());
    for (size_t place = 0; place < of_.order_.size(); ++place) {
      kept.places[of_.order_[place]] = static_cast<uint32_t>(place);
    }
  }
  builder_.Store(from, Window::kOutput, output_bytes_, kBf16 * elements);
  output_bytes_ = RoundedUp(output_bytes_ + kBf16 * elements, beat());
  out_.kept.push_back(std::move(kept));
}

TokenWriter::NormTensors TokenWriter::LoadNorm(const TokenCompiler::StoredNorm& norm) {
  const int64_t bytes = kFp32 * config_.width;
  NormTensors tensors{Tensor("gain", bytes), floats::kNoTensor};
  builder_.Load(Window::kInput, norm.gain, {tensors.gain}, bytes);
  if (norm.bias >= 0) {
    tensors.bias = Tensor("bias", bytes);
    builder_.Load(Window::kInput, norm.bias, {tensors.bias}, bytes);
  }
  return tensors;
}

TensorId TokenWriter::Normalize(const std::string& name, const NormTensors& norm, TensorId sum,
                                const std::string& sum_name) {
  Begin(name);
  const bool adds = sum != floats::kNoTensor, layer = config_.norm == NormKind::kLayer;
  const TensorId result = Tensor(name, kBf16 * config_.width);
  const TensorId squares = Tensor("sum of squares", kFp32), factor = Tensor("factor", kFp32);
  VectorWork add;
  add.program = layer ? kResidual : adds ? kSquaresOfSum : kSquares;
  add.elements = config_.width;
  add.a = {{x_}};
  if (adds) {
    add.b = {{sum}};
    x_ = builder_.Tensor(sum_name, kBf16 * config_.width);
    add.d = {{x_}};
  }
  if (!layer) {
    add.e = {{squares}, 0, kFormatFp32};
    add.e_elements = 1;
  }
  if (adds || !layer) builder_.Work(add);
  if (adds) Keep(sum_name, {x_}, config_.width);

  VectorWork work;
  work.elements = config_.width;
  work.a = {{x_}};
  work.d = {{result}};
  if (layer) {
    work.program = kLayerNorm;
    work.b = {{norm.gain}, 0, kFormatFp32};
    work.c = {{norm.bias}, 0, kFormatFp32};
  } else {
    // Of a root and a quotient one element is enough.
    VectorWork root;
    root.program = kInverseRoot;
    root.a = {{squares}, 0, kFormatFp32};
    root.d = {{factor}, 0, kFormatFp32};
    builder_.Work(root);
    work.program = kScale;
    work.b = {{factor}, 0, kFormatFp32, /*single=*/true};
    work.c = {{norm.gain}, 0, kFormatFp32};
  }
  builder_.Work(work);
  Keep(scope_ + name, {result}, config_.width);
  return result;
}

TensorId TokenWriter::Multiply(const std::string& name, const TokenCompiler::Linear& linear,
                               TensorId x, int64_t out_format, int64_t first, int64_t channels) {
  if (channels == 0) channels = linear.channels;
  Begin(name, channels * linear.depth);
  const TensorId result = Tensor(name, ElementBytes(out_format) * channels);
  Product product;
  product.operand = {x};
  product.row_bytes = product.row_pitch = product.depth = kBf16 * linear.depth;
  product.channels = channels;
  product.streamed = linear.weights;
  product.streamed->offset += first / of_.config_->pe_lanes() * linear.weights.group_step;
  if (linear.weights.bias >= 0) product.streamed->bias += kFp32 * first;
  product.out_format = out_format;
  product.out = {result};
  builder_.Multiply(product);
  return result;
}

void TokenWriter::Rotate(TensorId from, TensorId to) {
  const int64_t heads = config_.heads + config_.key_value_heads;
  const int64_t step = kBf16 * config_.head_size;
  for (const TokenCompiler::Pairs& pairs : of_.pairs_) {
    const int64_t first = kBf16 * pairs.first, second = kBf16 * pairs.second;
    const VectorStream cosines{{cosines_, kFp32 * pairs.table}, 0, kFormatFp32};
    const VectorStream sines{{sines_, kFp32 * pairs.table}, 0, kFormatFp32};
    const int64_t row = kFp32 * pairs.count;
    const VectorStream a{{Tensor("first times cosine", heads * row)}, row, kFormatFp32};
    const VectorStream b{{Tensor("second times cosine", heads * row)}, row, kFormatFp32};
    const auto work = [&](size_t program, const VectorStream& x, const VectorStream& y,
                          const VectorStream& table, const VectorStream& d,
                          const VectorStream& e = {}) {
      builder_.Work({program, heads, pairs.count, x, y, table, d, e});
    };
    work(kTwoProducts, {{from, first}, step}, {{from, second}, step}, cosines, a, b);
    work(kDifference, a, {{from, second}, step}, sines, {{to, first}, step});
    work(kSum, b, {{from, first}, step}, sines, {{to, second}, step});
  }
}

void TokenWriter::StoreKeysAndValues(TensorId keys, int64_t keys_at, TensorId values,
                                     int64_t values_at) {
  const int64_t lanes = of_.config_->lanes, cores = of_.config_->cores, step = of_.config_->simd;
  const int64_t head = kBf16 * int64_t{config_.head_size};
  const int64_t heads = config_.key_value_heads;
  // A key is a lane of its group's slices. Behind a head's last element a slice may hold anything.
  const int64_t lane = position_ % (lanes * cores);
  builder_.Store(
      {keys, keys_at}, Window::kScratch,
      cache_at_ + of_.keys_.offset + lane / lanes * of_.keys_.core_step +
          position_ / (lanes * cores) * of_.keys_.group_step + lane % lanes * step,
      std::min(step, head),
      {{Quotient(head, step), of_.keys_.slice_bytes, step}, {heads, of_.key_head_bytes_, head}});
  // A value is an element in each channel's lane.
  for (int64_t first = 0; first < config_.head_size; first += lanes) {
    builder_.Store({values, values_at + kBf16 * first}, Window::kScratch,
                   cache_at_ + of_.values_.offset + first / lanes % cores * of_.values_.core_step +
                       first / (lanes * cores) * of_.values_.group_step +
                       position_ / products() * of_.values_.slice_bytes +
                       position_ % products() * kBf16,
                   kBf16,
                   {{std::min(lanes, config_.head_size - first), step, kBf16},
                    {heads, of_.value_head_bytes_, head}});
  }
}

TensorId TokenWriter::Attention(TensorId rotated) {
  const int64_t heads = config_.heads, group = queries_of_a_key(), head = config_.head_size;
  const int64_t bank = of_.config_->pe_bank_bytes;
  Begin("scores", heads * seen_ * head);
  const int64_t scores_pitch = RoundedUp(kFp32 * seen_, bank);
  const TensorId scores = Tensor("scores", heads * scores_pitch);
  Product product;
  product.operand = {rotated};
  product.in_h = product.height = group;
  product.row_bytes = product.row_pitch = product.depth = kBf16 * head;
  product.channels = seen_;
  product.streamed = of_.keys_;
  product.streamed->settled_groups = position_ / of_.config_->pe_lanes();
  product.streamed->offset += cache_at_;
  product.sets = config_.key_value_heads;
  product.weights_set_step = of_.key_head_bytes_;
  product.operand_set_step = group * kBf16 * head;
  product.out_format = kFormatFp32;
  product.out = {scores};
  product.out_row_step = scores_pitch;
  product.out_set_step = group * scores_pitch;
  builder_.Multiply(product);

  Begin("softmax");
  const int64_t p_pitch = RoundedUp(kBf16 * seen_, bank);
  const TensorId p = Tensor("p", heads * p_pitch), sums = Tensor("sums", kFp32 * heads);
  VectorWork softmax;
  softmax.program = kSoftmax;
  softmax.rows = heads;
  softmax.elements = seen_;
  softmax.a = {{scores}, scores_pitch, kFormatFp32};
  softmax.d = {{p}, p_pitch};
  softmax.e = {{sums}, kFp32, kFormatFp32};
  softmax.e_elements = 1;
  builder_.Work(softmax);

  Begin("values", heads * seen_ * head);
  const TensorId weighted = Tensor("weighted values", kFp32 * heads * head);
  product.operand = {p};
  product.row_bytes = product.depth = kBf16 * seen_;
  product.row_pitch = p_pitch;
  product.channels = head;
  product.streamed = of_.values_;  // a value changes all of its head's groups
  product.streamed->offset += cache_at_;
  product.weights_set_step = of_.value_head_bytes_;
  product.operand_set_step = group * p_pitch;
  product.out = {weighted};
  product.out_row_step = kFp32 * head;
  product.out_set_step = group * kFp32 * head;
  builder_.Multiply(product);

  const TensorId result = Tensor("attn", kBf16 * heads * head);
  VectorWork quotient;
  quotient.program = kQuotient;
  quotient.rows = heads;
  quotient.elements = head;
  quotient.a = {{weighted}, kFp32 * head, kFormatFp32};
  quotient.b = {{sums}, kFp32, kFormatFp32, /*single=*/true};
  quotient.d = {{result}, kBf16 * head};
  builder_.Work(quotient);
  Keep(scope_ + "attn", {result}, heads * head);
  return result;
}

void TokenWriter::WriteBlock(size_t number) {
  const TokenCompiler::Block& block = of_.blocks_[number];
  scope_ = fmt::format("L{}.", number);
  cache_at_ = static_cast<int64_t>(number) * of_.cache_block_bytes_;
  const int64_t head = kBf16 * int64_t{config_.head_size};
  const TensorId normalized = Normalize("norm1", norms_[number].first, sum_, sum_name_);
  // What the last key's last slice takes lies behind it, if only just.
  const TensorId together = Multiply("qkv", block.query_key_value, normalized);
  TensorId turned = together;
  if (!of_.pairs_.empty()) {
    Begin("rotation");
    turned = Tensor("rotated", kBf16 * (queries() + keys()) + of_.config_->simd);
    Rotate(together, turned);
  }
  const int64_t keys_at = head * config_.heads;
  const int64_t values_at = keys_at + head * config_.key_value_heads;
  StoreKeysAndValues(turned, keys_at, together, values_at);
  Keep(scope_ + "q", {turned}, queries(), true);
  Keep(scope_ + "k", {turned, keys_at}, keys(), true);
  Keep(scope_ + "v", {together, values_at}, keys());
  const TensorId attention = Attention(turned);
  const TensorId output = Multiply("o", block.output, attention);
  const TensorId inner = Normalize("norm2", norms_[number].second, output, scope_ + "after_attn");
  const TensorId up = Multiply("up", block.up, inner);
  Begin("gate");
  const TensorId product = Tensor("ffn", kBf16 * config_.hidden);
  VectorWork gate;
  gate.program = kGate;
  gate.elements = config_.hidden;
  gate.a = {{up}};
  if (config_.gated) gate.b = {{up, kBf16 * int64_t{config_.hidden}}};
  gate.d = {{product}};
  builder_.Work(gate);
  Keep(scope_ + "ffn", {product}, config_.hidden);
  // Gains of the next block, where LOADs find room that nothing has used of late.
  const bool last = number + 1 == of_.blocks_.size();
  if (last) {
    last_norm_ = LoadNorm(of_.norm_);
  } else {
    norms_.emplace_back(LoadNorm(of_.blocks_[number + 1].attention_norm),
                        LoadNorm(of_.blocks_[number + 1].feed_forward_norm));
  }
  sum_ = Multiply("down", block.down, product);
  sum_name_ = scope_ + "out";
}

void TokenWriter::WriteHead() {
  scope_.clear();
  const TensorId normalized = Normalize("norm", last_norm_, sum_, sum_name_);
  ProgramTensor logits;
  logits.name = "logits";
  logits.window = Window::kOutput;
  logits.offset = static_cast<uint32_t>(output_bytes_);
  logits.bytes = static_cast<uint32_t>(kFp32 * config_.vocabulary);
  logits.shape = {static_cast<int32_t>(config_.vocabulary)};
  const int64_t part = RoundedUp(kLogitsPart, of_.config_->pe_lanes());
  for (int64_t first = 0; first < config_.vocabulary; first += part) {
    const int64_t channels = std::min<int64_t>(part, config_.vocabulary - first);
    const TensorId sums = Multiply("head", of_.head_, normalized, kFormatFp32, first, channels);
    builder_.Store({sums}, Window::kOutput, output_bytes_ + kFp32 * first, kFp32 * channels);
  }
  output_bytes_ = RoundedUp(output_bytes_ + logits.bytes, beat());
  out_.program.outputs.push_back(std::move(logits));
}

Result<TokenProgram> TokenWriter::Write() {
  Program& program = out_.program;
  for (const VectorProgram& vector : of_.programs_) builder_.AddProgram(vector);
  Begin("token");
  ProgramTensor token;
  token.name = "token";
  token.window = Window::kOutput;
  token.bytes = static_cast<uint32_t>(of_.TokenBytes());
  program.inputs.push_back(token);
  output_bytes_ = token.bytes;
  x_ = Tensor("embedding", kBf16 * config_.width);
  builder_.Load(Window::kOutput, 0, {x_}, kBf16 * config_.width);
  builder_.LoadPrograms(Window::kInput, of_.programs_at_);
  norms_.emplace_back(LoadNorm(of_.blocks_[0].attention_norm),
                      LoadNorm(of_.blocks_[0].feed_forward_norm));
  if (!of_.pairs_.empty()) {
    const int64_t table = (of_.TokenBytes() - of_.TablesAt()) / 2;
    const int64_t bytes = kFp32 * config_.head_size / 2;
    cosines_ = Tensor("cosines", bytes);
    sines_ = Tensor("sines", bytes);
    builder_.Load(Window::kOutput, of_.TablesAt(), {cosines_}, bytes);
    builder_.Load(Window::kOutput, of_.TablesAt() + table, {sines_}, bytes);
  }
  for (size_t block = 0; block < of_.blocks_.size(); ++block) WriteBlock(block);
  WriteHead();
  Result<floats::BuiltStream> built = builder_.Build();
  if (!built) {
    Diagnostics errors = built.errors();
    for (Diagnostic& error : errors) {
      error.location = {of_.model_->name, 0, 0};
      error.message += fmt::format(", at token {} of a text", position_);
    }
    return errors;
  }
  program.config_hash = of_.config_->hash;
  program.image = std::move(built->stream);
  program.scratch_bytes = static_cast<uint32_t>(of_.cache_bytes_);
  program.input_bytes = static_cast<uint32_t>(of_.constants_.size());
  program.output_bytes = static_cast<uint32_t>(output_bytes_);
  out_.memory_bytes = built->memory_bytes;
  return std::move(out_);
}

Result<TokenProgram> TokenCompiler::Compile(uint32_t position) const {
  return TokenWriter(*this, position).Write();
}

}  // namespace npugen::generation
