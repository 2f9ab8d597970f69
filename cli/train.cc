// SPDX-License-Identifier: Apache-2.0
// npugen train: a network learns on the cycle-accurate NPU.
#include "cli/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/layers_json.h"
#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "cli/tensor_file.h"
#include "generator/config/load.h"
#include "generator/spec/yaml_tree.h"
#include "generator/support/file.h"
#include "generator/support/text.h"
#include "sw/model/file_bytes.h"
#include "sw/numerics/float_format.h"
#include "verif/session/training_session.h"

namespace npugen {
namespace {

struct TrainOptions {
  std::string spec, model, config;
  std::string data, labels, test_data, test_labels;
  double divisor = 0;  ///< not 0: data are bytes, divided by it
  uint64_t steps = 0;
  std::string output, checkpoint;
  bool resume = false, check = false;
  uint64_t every = 50;  ///< steps from checkpoint to checkpoint
  ReportFlags report;
  BuildFlags build;
  SimulationFlags simulation;
};

uint16_t ToBf16(float value) {
  return static_cast<uint16_t>(numerics::ToFormat(numerics::kBf16, std::bit_cast<uint32_t>(value),
                                                  numerics::Overflow::kInfinity));
}

Diagnostic WrongData(const std::string& path, const std::string& what, const std::string& hint) {
  return {DiagnosticCode::kTrainingData, {path, 0, 0}, what, hint};
}

/// The numbers of a file, `each` for an image.
Result<std::vector<float>> ReadNumbers(const std::string& path, int64_t each, double divisor) {
  Tensor tensor;
  tensor.name = "images";
  tensor.type = divisor != 0 ? TensorType::kUint8 : TensorType::kFloat32;
  tensor.shape = {static_cast<int32_t>(each)};
  const Result<std::vector<uint8_t>> bytes = ReadTensorFile(path, tensor, 1);
  if (!bytes) {
    Diagnostics errors = bytes.errors();
    for (Diagnostic& error : errors) {
      if (error.code != DiagnosticCode::kModelInput) continue;
      error.code = DiagnosticCode::kTrainingData;
      error.hint = fmt::format("{} numbers an image, as {}", each,
                               divisor != 0 ? "bytes (.npy of uint8, or raw)"
                                            : "float32 (.npy, or raw); bytes with --bytes DIVISOR");
    }
    return errors;
  }
  std::vector<float> numbers;
  if (divisor != 0) {
    for (const uint8_t byte : *bytes) numbers.push_back(static_cast<float>(byte / divisor));
    return numbers;
  }
  numbers.resize(bytes->size() / sizeof(float));
  std::memcpy(numbers.data(), bytes->data(), bytes->size());
  const auto bad = std::find_if(numbers.begin(), numbers.end(),
                                [](float value) { return !std::isfinite(value); });
  if (bad != numbers.end()) {
    const int64_t at = bad - numbers.begin();
    return WrongData(path, fmt::format("number {} of image {} is not finite", at % each, at / each),
                     "numbers");
  }
  return numbers;
}

/// Classes, one for each image.
Result<std::vector<int64_t>> ReadLabels(const std::string& path, int64_t classes) {
  std::vector<int64_t> labels;
  Diagnostics errors;
  for (const TensorType type : {TensorType::kUint8, TensorType::kInt32, TensorType::kInt64}) {
    Tensor tensor;
    tensor.name = "labels";
    tensor.type = type;
    tensor.shape = {1};
    const Result<std::vector<uint8_t>> bytes = ReadTensorFile(path, tensor, 1);
    if (!bytes) {
      errors = bytes.errors();
      if (errors[0].code != DiagnosticCode::kModelInput) return errors;
      continue;
    }
    const size_t each = ElementBytes(type);
    for (size_t i = 0; i < bytes->size(); i += each) {
      int64_t label = 0;
      std::memcpy(&label, bytes->data() + i, each);
      if (type == TensorType::kInt32) label = static_cast<int32_t>(label);
      if (label < 0 || label >= classes) {
        return WrongData(path, fmt::format("label {} is {}", i / each, label),
                         fmt::format("0 to {}: the network has {} outputs", classes - 1, classes));
      }
      labels.push_back(label);
    }
    return labels;
  }
  return WrongData(path, errors[0].message, "raw bytes, or .npy of uint8, int32 or int64");
}

Result<TrainingData> ReadData(const training::Network& network, const training::TrainingConfig& how,
                              const TrainOptions& options, const std::string& data_path,
                              const std::string& label_path) {
  TrainingData data;
  const int64_t elements = network.input.elements(), outputs = network.output().elements();
  const Result<std::vector<float>> numbers = ReadNumbers(data_path, elements, options.divisor);
  if (!numbers) return numbers.errors();
  data.count = static_cast<int64_t>(numbers->size()) / elements;
  const training::ImageShape& shape = network.input;
  for (int64_t n = 0; n < data.count; ++n) {
    for (int64_t i = 0; i < elements; ++i) {
      // Files have planes, the NPU pixels.
      const int64_t channel = i % shape.channels, pixel = i / shape.channels;
      const int64_t at = network.planes ? channel * shape.height * shape.width + pixel : i;
      data.images.push_back(ToBf16((*numbers)[static_cast<size_t>(n * elements + at)]));
    }
  }
  int64_t labels = 0;
  if (how.loss == training::Loss::kCrossEntropy) {
    const Result<std::vector<int64_t>> classes = ReadLabels(label_path, outputs);
    if (!classes) return classes.errors();
    labels = static_cast<int64_t>(classes->size());
    for (const int64_t label : *classes) {
      for (int64_t o = 0; o < outputs; ++o) data.targets.push_back(ToBf16(o == label ? 1 : 0));
    }
  } else {
    const Result<std::vector<float>> targets = ReadNumbers(label_path, outputs, 0);
    if (!targets) return targets.errors();
    labels = static_cast<int64_t>(targets->size()) / outputs;
    for (const float target : *targets) data.targets.push_back(ToBf16(target));
  }
  if (labels != data.count) {
    return WrongData(label_path, fmt::format("it has {} labels", labels),
                     fmt::format("{}: one for each image of {}", data.count, data_path));
  }
  return data;
}

class Trainer {
 public:
  explicit Trainer(const TrainOptions& options) : options_(options) {}

