// SPDX-License-Identifier: Apache-2.0
// Steps through the C driver; losses and decisions on the host.
#include "verif/session/training_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "generator/support/text.h"
#include "sw/numerics/float_format.h"

namespace npugen {
namespace {

constexpr std::string_view kMagic = "NPUTRAIN";
constexpr uint32_t kCheckpointVersion = 1;

double ValueOf(uint16_t code) { return double{std::bit_cast<float>(uint32_t{code} << 16)}; }

std::vector<uint16_t> Codes(const std::vector<uint8_t>& bytes) {
  std::vector<uint16_t> codes(bytes.size() / 2);
  if (!codes.empty()) std::memcpy(codes.data(), bytes.data(), 2 * codes.size());
  return codes;
}

std::vector<uint8_t> BytesOf(const std::vector<uint16_t>& codes) {
  std::vector<uint8_t> bytes(2 * codes.size());
  if (!codes.empty()) std::memcpy(bytes.data(), codes.data(), bytes.size());
  return bytes;
}

template <typename T>
void Append(std::vector<uint8_t>* bytes, const T& value) {
  const size_t at = bytes->size();
  bytes->resize(at + sizeof value);
  std::memcpy(bytes->data() + at, &value, sizeof value);
}

bool AllFinite(const std::vector<std::vector<float>>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const std::vector<float>& tensor) {
    return std::all_of(tensor.begin(), tensor.end(), [](float w) { return std::isfinite(w); });
  });
}

}  // namespace

double LossOf(training::Loss loss, const std::vector<uint16_t>& outputs,
              const std::vector<uint16_t>& targets, int64_t count) {
  const auto n = outputs.size() / static_cast<size_t>(count);
  double sum = 0;
  for (size_t row = 0; row < outputs.size(); row += n) {
    if (loss == training::Loss::kMeanSquaredError) {
      for (size_t i = row; i < row + n; ++i) {
        const double difference = ValueOf(outputs[i]) - ValueOf(targets[i]);
        sum += difference * difference / static_cast<double>(n);
      }
      continue;
    }
    double largest = ValueOf(outputs[row]);
    for (size_t i = row; i < row + n; ++i) largest = std::max(largest, ValueOf(outputs[i]));
    double exponentials = 0;
    for (size_t i = row; i < row + n; ++i) {
      exponentials += std::exp(ValueOf(outputs[i]) - largest);
    }
    for (size_t i = row; i < row + n; ++i) {
      sum += ValueOf(targets[i]) * (std::log(exponentials) + largest - ValueOf(outputs[i]));
    }
  }
  return sum / static_cast<double>(count);
}

int64_t RightOf(const std::vector<uint16_t>& outputs, const std::vector<uint16_t>& targets,
                int64_t count) {
  const auto n = static_cast<int64_t>(outputs.size()) / count;
  const auto best = [n](const std::vector<uint16_t>& codes, int64_t row) {
    const auto begin = codes.begin() + row * n;
    return std::max_element(begin, begin + n,
                            [](uint16_t a, uint16_t b) { return ValueOf(a) < ValueOf(b); }) -
           begin;
  };
  int64_t right = 0;
  for (int64_t row = 0; row < count; ++row) right += best(outputs, row) == best(targets, row);
  return right;
}

std::vector<uint8_t> WriteCheckpoint(const TrainingState& state, uint64_t fingerprint) {
  std::vector<uint8_t> bytes(kMagic.begin(), kMagic.end());
  Append(&bytes, kCheckpointVersion);
  Append(&bytes, state.loss_scale);
  Append(&bytes, fingerprint);
  for (const int64_t number :
       {state.step, state.changes, state.good, static_cast<int64_t>(state.losses.size()),
        static_cast<int64_t>(state.bytes.size())}) {
    Append(&bytes, number);
  }
  for (const float loss : state.losses) Append(&bytes, loss);
  bytes.insert(bytes.end(), state.bytes.begin(), state.bytes.end());
  Append(&bytes, Fnv1a64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  return bytes;
}

Result<TrainingState> ReadCheckpoint(const std::vector<uint8_t>& bytes, const std::string& path,
                                     uint64_t fingerprint) {
  const auto wrong = [&](const std::string& what) {
    return Diagnostic{DiagnosticCode::kTrainingData,
                      {path, 0, 0},
                      what,
                      "a checkpoint that npugen train wrote for the same spec, model, "
                      "configuration and data"};
  };
  size_t at = kMagic.size();
  const auto take = [&](auto* value) {
    if (at + sizeof *value > bytes.size()) return false;
    std::memcpy(value, bytes.data() + at, sizeof *value);
    at += sizeof *value;
    return true;
  };
  uint32_t version = 0;
  uint64_t of = 0, sum = 0;
  int64_t losses = 0, state_bytes = 0;
  TrainingState state;
  const bool head =
      bytes.size() > kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), bytes.begin()) &&
      take(&version) && take(&state.loss_scale) && take(&of) && take(&state.step) &&
      take(&state.changes) && take(&state.good) && take(&losses) && take(&state_bytes);
  if (!head || version != kCheckpointVersion) return wrong("it is no checkpoint of a training");
  const auto left = static_cast<int64_t>(bytes.size() - at);
  if (losses < 0 || state_bytes < 0 || losses > left / 4 || state_bytes > left ||
      4 * losses + state_bytes + 8 != left) {
    return wrong("the checkpoint is cut off or damaged");
  }
  std::memcpy(&sum, bytes.data() + bytes.size() - sizeof sum, sizeof sum);
  if (sum != Fnv1a64({reinterpret_cast<const char*>(bytes.data()), bytes.size() - sizeof sum})) {
    return wrong("the checkpoint is damaged");
  }
  if (of != fingerprint) return wrong("the checkpoint is of another training");
  state.losses.resize(static_cast<size_t>(losses));
  if (losses > 0) std::memcpy(state.losses.data(), bytes.data() + at, state.losses.size() * 4);
  at += state.losses.size() * 4;
  state.bytes.assign(bytes.begin() + static_cast<int64_t>(at),
                     bytes.begin() + static_cast<int64_t>(at) + state_bytes);
  return state;
}

