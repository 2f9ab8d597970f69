// SPDX-License-Identifier: Apache-2.0
// The steps of a build: key, lock, verilate or map, compile, link, rename into the cache.
#include "verif/sim/model_builder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/support/process.h"
#include "generator/support/sha256.h"
#include "generator/support/temporary.h"
#include "generator/synth/mapping.h"
#include "verif/netlist/netlist_model.h"
#include "verif/sim/harness_sources.h"
#include "verif/sim/verilated_code.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibraryName = "npu_model.so";
/// Kinds of entries in the cache.
constexpr const char* kModels = "models";
constexpr const char* kRuntime = "runtime";
constexpr const char* kClassName = "Vnpu_top";
constexpr const char* kSharingName = "sharing.vlt";
/// In an entry whose model is evaluated by Verilator's own eval(): the version of Verilator.
constexpr const char* kPlainName = "plain.txt";
/// A port of npu_top with debug.trace.
constexpr const char* kTracePort = "trace_active_o";
/// The clock gate of an emission, and what stands in for it in models with assertions.
constexpr const char* kClockGate = "rtl/npu_clock_gate.sv";
constexpr const char* kProbedClockGate = "verif/sim/npu_clock_gate.sv";

/// Options of verilator besides files and folders. The state at power-up is random: that is for the
/// constructor and costs no cycle anything. Values that the language leaves unknown (an index
/// beyond the end) would: they are random in quick models, which tests run.
std::vector<std::string> VerilatorFlags(const ModelBuildOptions& options) {
  std::vector<std::string> flags = {
      "--cc",     "--x-initial", "unique",         "--x-assign", options.quick ? "unique" : "fast",
      "-O3",      "--no-timing", "--top-module",   "npu_top",    "--prefix",
      kClassName, "-Wno-fatal",  "--output-split", "20000"};
  if (options.assertions) {
    flags.insert(flags.end(), {"--assert", "--flatten"});
  } else {
    flags.insert(flags.end(), {"--noassert", "+define+NPU_NO_ASSERTIONS"});
  }
  if (options.waves) flags.insert(flags.end(), {"--trace-fst", "--trace-structs"});
  return flags;
}

std::string Environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

/// The text of a file that a tool wrote, or of /proc; nothing if it cannot be read.
std::string ReadAll(const fs::path& path) {
  constexpr uint64_t kMost = uint64_t{1} << 30;
  Result<std::string> text = ReadFileText(path.string(), kMost);
  return text ? std::move(*text) : std::string();
}

/// Writes a file of the build folder, and the folders above it.
Status WriteText(const fs::path& path, std::string_view text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  return WriteNewFile(path.string(), text);
}

/// SHA-256 of items with their lengths, so that items cannot run into each other.
class ContentHash {
 public:
  void Add(std::string_view item) { text_ += fmt::format("{}:{}", item.size(), item); }
  /// As many digits as keep names short.
  std::string Text() const { return Sha256(text_).substr(0, 32); }

 private:
  std::string text_;
};

/// Model and features of the host CPU: -march=native code must not be used on another.
std::string HostCpu() {
  std::istringstream text(ReadAll("/proc/cpuinfo"));
  std::string cpu;
  for (std::string line; std::getline(text, line) && !line.empty();) {
    if (line.starts_with("model name") || line.starts_with("flags") ||
        line.starts_with("Features") || line.starts_with("CPU part")) {
      cpu += line + '\n';
    }
  }
  return cpu;
}

Diagnostic ToolFailure(std::string message, std::string hint) {
  return {DiagnosticCode::kToolFailed, SourceLocation(), std::move(message), std::move(hint)};
}

/// Exclusive lock on a file for the life of the object; other processes wait.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : file_(open(path.c_str(), O_CREAT | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600)) {}
  ~FileLock() {
    if (file_ >= 0) close(file_);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  bool ok() const { return file_ >= 0; }
  bool TryLock() { return flock(file_, LOCK_EX | LOCK_NB) == 0; }
  bool Lock() { return flock(file_, LOCK_EX) == 0; }

 private:
  int file_;
};

