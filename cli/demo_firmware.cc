// SPDX-License-Identifier: Apache-2.0
// Builds the emitted firmware, boots it on the board, and compares what it prints.
#include "cli/demo_firmware.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/commands.h"
#include "cli/digits.h"
#include "generator/emit/emit.h"
#include "generator/support/file.h"
#include "generator/support/process.h"
#include "generator/support/temporary.h"
#include "generator/support/version.h"
#include "sw/compiler/compile_network.h"
#include "sw/firmware/board.h"
#include "sw/runtime/npu_host.h"
#include "verif/board/elf_file.h"
#include "verif/board/firmware_board.h"
#include "verif/board/flash_image.h"

namespace npugen {
namespace {

constexpr const char* kCompilerPrefix = "riscv64-unknown-elf-";
constexpr uint64_t kMostLogBytes = 1 << 20;
/// Cycles that a job may take on the board.
constexpr uint64_t kMostJobCycles = 1'000'000'000;
constexpr uint64_t kPageBytes = 4096;

/// One line of the firmware: the class of an input.
struct Answer {
  uint32_t input = 0, class_number = 0;
  uint64_t cycles = 0;
  size_t expected = 0;
};

/// What one boot came to.
struct BootReport {
  std::string network;
  size_t flash_bytes = 0, network_bytes = 0;
  std::vector<Answer> answers;
  uint32_t traps = 0;
  uint64_t register_accesses = 0;
};

/// Code of the program, and of the driver in it: functions `npu_*`, and the static ones of files of
/// that name. Nothing where the program has no symbols.
std::optional<uint32_t> DriverBytes(const ElfFile& elf) {
  uint32_t bytes = 0;
  for (const ElfFile::Function& function : elf.Functions()) {
    const bool is_static = !function.source.empty();
    if ((is_static ? function.source : function.name).starts_with("npu_")) bytes += function.bytes;
  }
  if (bytes == 0) return std::nullopt;
  return bytes;
}

/// Emits `config` into `folder` and compiles its firmware example there.
Result<ElfFile> BuildFirmware(const NpuConfig& config, const std::string& folder) {
  const Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  const Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  const std::string emission = folder + "/emission";
  const Status written = WriteFolder(*files, emission, /*force=*/false);
  if (!written) return written.errors();
  const std::string log = folder + "/firmware.log";
  // The compiler by itself first: where it is missing, make would only say that something failed.
  const std::string compiler = fmt::format("{}gcc", kCompilerPrefix);
  Result<int> status = RunProcess({compiler, "--version"}, folder, log);
  if (!status) {
    return Diagnostic{DiagnosticCode::kToolMissing, SourceLocation(),
                      fmt::format("{} is not installed, which compiles the firmware", compiler),
                      "install gcc-riscv64-unknown-elf (`./setup.sh test` does), or give a program "
                      "by --elf"};
  }
  status = RunProcess({"make", "-s", fmt::format("CROSS={}", kCompilerPrefix)},
                      emission + "/firmware", log);
  if (!status) return status.errors();
  if (*status != 0) {
    const Result<std::string> text = ReadFileText(log, kMostLogBytes);
    return Diagnostic{DiagnosticCode::kToolFailed, SourceLocation(),
                      "the firmware does not compile", text ? *text : ""};
  }
  return ElfFile::Read(emission + "/firmware/firmware.elf");
}

/// The lines "input I: class C, N cycles" of a console.
std::vector<Answer> ReadAnswers(const std::string& console) {
  std::vector<Answer> answers;
  for (size_t begin = 0; begin < console.size();) {
    const size_t end = std::min(console.find('\n', begin), console.size());
    Answer answer;
    unsigned long long cycles = 0;
    if (std::sscanf(console.substr(begin, end - begin).c_str(), "input %u: class %u, %llu cycles",
                    &answer.input, &answer.class_number, &cycles) == 3) {
      answer.cycles = cycles;
      answers.push_back(answer);
    }
    begin = end + 1;
  }
  return answers;
}

/// Boots `elf` on a fresh board with this network in flash.
Result<BootReport> Boot(const NpuConfig& config, const DemoFirmwareFlags& flags,
                        const BuiltModel& built, const ElfFile& elf, const Digits& digits,
                        const std::string& folder) {
  const Result<Network> network = CompileNetwork(digits.model, config);
  if (!network) return network.errors();
  const std::vector<uint8_t> file = WriteNetwork(*network);
  const auto available = static_cast<uint32_t>(digits.labels.size());
  const uint32_t images = std::min(flags.images == 0 ? kFirmwareImages : flags.images, available);
  std::vector<std::vector<uint8_t>> inputs;
  for (uint32_t i = 0; i < images; ++i) inputs.push_back(digits.Image(i));
  const std::vector<uint8_t> flash = MakeFlashImage(file, inputs);
  if (!flags.keep.empty()) {
    const Status written =
        WriteFile(fmt::format("{}/flash_{}.bin", folder, digits.model.name), BytesView(flash));
    if (!written) return written.errors();
  }

  SimulationOptions simulation = MakeSimulationOptions(config, flags.simulation);
  simulation.memory_base = BOARD_MEMORY_BASE;
  const uint64_t needed = BOARD_HEAP - BOARD_MEMORY_BASE + file.size() +
                          uint64_t{network->scratch_bytes()} + network->arena_bytes;
  simulation.memory_bytes = (needed / kPageBytes + 4) * kPageBytes;
  Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(built.library, simulation);
  if (!npu) return npu.errors();
  std::string console;
  BoardOptions options;
  options.flash = flash;
  options.most_cycles = kMostJobCycles;
  options.most_steps = 1'000'000;
  options.console = [&console](char letter) { console += letter; };
  const Result<std::unique_ptr<FirmwareBoard>> board = FirmwareBoard::Open(**npu, elf, options);
  if (!board) return board.errors();
  const int status = (*board)->Run();

  fmt::print("\n{}: {} bytes of flash with the network ({} bytes) and {} images\n", digits.name,
             flash.size(), file.size(), images);
  std::fputs(console.c_str(), stdout);
  std::fflush(stdout);
  if (!(*board)->problems().empty() || status != 0) {
    return Diagnostic{DiagnosticCode::kDriver, SourceLocation(),
                      (*board)->problems().empty()
                          ? fmt::format("the firmware ended with {}", status)
                          : "the board: " + (*board)->problems().front(),
                      ""};
  }
  BootReport report;
  report.network = digits.model.name;
  report.flash_bytes = flash.size();
  report.network_bytes = file.size();
  report.answers = ReadAnswers(console);
  report.traps = (*board)->traps();
  report.register_accesses = (*board)->register_accesses();
  const TensorType type = digits.model.tensors[static_cast<size_t>(digits.model.outputs[0])].type;
  for (size_t i = 0; i < report.answers.size(); ++i) {
    report.answers[i].expected = ClassOf(type, digits.Expected(i));
  }
  if (report.answers.size() != images) {
    return Diagnostic{
        DiagnosticCode::kDriver, SourceLocation(),
        fmt::format("the firmware answered {} of {} inputs", report.answers.size(), images), ""};
  }
  return report;
}

std::string FirmwareJson(const NpuConfig& config, const ElfFile& elf,
                         const std::vector<BootReport>& reports) {
  nlohmann::ordered_json json = {{"npugen", kToolVersion},
                                 {"spec", config.name},
                                 {"config_hash", fmt::format("{:016x}", config.hash)},
                                 {"code_bytes", elf.CodeBytes()}};
  const std::optional<uint32_t> driver = DriverBytes(elf);
  json["driver_code_bytes"] = driver ? nlohmann::ordered_json(*driver) : nullptr;
  json["boots"] = nlohmann::ordered_json::array();
  for (const BootReport& report : reports) {
    nlohmann::ordered_json row = {{"model", report.network},
                                  {"flash_bytes", report.flash_bytes},
                                  {"network_bytes", report.network_bytes},
                                  {"interrupts", report.traps},
                                  {"register_accesses", report.register_accesses}};
    row["inputs"] = nlohmann::ordered_json::array();
    for (const Answer& answer : report.answers) {
      row["inputs"].push_back({{"class", answer.class_number},
                               {"expected", answer.expected},
                               {"cycles", answer.cycles}});
    }
    json["boots"].push_back(std::move(row));
  }
  return json.dump(2) + '\n';
}

/// The folder in which firmware is built: the user's, or one that goes with the object.
class WorkFolder {
 public:
  static Result<WorkFolder> Make(const std::string& keep) {
    if (keep.empty()) {
      Result<TemporaryFolder> folder = TemporaryFolder::MakeInTemp("npugen-firmware");
      if (!folder) return folder.errors();
      const std::string path = folder->path();
      return WorkFolder(path, std::move(*folder));
    }
    std::error_code error;
    std::filesystem::create_directories(keep, error);
    if (error) return SystemError(DiagnosticCode::kFileWrite, keep, "made", error.value());
    return WorkFolder(keep, std::nullopt);
  }
  const std::string& path() const { return path_; }