TrainingSession::TrainingSession(const NpuConfig& config, const training::Network& network,
                                 const training::TrainingConfig& how, const Options& options)
    : config_(config), network_(network), how_(how), options_(options) {}

Result<std::unique_ptr<TrainingSession>> TrainingSession::Make(const NpuConfig& config,
                                                               const training::Network& network,
                                                               const training::TrainingConfig& how,
                                                               const Options& options) {
  std::unique_ptr<TrainingSession> session(new TrainingSession(config, network, how, options));
  for (const bool forward : {false, true}) {
    training::TrainingOptions compile;
    compile.keep_tensors = options.check && !forward;
    compile.forward_only = forward;
    Result<training::TrainingProgram> program =
        training::CompileTraining(config, network, how, compile);
    if (!program) return program.errors();
    (forward ? session->forward_ : session->program_) = std::move(*program);
  }
  std::vector<std::vector<float>> values;
  for (const training::Parameter& parameter : network.parameters) {
    values.push_back(parameter.initial);
  }
  session->state_.bytes = training::MakeState(session->program_, values);
  session->state_.loss_scale = how.loss_scale;
  if (options.check) {
    session->golden_ = std::make_unique<GoldenTrainer>(network, how, config.simd / 2);
  }
  return session;
}

uint64_t TrainingSession::MemoryBytes() const {
  return MemoryNeeded(program_.program) + MemoryNeeded(forward_.program);
}

Status TrainingSession::Open(Machine& machine) {
  Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(machine, config_);
  if (!host) return host.errors();
  host_ = std::move(*host);
  Result<PlacedProgram> placed = host_->Place(program_.program);
  if (!placed) return placed.errors();
  placed_ = std::move(*placed);
  placed = host_->Place(forward_.program);
  if (!placed) return placed.errors();
  placed_forward_ = std::move(*placed);
  return Unit{};
}

Status TrainingSession::Resume(TrainingState state) {
  if (state.bytes.size() != state_.bytes.size()) {
    return Diagnostic{DiagnosticCode::kTrainingData, SourceLocation(),
                      "the checkpoint has another number of weights", ""};
  }
  state_ = std::move(state);
  how_.loss_scale = state_.loss_scale;
  if (golden_ != nullptr) {
    golden_->Restore(Weights(),
                     {training::MomentsIn(program_, state_.bytes, 0),
                      training::MomentsIn(program_, state_.bytes, 1)},
                     state_.changes);
  }
  return Unit{};
}

Result<JobReport> TrainingSession::Run(const training::TrainingProgram& program,
                                       const PlacedProgram& placed, const TrainingData& data,
                                       int64_t first, std::vector<uint8_t>* outputs,
                                       std::vector<uint8_t>* state) {
  std::vector<uint16_t> images, targets;
  const int64_t elements = network_.input.elements(), classes = program.outputs;
  for (int64_t i = 0; i < how_.batch; ++i) {
    const int64_t image = (first + i) % data.count;
    images.insert(images.end(), data.images.begin() + image * elements,
                  data.images.begin() + (image + 1) * elements);
    targets.insert(targets.end(), data.targets.begin() + image * classes,
                   data.targets.begin() + (image + 1) * classes);
  }
  std::vector<uint8_t> programs = program.vector_programs;
  training::SetStepNumbers(program, how_, state_.changes + 1, &programs);
  NpuHost::JobOptions job;
  job.timeout_cycles = options_.timeout_cycles;
  Result<JobReport> report =
      host_->Run(placed, {BytesOf(images), BytesOf(targets), programs, state_.bytes}, job);
  if (!report) return report;
  *outputs = host_->ReadTensor(placed, placed.program.outputs[0]);
  if (state != nullptr) *state = host_->ReadTensor(placed, placed.program.outputs[1]);
  return report;
}