/// Values of `NAME += \` lists in a makefile that Verilator wrote.
std::vector<std::string> MakefileList(const std::string& makefile, const std::string& name) {
  std::vector<std::string> values;
  std::istringstream text(makefile);
  bool inside = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(name + " +=")) {
      inside = true;
      continue;
    }
    if (!inside) continue;
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word.starts_with('#')) {
      inside = false;
      continue;
    }
    if (word != "\\") values.push_back(word);
    inside = line.ends_with('\\');
  }
  return values;
}

/// One translation unit.
struct CompileStep {
  std::string source;  ///< relative to the build folder, or absolute
  std::string object;  ///< likewise; where the cache has it, after its compilation
  enum class Kind : uint8_t {
    kHarness,    ///< ours
    kGenerated,  ///< written by Verilator, or of its library; runs in every cycle
    kCold        ///< generated, runs once
  };
  Kind kind = Kind::kHarness;
  std::string key = "";  ///< of an object that the cache keeps
};

/// Options of the compiler for a step. Cold code is compiled for a short build.
std::vector<std::string> CompilerFlags(const ModelBuildOptions& options, CompileStep::Kind kind) {
  const bool cold = kind == CompileStep::Kind::kCold;
  // Reading Verilator's headers as C++20 takes half as long again, for every unit. (C++14 would
  // take less, but its `new` does not align objects as vector instructions need it.)
  const bool harness = kind == CompileStep::Kind::kHarness;
  std::vector<std::string> flags = {harness ? "-std=c++20" : "-std=c++17",
                                    cold                                ? "-O0"
                                    : options.quick && !options.netlist ? "-O1"
                                                                        : "-O3",
                                    "-march=native",
                                    "-fPIC",
                                    "-fvisibility=hidden",
                                    "-fno-gnu-unique",
                                    "-w",
                                    "-DVM_COVERAGE=0",
                                    "-DVM_SC=0",
                                    fmt::format("-DVM_TRACE={}", options.waves ? 1 : 0),
                                    fmt::format("-DVM_TRACE_FST={}", options.waves ? 1 : 0),
                                    "-DVM_TRACE_VCD=0",
                                    "-DVL_TIME_CONTEXT"};
  if (options.waves) flags.push_back("-DNPU_MODEL_WAVES");
  if (options.netlist) flags.push_back("-DNPU_MODEL_NETLIST");
  if (options.assertions) flags.push_back("-DNPU_MODEL_ASSERTIONS");
  return flags;
}

class Builder {
 public:
  Builder(const FileSet& files, const ModelBuildOptions& options, Cache cache)
      : files_(files),
        options_(options),
        cache_(std::move(cache)),
        translator_(options.netlist ? "yosys" : Environment("VERILATOR", "verilator")),
        compiler_(Environment("CXX", "g++")) {}

  Result<BuiltModel> Run() {
    const Result<TemporaryFolder> work = cache_.Work();
    if (!work) return work.errors();
    folder_ = work->path();
    const Result<std::string> logs = cache_.Folder("logs");
    if (!logs) return logs.errors();
    const Result<std::string> locks = cache_.Folder("locks");
    if (!locks) return locks.errors();

    const Status tools = AskTools();
    if (!tools) return tools.errors();
    if (options_.netlist) {
      Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
      if (!technology) return technology.errors();
      technology_ = std::move(*technology);
    }
    const std::string key = Key();
    log_ = fs::path(*logs) / (key + ".log");
    Result<std::optional<std::string>> found = cache_.Find(kModels, key);
    if (!found) return found.errors();
    if (*found) return Model(**found, key);

    const fs::path lock_path = fs::path(*locks) / key;
    FileLock lock(lock_path);
    if (!lock.ok()) {
      return SystemError(DiagnosticCode::kFileWrite, lock_path.string(), "locked", errno);
    }
    if (!lock.TryLock()) {
      Progress("waiting for another build of the same model");
      lock.Lock();
    }
    found = cache_.Find(kModels, key);
    if (!found) return found.errors();
    if (*found) return Model(**found, key);

    const auto start = std::chrono::steady_clock::now();
    const Status built = Build();
    if (!built) return built.errors();
    const Result<std::string> entry = cache_.Store(kModels, key, (folder_ / "entry").string());
    if (!entry) return entry.errors();
    std::error_code error;
    fs::remove(log_, error);
    BuiltModel model = Model(*entry, key);
    model.built = true;
    model.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return model;
  }