 private:
  WorkFolder(std::string path, std::optional<TemporaryFolder> temporary)
      : path_(std::move(path)), temporary_(std::move(temporary)) {}
  std::string path_;
  std::optional<TemporaryFolder> temporary_;
};

}  // namespace

int DemoFirmware(const NpuConfig& config, const DemoFirmwareFlags& flags) {
  if (!FirmwareBoard::Available()) {
    // Says so before anything is built.
    return Report({FirmwareBoard::Missing()});
  }
  const Result<std::vector<Digits>> networks = LoadDigits(config, flags.data);
  if (!networks) return Report(networks.errors());
  const Result<WorkFolder> folder = WorkFolder::Make(flags.keep);
  if (!folder) return Report(folder.errors());
  const Result<ElfFile> elf =
      flags.elf.empty() ? BuildFirmware(config, folder->path()) : ElfFile::Read(flags.elf);
  if (!elf) return Report(elf.errors());
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  const Result<BuiltModel> built = BuildForConfig(
      config, flags.build, flags.simulation.waves.empty() ? ModelKind::kRtl : ModelKind::kWaves,
      &progress);
  if (!built) return Report(built.errors());

  const std::optional<uint32_t> driver = DriverBytes(*elf);
  fmt::print("{}: {} MACs per cycle, configuration {:016x}\n", config.name, config.macs_per_cycle(),
             config.hash);
  fmt::print("firmware for an emulated RV32IM CPU: {} bytes of code", elf->CodeBytes());
  if (driver) fmt::print(", of these {} are the driver", *driver);
  std::fputs("\n", stdout);
  std::vector<BootReport> reports;
  Diagnostics errors;
  for (const Digits& digits : *networks) {
    Result<BootReport> report = Boot(config, flags, *built, *elf, digits, folder->path());
    if (!report) return Report(report.errors());
    const auto right =
        std::count_if(report->answers.begin(), report->answers.end(),
                      [](const Answer& answer) { return answer.class_number == answer.expected; });
    fmt::print(
        "{} of {} classes are those of the reference results; {} interrupts, {} register "
        "accesses\n",
        right, report->answers.size(), report->traps, report->register_accesses);
    if (static_cast<size_t>(right) != report->answers.size()) {
      errors.push_back({DiagnosticCode::kMismatch, SourceLocation(),
                        fmt::format("{}: the firmware's classes are not those of the reference "
                                    "results",
                                    digits.name),
                        "`npugen run` on the same model compares every tensor"});
    }
    reports.push_back(std::move(*report));
  }
  const Status written = WriteReports(flags.output, fmt::format("Firmware on {}", config.name),
                                      {{config.name, FirmwareJson(config, *elf, reports)}});
  if (!written) return Report(written.errors());
  return errors.empty() ? 0 : Report(errors);
}

}  // namespace npugen