uint64_t TrainingSession::Compare(const std::vector<uint16_t>& images,
                                  const std::vector<uint16_t>& targets,
                                  const std::vector<uint8_t>& outputs,
                                  const std::vector<uint8_t>& state) {
  golden_->SetLossScale(how_.loss_scale);
  uint64_t different = golden_->Step(images, targets) != Codes(outputs);
  const std::span<const uint8_t> memory = host_->machine().Memory();
  const uint64_t scratch = placed_.buffers.scratch.address - host_->machine().MemoryBase();
  for (const training::KeptTensor& kept : program_.kept) {
    const std::vector<uint16_t>& expected = golden_->tensors().at(kept.name);
    bool same = true;
    for (int64_t i = 0; i < kept.rows * kept.columns; ++i) {
      const int64_t at = i / kept.columns * kept.pitch + i % kept.columns;
      uint16_t code;
      std::memcpy(&code, memory.data() + scratch + kept.offset + 2 * at, sizeof code);
      same = same && code == expected[static_cast<size_t>(i)];
    }
    different += !same;
  }
  const auto count = [&](const std::vector<std::vector<float>>& of,
                         const std::vector<std::vector<float>>& expected) {
    for (size_t p = 0; p < of.size(); ++p) {
      different += std::memcmp(of[p].data(), expected[p].data(), 4 * of[p].size()) != 0;
    }
  };
  count(training::WeightsOf(program_, state), golden_->weights());
  for (int64_t moment = 0; moment < program_.state.moments; ++moment) {
    count(training::MomentsIn(program_, state, moment),
          golden_->moments(static_cast<size_t>(moment)));
  }
  return different;
}

Result<TrainingStep> TrainingSession::Step(const TrainingData& data) {
  TrainingStep step;
  const int64_t first = state_.step * how_.batch % data.count;
  std::vector<uint8_t> outputs, state;
  Result<JobReport> job = Run(program_, placed_, data, first, &outputs, &state);
  if (!job) return job.errors();
  step.job = std::move(*job);
  std::vector<uint16_t> images, targets;
  const int64_t elements = network_.input.elements(), classes = program_.outputs;
  for (int64_t i = 0; i < how_.batch; ++i) {
    const int64_t image = (first + i) % data.count;
    if (options_.check) {
      images.insert(images.end(), data.images.begin() + image * elements,
                    data.images.begin() + (image + 1) * elements);
    }
    targets.insert(targets.end(), data.targets.begin() + image * classes,
                   data.targets.begin() + (image + 1) * classes);
  }
  step.loss = LossOf(how_.loss, Codes(outputs), targets, how_.batch);
  if (golden_ != nullptr) step.different = Compare(images, targets, outputs, state);
  bool finite = AllFinite(training::WeightsOf(program_, state));
  for (int64_t moment = 0; moment < program_.state.moments; ++moment) {
    finite = finite && AllFinite(training::MomentsIn(program_, state, moment));
  }
  state_.losses.push_back(static_cast<float>(step.loss));
  ++state_.step;
  if (how_.dynamic_loss_scale && !finite) {
    step.discarded = true;
    how_.loss_scale /= 2;
    state_.good = 0;
    if (golden_ != nullptr) {
      golden_->Restore(Weights(),
                       {training::MomentsIn(program_, state_.bytes, 0),
                        training::MomentsIn(program_, state_.bytes, 1)},
                       state_.changes);
    }
  } else {
    state_.bytes = std::move(state);
    ++state_.changes;
    if (how_.dynamic_loss_scale && ++state_.good >= how_.growth_steps &&
        std::isfinite(2 * how_.loss_scale)) {
      how_.loss_scale *= 2;
      state_.good = 0;
    }
  }
  state_.loss_scale = how_.loss_scale;
  return step;
}

Result<std::vector<uint16_t>> TrainingSession::Evaluate(const TrainingData& data) {
  std::vector<uint16_t> all;
  for (int64_t first = 0; first < data.count; first += how_.batch) {
    std::vector<uint8_t> outputs;
    const Result<JobReport> job = Run(forward_, placed_forward_, data, first, &outputs, nullptr);
    if (!job) return job.errors();
    std::vector<uint16_t> codes = Codes(outputs);
    codes.resize(static_cast<size_t>(std::min(how_.batch, data.count - first) * program_.outputs));
    all.insert(all.end(), codes.begin(), codes.end());
  }
  return all;
}

}  // namespace npugen
