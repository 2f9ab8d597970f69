// SPDX-License-Identifier: Apache-2.0
// A job for each token: its program is that of its position, its keys and values those of its text.
#include "verif/session/generation_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sw/transformer/linear_format.h"

namespace npugen {

using generation::KeptTensor;
using generation::TokenCompiler;
using generation::TokenProgram;

Result<std::unique_ptr<GenerationSession>> GenerationSession::Make(const NpuConfig& config,
                                                                   const Transformer& model,
                                                                   const Options& options) {
  TokenCompiler::Options compile;
  compile.keep_tensors = options.check;
  Result<TokenCompiler> compiler = TokenCompiler::Make(config, model, compile);
  if (!compiler) return compiler.errors();
  std::unique_ptr<GenerationSession> session(
      new GenerationSession(config, model, options, std::move(*compiler)));
  const uint32_t positions = std::clamp<uint32_t>(options.positions, 1, model.config.context);
  for (uint32_t position = 0; position < positions; ++position) {
    Result<TokenProgram> program = session->compiler_.Compile(position);
    if (!program) return program.errors();
    session->programs_.push_back(std::move(*program));
  }
  if (options.check) {
    session->golden_ = std::make_unique<golden::GoldenTransformer>(
        model, UniformFormats(model.config, LinearFormat::kBf16));
  }
  session->texts_.resize(options.texts);
  for (size_t text = 0; text < options.texts; ++text) session->Restart(text);
  return session;
}

uint64_t GenerationSession::MemoryBytes() const {
  const Program& first = programs_.front().program;
  uint64_t bytes = MemoryNeeded(uint64_t{first.input_bytes}) +
                   MemoryNeeded(uint64_t{first.output_bytes}) +
                   texts_.size() * MemoryNeeded(uint64_t{first.scratch_bytes});
  for (const TokenProgram& program : programs_) {
    bytes += MemoryNeeded(WriteProgram(program.program).size());
  }
  return bytes;
}

Status GenerationSession::Open(Machine& machine) {
  Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(machine, config_);
  if (!host) return host.errors();
  host_ = std::move(*host);
  const Program& first = programs_.front().program;
  npu_buffers shared = {};
  for (const auto& [buffer, bytes] : {std::pair{&shared.input, first.input_bytes},
                                      std::pair{&shared.output, first.output_bytes}}) {
    Result<npu_buffer> allocated = host_->Allocate(bytes);
    if (!allocated) return allocated.errors();
    *buffer = *allocated;
  }
  const std::vector<uint8_t>& constants = compiler_.constants();
  std::copy(constants.begin(), constants.end(), host_->Bytes(shared.input).begin());
  for (Text& text : texts_) {
    Result<npu_buffer> cache = host_->Allocate(first.scratch_bytes);
    if (!cache) return cache.errors();
    text.cache = *cache;
  }
  for (const TokenProgram& program : programs_) {
    Result<PlacedProgram> placed = host_->Place(program.program, shared);
    if (!placed) return placed.errors();
    placed_.push_back(std::move(*placed));
  }
  return Unit{};
}

void GenerationSession::Restart(size_t text) {
  texts_[text].length = 0;
  if (golden_ != nullptr) texts_[text].golden = golden_->NewSequence();
}

Result<std::vector<Fp32>> GenerationSession::Feed(size_t text, std::span<const uint32_t> tokens) {
  if (Status legal = golden::CheckTokens(model_, texts_[text].length, tokens); !legal) {
    return legal.errors();
  }
  Result<std::vector<Fp32>> logits = std::vector<Fp32>();
  for (const uint32_t token : tokens) {
    logits = FeedOne(texts_[text], token);
    if (!logits) return logits;
  }
  return logits;
}

Result<std::vector<Fp32>> GenerationSession::FeedOne(Text& text, uint32_t token) {
  PlacedProgram& placed = placed_[text.length];
  placed.buffers.scratch = text.cache;
  NpuHost::JobOptions job;
  job.timeout_cycles = options_.timeout_cycles;
  job.keep_scratch = true;
  const Result<JobReport> report =
      host_->Run(placed, {compiler_.TokenInput(token, text.length)}, job);
  if (!report) return report.errors();
  const std::vector<uint8_t> bytes = host_->ReadTensor(placed, placed.program.outputs[0]);
  std::vector<Fp32> logits(bytes.size() / sizeof(Fp32));
  std::memcpy(logits.data(), bytes.data(), bytes.size());

  const npu_counters& counters = report->counters;
  if (totals_.tokens == 0) totals_.first_cycles = counters.cycles;
  totals_.last_cycles = counters.cycles;
  ++totals_.tokens;
  totals_.cycles += counters.cycles;
  totals_.bytes_read += counters.bytes_read;
  totals_.bytes_written += counters.bytes_written;
  totals_.seconds += report->seconds;
  for (const ProgramLayer& layer : placed.program.layers) totals_.macs += layer.macs;
  totals_.layers.resize(placed.program.layers.size());
  for (size_t i = 0; i < report->layers.size(); ++i) {
    for (size_t cause = 0; cause < kTraceCauses; ++cause) {
      totals_.layers[i][cause] += report->layers[i][cause];
    }
  }
  if (golden_ != nullptr) {
    const Result<uint64_t> different =
        Compare(text, token, host_->Bytes(placed.buffers.output), logits);
    if (!different) return different.errors();
    totals_.different += *different;
  }
  ++text.length;
  return logits;
}

Result<uint64_t> GenerationSession::Compare(Text& text, uint32_t token,
                                            std::span<const uint8_t> output,
                                            const std::vector<Fp32>& logits) {
  const std::vector<KeptTensor>& kept = programs_[text.length].kept;
  size_t next = 0;
  uint64_t different = 0;
  const Result<std::vector<Fp32>> expected = golden_->Feed(
      text.golden, {&token, 1}, false,
      [&](const std::string& name, uint32_t, std::span<const uint16_t> values) {
        const KeptTensor& tensor = kept[std::min(next, kept.size() - 1)];
        bool same = next < kept.size() && tensor.name == name &&
                    static_cast<size_t>(tensor.elements) == values.size();
        ++next;
        for (size_t i = 0; same && i < values.size(); ++i) {
          uint16_t code;
          std::memcpy(&code, output.data() + tensor.At(static_cast<int64_t>(i)), sizeof code);
          same = code == values[i];
        }
        different += !same;
      });
  if (!expected) return expected.errors();
  return different + (next != kept.size()) + (*expected != logits);
}

}  // namespace npugen