  int Run() {
    const Status status = RunAll();
    progress_.Clear();
    if (!status) return Report(status.errors());
    if (different_ == 0) return 0;
    return Report(
        {{DiagnosticCode::kMismatch, SourceLocation(),
          fmt::format("{}: {} tensors differ from the golden model", network_.name, different_),
          "this is a fault of npugen, please report it"}});
  }

 private:
  Status Read() {
    Result<NpuConfig> config = LoadSpec(options_.spec);
    if (!config) return config.errors();
    config_ = std::move(*config);
    const Result<std::string> text = ReadFileText(options_.config, kMaxSpecBytes);
    if (!text) return text.errors();
    Result<training::TrainingConfig> how =
        training::ReadTrainingConfig(*text, InputName(options_.config));
    if (!how) return how.errors();
    how_ = std::move(*how);
    if (options_.steps > 0) how_.steps = static_cast<int64_t>(options_.steps);
    Result<std::vector<uint8_t>> bytes = ReadModelFile(options_.model);
    if (!bytes) return bytes.errors();
    model_bytes_ = std::move(*bytes);
    Result<training::Network> network = training::ReadTrainingNetwork(
        model_bytes_, std::filesystem::path(options_.model).filename().string());
    if (!network) return network.errors();
    network_ = std::move(*network);
    if (Status frozen = training::Freeze(how_, InputName(options_.config), &network_); !frozen) {
      return frozen;
    }
    Result<TrainingData> data = ReadData(network_, how_, options_, options_.data, options_.labels);
    if (!data) return data.errors();
    data_ = std::move(*data);
    if (!options_.test_data.empty()) {
      data = ReadData(network_, how_, options_, options_.test_data, options_.test_labels);
      if (!data) return data.errors();
      test_ = std::move(*data);
    }
    // What a checkpoint must agree with; the number of steps may grow.
    training::TrainingConfig same = how_;
    same.steps = 0;
    const auto sum = [this](std::string_view bytes_of) {
      fingerprint_ = fingerprint_ * 0x100000001b3 ^ Fnv1a64(bytes_of);
    };
    sum(BytesView(model_bytes_));
    sum(training::TrainingConfigText(same));
    sum({reinterpret_cast<const char*>(data_.images.data()), 2 * data_.images.size()});
    sum({reinterpret_cast<const char*>(data_.targets.data()), 2 * data_.targets.size()});
    sum(fmt::format("{:016x}", config_.hash));
    return Unit{};
  }

  Status WriteModel() {
    const std::vector<uint8_t> file =
        training::WriteTrainingNetwork(model_bytes_, network_, session_->Weights());
    return WriteFile(options_.output, BytesView(file));
  }
  Status WriteState() {
    const std::vector<uint8_t> file = WriteCheckpoint(session_->state(), fingerprint_);
    return WriteFile(options_.checkpoint, BytesView(file));
  }