 private:
  static BuiltModel Model(const std::string& entry, const std::string& key) {
    std::string plain = ReadAll(fs::path(entry) / kPlainName);
    plain.resize(std::min(plain.find('\n'), plain.size()));
    return {(fs::path(entry) / kLibraryName).string(), key, false, 0, std::move(plain)};
  }

  void Progress(const std::string& text) {
    if (options_.progress) options_.progress(text);
  }

  /// What a tool prints when called with `arguments`.
  Result<std::string> Ask(const std::vector<std::string>& arguments) {
    const fs::path output = folder_ / "answer";
    const Result<int> status = RunProcess(arguments, "", output.string());
    if (!status) return status.errors();
    if (*status != 0) {
      return ToolFailure(fmt::format("`{}` failed: {}", fmt::join(arguments, " "), ReadAll(output)),
                         "");
    }
    return ReadAll(output);
  }

  Status AskTools() {
    Result<std::string> translator = Ask({translator_, options_.netlist ? "-V" : "--version"});
    if (!translator) return translator.errors();
    translator_version_ = *translator;
    Result<std::string> compiler = Ask({compiler_, "--version"});
    if (!compiler) return compiler.errors();
    compiler_version_ = *compiler;
    cpu_ = HostCpu();
    return Unit{};
  }

  /// Hash of the tools, the flags and the machine.
  void HashTools(ContentHash& hash) const {
    hash.Add(translator_version_);
    hash.Add(compiler_version_);
    hash.Add(cpu_);
    using Kind = CompileStep::Kind;
    for (const Kind kind : {Kind::kHarness, Kind::kGenerated, Kind::kCold}) {
      for (const std::string& flag : CompilerFlags(options_, kind)) hash.Add(flag);
    }
  }

  /// Only what the simulation depends on: documents and constraints may differ.
  std::string Key() const {
    ContentHash hash;
    HashTools(hash);
    if (options_.netlist) {
      MappingOptions mapping;
      mapping.for_clock = options_.timed;
      hash.Add(options_.timed ? "timed" : "");
      hash.Add(MappingKey(files_, technology_, mapping));
    } else {
      for (const std::string& flag : VerilatorFlags(options_)) hash.Add(flag);
      for (const std::string& module : options_.shared_modules) hash.Add(module);
    }
    for (const auto& [path, text] : files_) {
      if (!path.starts_with("rtl/")) continue;
      hash.Add(path);
      hash.Add(text);
    }
    for (const HarnessSource& source : HarnessSources()) {
      if (source.netlist() && !options_.netlist) continue;
      hash.Add(source.path);
      hash.Add(source.text);
    }
    return hash.Text();
  }