  Status Train() {
    const auto begin = std::chrono::steady_clock::now();
    while (session_->state().step < how_.steps) {
      const Result<TrainingStep> step = session_->Step(data_);
      if (!step) return step.errors();
      cycles_ += step->job.counters.cycles;
      last_ = *step;
      different_ += step->different;
      discarded_ += step->discarded;
      ++done_;
      const TrainingState& state = session_->state();
      progress_.Show(fmt::format("step {} of {}: loss {:.4f}, {} cycles", state.step, how_.steps,
                                 step->loss, step->job.counters.cycles));
      if (!options_.checkpoint.empty() &&
          (state.step % static_cast<int64_t>(options_.every) == 0 || state.step == how_.steps)) {
        if (Status written = WriteState(); !written) return written;
      }
    }
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return Unit{};
  }

  Status RunAll() {
    if (Status read = Read(); !read) return read;
    TrainingSession::Options options;
    options.check = options_.check;
    Result<std::unique_ptr<TrainingSession>> session =
        TrainingSession::Make(config_, network_, how_, options);
    if (!session) return session.errors();
    session_ = std::move(*session);
    if (options_.resume) {
      const Result<std::vector<uint8_t>> bytes =
          ReadFileBytes(options_.checkpoint, uint64_t{1} << 30);
      if (!bytes) return bytes.errors();
      Result<TrainingState> state = ReadCheckpoint(*bytes, options_.checkpoint, fingerprint_);
      if (!state) return state.errors();
      if (Status resumed = session_->Resume(std::move(*state)); !resumed) return resumed;
    }
    const Result<BuiltModel> built =
        BuildForConfig(config_, options_.build, ModelKind::kRtl, &progress_);
    if (!built) return built.errors();
    Result<std::unique_ptr<SimulatedNpu>> npu =
        OpenSimulation(config_, *built, options_.simulation, session_->MemoryBytes());
    if (!npu) return npu.errors();
    if (Status opened = session_->Open(**npu); !opened) return opened;
    if (Status trained = Train(); !trained) return trained;
    if (test_.count > 0) {
      progress_.Show("test images");
      const Result<std::vector<uint16_t>> outputs = session_->Evaluate(test_);
      if (!outputs) return outputs.errors();
      test_loss_ = LossOf(how_.loss, *outputs, test_.targets, test_.count);
      right_ = RightOf(*outputs, test_.targets, test_.count);
    }
    progress_.Clear();
    if (!options_.output.empty()) {
      if (Status written = WriteModel(); !written) return written;
    }
    std::fputs(Text().c_str(), TextStream(options_.report.paths()));
    return WriteReports(options_.report, "Training of " + network_.name,
                        {{network_.name, Json().dump(2) + '\n'}});
  }

  std::string Text() const {
    const TrainingState& state = session_->state();
    std::string text = fmt::format("{} on {}: {} steps of {} images\n", network_.name, config_.name,
                                   state.step, how_.batch);
    if (!state.losses.empty()) {
      text += fmt::format("  loss           {:.4f} at first, {:.4f} at the end\n",
                          state.losses.front(), state.losses.back());
    }
    if (discarded_ > 0) text += fmt::format("  discarded      {} steps\n", discarded_);
    if (test_.count > 0) {
      text += fmt::format(
          "  test           {} of {} right ({:.2f} %), loss {:.4f}\n", right_, test_.count,
          100.0 * static_cast<double>(right_) / static_cast<double>(test_.count), test_loss_);
    }
    if (done_ > 0) {
      text += fmt::format("  cycles         {} a step; {} on chip of {}\n",
                          cycles_ / static_cast<uint64_t>(done_),
                          FormatBytes(static_cast<uint64_t>(session_->program().memory_bytes)),
                          FormatBytes(config_.pe_memory_bytes));
      text += fmt::format("  simulated      {:.1f} s, {:.0f} kHz\n", seconds_,
                          static_cast<double>(cycles_) / seconds_ / 1e3);
      AlignedTable table(4, "");
      for (const auto& layer : LayersJson(session_->program().program, last_.job.layers)) {
        const auto cycles = layer["cycles"].get<uint64_t>();
        if (cycles == 0) continue;
        table.Row({layer["name"].get<std::string>(), fmt::format("{:>8}", cycles)});
      }
      text += table.Print();
    }
    if (options_.check) {
      text += different_ == 0
                  ? "  checked        every tensor of every step equals the golden model\n"
                  : fmt::format("  MISMATCH       {} tensors differ from the golden model\n",
                                different_);
    }
    return text;
  }

  nlohmann::ordered_json Json() const {
    const TrainingState& state = session_->state();
    nlohmann::ordered_json json = {{"kind", "training"},    {"model", network_.name},
                                   {"spec", config_.name},  {"steps", state.step},
                                   {"batch", how_.batch},   {"discarded", discarded_},
                                   {"losses", state.losses}};
    if (done_ > 0) json["cycles_per_step"] = cycles_ / static_cast<uint64_t>(done_);
    json["memory_bytes"] = session_->program().memory_bytes;
    if (test_.count > 0) {
      json["test"] = {{"images", test_.count}, {"right", right_}, {"loss", test_loss_}};
    }
    if (options_.check) json["different"] = different_;
    json["layers"] = LayersJson(session_->program().program, last_.job.layers);
    return json;
  }

  const TrainOptions& options_;
  ProgressLine progress_{ProgressLine::OffTerminal::kLines};
  NpuConfig config_;
  training::TrainingConfig how_;
  std::vector<uint8_t> model_bytes_;
  training::Network network_;
  TrainingData data_, test_;
  uint64_t fingerprint_ = 0;
  std::unique_ptr<TrainingSession> session_;
  TrainingStep last_;
  uint64_t cycles_ = 0, different_ = 0;
  int64_t done_ = 0, discarded_ = 0, right_ = 0;
  double seconds_ = 0, test_loss_ = 0;
};

}  // namespace

int TrainDigits(const std::string& spec, const std::string& folder, const BuildFlags& build,
                const SimulationFlags& simulation) {
  struct Example {
    const char* name;
    const char* reference;
  };
  for (const Example& example :
       {Example{"mlp", "the reference has 311 of 360 after the same 200 steps"},
        Example{"cnn", "a reference with other first weights has 309 of 360 after 180 steps"}}) {
    TrainOptions options;
    options.spec = spec;
    options.model = fmt::format("{}/train/digits_{}.onnx", folder, example.name);
    options.config = fmt::format("{}/train/{}.yaml", folder, example.name);
    options.data = folder + "/train/images.bin";
    options.labels = folder + "/train/labels.bin";
    options.test_data = folder + "/train/test_images.bin";
    options.test_labels = folder + "/train/test_labels.bin";
    options.divisor = 16;
    options.build = build;
    options.simulation = simulation;
    const int status = Trainer(options).Run();
    if (status != 0) return status;
    fmt::print("  ({})\n", example.reference);
    std::fflush(stdout);
  }
  return 0;
}

void AddTrainCommand(CommandLine& line) {
  auto options = std::make_shared<TrainOptions>();
  Subcommand command = line.Add("train", "Train a network on the cycle-accurate NPU");
  command.Argument("SPEC", &options->spec, "spec of an NPU with floating point, such as edge_float")
      .Required();
  command
      .Argument("MODEL", &options->model,
                "network with its first weights (.onnx, docs/training.md)")
      .Required();
  command
      .Value("--config", &options->config, "loss, optimizer, batch, steps (YAML, docs/training.md)")
      .ValueName("FILE")
      .Required();
  command
      .Value("--data", &options->data,
             "images as the model takes them, one behind the other: .npy or raw float32")
      .ValueName("FILE")
      .Required();
  command
      .Value("--labels", &options->labels,
             "classes: raw bytes or .npy of integers; for mean_squared_error float32")
      .ValueName("FILE")
      .Required();
  command.Value("--bytes", &options->divisor, "the data are bytes, each divided by this number")
      .ValueName("DIVISOR")
      .RealRange(1e-6, 1e6);
  const CommandOption test =
      command.Value("--test-data", &options->test_data, "images that are classified at the end")
          .ValueName("FILE");
  command.Value("--test-labels", &options->test_labels, "what is right for them")
      .ValueName("FILE")
      .Needs(test);
  command.Value("--steps", &options->steps, "steps, instead of the configuration's")
      .Range(1, 1'000'000'000);
  command.Value("-o,--output", &options->output, "the model with its new weights (.onnx)")
      .ValueName("FILE");
  const CommandOption checkpoint =
      command
          .Value("--checkpoint", &options->checkpoint,
                 "keeps the state of the training in this file, so that it can go on")
          .ValueName("FILE");
  command.Value("--every", &options->every, "steps from checkpoint to checkpoint")
      .ShowDefault()
      .Range(1, 1'000'000'000)
      .Needs(checkpoint);
  command.Flag("--resume", &options->resume, "go on from the checkpoint").Needs(checkpoint);
  command.Flag("--check", &options->check,
               "compare every tensor of every step with the golden model");
  AddReportFlags(command, &options->report, "losses, cycles by layer, test");
  AddSimulationFlags(command, &options->simulation);
  AddBuildFlags(command, &options->build);
  command.OnRun([options] { return Trainer(*options).Run(); });
}

}  // namespace npugen