  /// Runs a tool in the build folder; its output goes to a file of its own, so that steps in
  /// parallel do not mix. On failure the output becomes the log of the build.
  Status RunTool(const std::vector<std::string>& arguments, const std::string& step) {
    const fs::path output = folder_ / (step + ".log");
    const Result<int> status = RunProcess(arguments, folder_.string(), output.string());
    if (!status) return status.errors();
    if (*status == 0) return Unit{};
    const std::string text = ReadAll(output);
    // The message has the first error; without a log it has to do.
    const bool logged =
        WriteText(log_, fmt::format("{}\n{}", fmt::join(arguments, " "), text)).ok();
    std::string first;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.find("rror") != std::string::npos) {
        first = ": " + line;
        break;
      }
    }
    return ToolFailure(
        fmt::format("`{}` failed with status {}{}", arguments.front(), *status, first),
        logged ? fmt::format("its output is in {}", log_.string()) : "");
  }

  Status Build() {
    std::vector<CompileStep> steps;
    for (const HarnessSource& source : HarnessSources()) {
      if (source.maker() || (source.netlist() && !options_.netlist)) continue;
      if (Status status = WriteText(folder_ / source.path, source.text); !status) return status;
      if (!source.path.ends_with(".cc")) continue;
      steps.push_back({std::string(source.path), fmt::format("{}.o", source.path),
                       CompileStep::Kind::kHarness});
    }
    if (Status status = options_.netlist ? Map(&steps) : Verilate(&steps); !status) return status;
    if (Status status = CompileAll(&steps); !status) return status;

    Progress("linking");
    std::error_code error;
    fs::create_directories(folder_ / "entry", error);
    std::vector<std::string> link = {compiler_, "-shared", "-Wl,-Bsymbolic", "-o",
                                     fmt::format("entry/{}", kLibraryName)};
    for (const CompileStep& step : steps) link.push_back(step.object);
    link.insert(link.end(), {"-lpthread", "-latomic"});
    if (options_.waves) link.push_back("-lz");
    return RunTool(link, "link");
  }

  /// Makes the netlist and adds the steps that compile it.
  Status Map(std::vector<CompileStep>* steps) {
    const fs::path folder = folder_ / "obj";
    Status mapped = WriteNetlistModel(files_, technology_, options_.timed, cache_, folder.string(),
                                      [this](const std::string& text) { Progress(text); });
    if (!mapped) {
      // The log of the tool has to outlive the folder.
      Diagnostics errors = mapped.errors();
      for (Diagnostic& diagnostic : errors) {
        if (!diagnostic.location.file.starts_with(folder.string())) continue;
        [[maybe_unused]] const Status logged = WriteText(log_, ReadAll(diagnostic.location.file));
        diagnostic.location.file = log_.string();
      }
      return errors;
    }
    const std::string unit = fmt::format("obj/{}", kClassName);
    steps->push_back({unit + ".cc", unit + ".o", CompileStep::Kind::kHarness});
    return Unit{};
  }

  /// Makes the verilated class and adds the steps that compile it.
  Status Verilate(std::vector<CompileStep>* steps) {
    for (const auto& [path, text] : files_) {
      if (!path.starts_with("rtl/") && path != "filelist.f") continue;
      if (options_.assertions && path == kClockGate) {
        if (Status status = WriteText(folder_ / path, ProbedClockGate()); !status) return status;
        continue;
      }
      if (Status status = WriteText(folder_ / path, text); !status) return status;
    }
    std::string sharing = "`verilator_config\n";
    for (const std::string& module : options_.shared_modules) {
      sharing += fmt::format("no_inline -module \"{}\"\n", module);
    }
    if (Status status = WriteText(folder_ / kSharingName, sharing); !status) return status;
    Progress("verilating");
    std::vector<std::string> verilate = {translator_};
    for (std::string& flag : VerilatorFlags(options_)) verilate.push_back(std::move(flag));
    verilate.insert(verilate.end(), {"--Mdir", "obj", kSharingName, "-f", "filelist.f"});
    if (Status status = RunTool(verilate, "verilator"); !status) return status;

    Result<std::string> root = Ask({translator_, "--getenv", "VERILATOR_ROOT"});
    if (!root) return root.errors();
    root->erase(root->find_last_not_of(" \n\r") + 1);
    include_ = fs::path(*root) / "include";

    const std::string makefile =
        ReadAll(folder_ / "obj" / fmt::format("{}_classes.mk", kClassName));
    if (Status status = Improve(makefile); !status) return status;
    if (options_.assertions) {
      if (Status status = ListSignals(); !status) return status;
    }
    for (const char* speed : {"FAST", "SLOW"}) {
      std::vector<std::string> names;
      for (const char* kind : {"CLASSES", "SUPPORT"}) {
        for (std::string& name : MakefileList(makefile, fmt::format("VM_{}_{}", kind, speed))) {
          names.push_back(std::move(name));
        }
      }
      const bool slow = std::string_view(speed) == "SLOW";
      const auto kind = slow ? CompileStep::Kind::kCold : CompileStep::Kind::kGenerated;
      if (Status status = AddUnits(names, kind, steps); !status) return status;
    }
    for (const char* speed : {"FAST", "SLOW"}) {
      for (const std::string& name : MakefileList(makefile, fmt::format("VM_GLOBAL_{}", speed))) {
        steps->push_back({(include_ / (name + ".cpp")).string(), name + ".o",
                          CompileStep::Kind::kGenerated, RuntimeKey(name)});
      }
    }
    return Unit{};
  }

  /// Adds the steps that compile files of the generated code. Small ones, of which sharing
  /// functions leaves many, are compiled together: reading the headers takes longer than they do.
  Status AddUnits(const std::vector<std::string>& names, CompileStep::Kind kind,
                  std::vector<CompileStep>* steps) {
    constexpr uintmax_t kUnitBytes = 640 << 10;
    std::string includes;
    uintmax_t bytes = 0;
    const auto close = [&]() -> Status {
      if (includes.empty()) return Unit{};
      const std::string unit = fmt::format("obj/unit{}", steps->size());
      if (Status status = WriteText(folder_ / (unit + ".cpp"), includes); !status) return status;
      steps->push_back({unit + ".cpp", unit + ".o", kind});
      includes.clear();
      bytes = 0;
      return Unit{};
    };
    for (const std::string& name : names) {
      std::error_code error;
      const uintmax_t size = fs::file_size(folder_ / fmt::format("obj/{}.cpp", name), error);
      if (bytes + size > kUnitBytes) {
        if (Status status = close(); !status) return status;
      }
      includes += fmt::format("#include \"{}.cpp\"\n", name);
      bytes += size;
    }
    return close();
  }

  /// Rewrites the generated code: what slows it down, and functions of which one will do.
  Status Improve(const std::string& makefile) {
    std::map<std::string, std::string> files;
    for (const char* list : {"VM_CLASSES_FAST", "VM_CLASSES_SLOW"}) {
      for (const std::string& name : MakefileList(makefile, list)) {
        const std::string path = fmt::format("obj/{}.cpp", name);
        files[path] = ReadAll(folder_ / path);
      }
    }
    for (auto& [path, text] : files) DropLocalResets(&text);
    if (!options_.shared_modules.empty()) ShareFunctions(kClassName, &files);
    if (!options_.waves && !options_.assertions && !DirectEdges(kClassName, &files)) {
      // Another version of Verilator: its code stays as it is, and so does its evaluation.
      plain_ = true;
      return WriteText(folder_ / "entry" / kPlainName, translator_version_);
    }
    for (const auto& [path, text] : files) {
      if (Status status = WriteText(folder_ / path, text); !status) return status;
    }
    return Unit{};
  }

  bool HasTrace() const {
    const auto top = files_.find("rtl/npu_top.sv");
    return top != files_.end() && top->second.find(kTracePort) != std::string::npos;
  }

  static std::string ProbedClockGate() {
    for (const HarnessSource& source : HarnessSources()) {
      if (source.path == kProbedClockGate) return std::string(source.text);
    }
    return "";
  }

  /// Writes obj/npu_signals.inc, which npu_model.cc includes.
  Status ListSignals() {
    const fs::path obj = folder_ / "obj";
    return WriteText(obj / "npu_signals.inc",
                     SignalList(ReadAll(obj / fmt::format("{}___024root.h", kClassName))));
  }

  /// The key of an object of Verilator's own library, shared by all models of the same tools.
  std::string RuntimeKey(const std::string& name) const {
    ContentHash hash;
    HashTools(hash);
    return name + "-" + hash.Text();
  }

  Status CompileAll(std::vector<CompileStep>* steps) {
    // ccache is a help only: one that cannot work (its folder may be read-only) is left out.
    use_ccache_ = Ask({"ccache", "--version"}).ok();
    std::atomic<size_t> next = 0;
    size_t finished = 0;
    std::optional<Diagnostics> errors;
    std::mutex mutex;
    const auto work = [&] {
      for (size_t i = next++; i < steps->size(); i = next++) {
        {
          const std::lock_guard guard(mutex);
          if (errors) return;
          Progress(fmt::format("compiling {} of {}", std::min(finished + 1, steps->size()),
                               steps->size()));
        }
        const Status status = CompileOrFind(fmt::format("compile{}", i), &(*steps)[i]);
        const std::lock_guard guard(mutex);
        ++finished;
        if (!status && !errors) errors = status.errors();
      }
    };
    const size_t jobs = options_.jobs > 0 ? static_cast<size_t>(options_.jobs)
                                          : std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::thread> threads;
    for (size_t i = 1; i < std::min(jobs, steps->size()); ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    if (errors) return *errors;
    return Unit{};
  }

  /// Compiles a step, or takes its object from the cache where the cache keeps it.
  Status CompileOrFind(const std::string& name, CompileStep* step) {
    if (step->key.empty()) return Compile(*step, step->object, name);
    Result<std::optional<std::string>> found = cache_.Find(kRuntime, step->key);
    if (!found) return found.errors();
    if (!*found) {
      const fs::path entry = folder_ / (name + ".entry");
      std::error_code error;
      fs::create_directory(entry, error);
      const std::string object = (entry.filename() / step->object).string();
      if (Status status = Compile(*step, object, name); !status) return status;
      Result<std::string> stored = cache_.Store(kRuntime, step->key, entry.string());
      if (!stored) return stored.errors();
      found = std::optional(std::move(*stored));
    }
    step->object = (fs::path(**found) / step->object).string();
    return Unit{};
  }

  Status Compile(const CompileStep& step, const std::string& output, const std::string& name) {
    std::vector<std::string> arguments = {compiler_};
    for (std::string& flag : CompilerFlags(options_, step.kind)) {
      arguments.push_back(std::move(flag));
    }
    if (plain_) arguments.push_back("-DNPU_MODEL_PLAIN");
    if (!HasTrace()) arguments.push_back("-DNPU_MODEL_NO_TRACE");
    // ccache does not know what -march=native means on this machine.
    ContentHash cpu;
    cpu.Add(cpu_);
    arguments.push_back("-DNPUGEN_HOST_CPU=" + cpu.Text());
    arguments.insert(arguments.end(), {"-I.", "-Iobj"});
    if (!options_.netlist) {
      arguments.insert(arguments.end(),
                       {"-isystem", include_.string(), "-isystem", (include_ / "vltstd").string()});
    }
    arguments.insert(arguments.end(), {"-c", step.source, "-o", output});
    if (use_ccache_) {
      std::vector<std::string> through = {"ccache"};
      through.insert(through.end(), arguments.begin(), arguments.end());
      if (RunTool(through, name).ok()) return Unit{};
      // Whether the fault is ccache's or the compiler's, the compiler alone will say.
      use_ccache_ = false;
    }
    return RunTool(arguments, name);
  }

  const FileSet& files_;
  const ModelBuildOptions& options_;
  const Cache cache_;
  const std::string translator_;  ///< of SystemVerilog: Verilator or Yosys
  const std::string compiler_;
  std::string translator_version_;
  std::string compiler_version_;
  std::string cpu_;
  TechnologyLibrary technology_;  ///< of netlists
  fs::path folder_;
  fs::path include_;
  fs::path log_;
  std::atomic<bool> use_ccache_ = false;
  bool plain_ = false;  ///< Verilator's code is left as it is
};

}  // namespace

Result<BuiltModel> BuildModel(const FileSet& files, const ModelBuildOptions& options) {
  Result<Cache> cache = Cache::Open(options.cache_folder);
  if (!cache) return cache.errors();
  return Builder(files, options, std::move(*cache)).Run();
}

Result<BuiltModel> BuildConfigModel(const NpuConfig& config, ModelBuildOptions options) {
  const Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  const Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  if (options.assertions) return BuildModel(*files, options);
  if (config.pes() > 1) options.shared_modules.push_back("npu_pe");
  if (config.cores > 1) options.shared_modules.push_back("npu_core");
  return BuildModel(*files, options);
}

}  // namespace npugen
