// The steps of a build: key, lock, verilate or map, compile, link, rename into the cache.
#include "verif/sim/model_builder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/process.h"
#include "generator/synth/mapping.h"
#include "verif/netlist/netlist_model.h"
#include "verif/sim/harness_sources.h"
#include "verif/sim/verilated_code.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLibraryName = "npu_model.so";
constexpr const char* kClassName = "Vnpu_top";
constexpr const char* kSharingName = "sharing.vlt";

/// Options of verilator besides files and folders. The state at power-up is random: that is for the
/// constructor and costs no cycle anything. Values that the language leaves unknown (an index
/// beyond the end) would: they are random in quick models, which tests run.
std::vector<std::string> VerilatorFlags(const ModelBuildOptions& options) {
  std::vector<std::string> flags = {"--cc",
                                    "--x-initial",
                                    "unique",
                                    "--x-assign",
                                    options.quick ? "unique" : "fast",
                                    "--noassert",
                                    "-O3",
                                    "--no-timing",
                                    "--top-module",
                                    "npu_top",
                                    "--prefix",
                                    kClassName,
                                    "-Wno-fatal",
                                    "--output-split",
                                    "20000"};
  if (options.waves) flags.insert(flags.end(), {"--trace-fst", "--trace-structs"});
  return flags;
}

std::string Environment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool WriteAll(const fs::path& path, std::string_view text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return !file.fail();
}

/// FNV-1a over 128 bits; each item is hashed with its length, so that items cannot run into each
/// other.
class ContentHash {
 public:
  void Add(std::string_view item) {
    AddBytes(fmt::format("{}:", item.size()));
    AddBytes(item);
  }
  std::string Text() const {
    return fmt::format("{:016x}{:016x}", static_cast<uint64_t>(state_ >> 64),
                       static_cast<uint64_t>(state_));
  }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr Wide kPrime = (Wide{1} << 88) + 0x13b;
  void AddBytes(std::string_view bytes) {
    for (const char byte : bytes) state_ = (state_ ^ static_cast<uint8_t>(byte)) * kPrime;
  }
  Wide state_ = (Wide{0x6c62272e07bb0142} << 64) + 0x62b821756295c58d;
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

Diagnostic CannotWrite(const fs::path& path) {
  return {DiagnosticCode::kFileWrite, SourceLocation{path.string(), 0, 0}, "it cannot be written",
          "choose another cache folder with --cache or NPUGEN_CACHE"};
}

Diagnostic ToolFailure(std::string message, std::string hint) {
  return {DiagnosticCode::kToolFailed, SourceLocation(), std::move(message), std::move(hint)};
}

/// Exclusive lock on a file for the life of the object; other processes wait.
class FileLock {
 public:
  explicit FileLock(const fs::path& path)
      : file_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644)) {}
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

/// A folder that disappears with the object.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const fs::path& parent) {
    std::string pattern = (parent / "build.XXXXXX").string();
    if (mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  bool ok() const { return !path_.empty(); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
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
  std::string object;  ///< likewise
  enum class Kind : uint8_t {
    kHarness,    ///< ours
    kGenerated,  ///< written by Verilator, or of its library; runs in every cycle
    kCold        ///< generated, runs once
  };
  Kind kind = Kind::kHarness;
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
  return flags;
}

class Builder {
 public:
  Builder(const FileSet& files, const ModelBuildOptions& options)
      : files_(files),
        options_(options),
        cache_(fs::absolute(options.cache_folder.empty() ? DefaultCacheFolder()
                                                         : options.cache_folder)),
        translator_(options.netlist ? "yosys" : Environment("VERILATOR", "verilator")),
        compiler_(Environment("CXX", "g++")) {}

  Result<BuiltModel> Run() {
    std::error_code error;
    for (const char* folder : {"models", "runtime", "locks", "logs", "tmp"}) {
      fs::create_directories(cache_ / folder, error);
      if (error) return CannotWrite(cache_ / folder);
    }
    const TemporaryFolder temporary(cache_ / "tmp");
    if (!temporary.ok()) return CannotWrite(cache_ / "tmp");
    folder_ = temporary.path();

    const Status tools = AskTools();
    if (!tools) return tools.errors();
    if (options_.netlist) {
      Result<LibraryFile> library = LoadLibrary(kDefaultLiberty);
      if (!library) return library.errors();
      library_ = std::move(*library);
    }
    const std::string key = Key();
    const fs::path entry = cache_ / "models" / key;
    log_ = cache_ / "logs" / (key + ".log");
    BuiltModel model = {(entry / kLibraryName).string(), key, false, 0};
    if (fs::exists(model.library, error)) return model;

    FileLock lock(cache_ / "locks" / key);
    if (!lock.ok()) return CannotWrite(cache_ / "locks");
    if (!lock.TryLock()) {
      Progress("waiting for another build of the same model");
      lock.Lock();
    }
    if (fs::exists(model.library, error)) return model;

    const auto start = std::chrono::steady_clock::now();
    const Status built = Build();
    if (!built) return built.errors();
    fs::rename(folder_ / "entry", entry, error);
    if (error) return CannotWrite(entry);
    fs::remove(log_, error);
    model.built = true;
    model.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return model;
  }

 private:
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
      hash.Add(library_.text);
      for (const auto& [name, text] : MappingFiles(files_, library_, MappingResult::kNetlist)) {
        hash.Add(text);
      }
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
    WriteAll(log_, fmt::format("{}\n{}", fmt::join(arguments, " "), text));
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
        fmt::format("its output is in {}", log_.string()));
  }

  Status Build() {
    std::vector<CompileStep> steps;
    for (const HarnessSource& source : HarnessSources()) {
      if (source.maker() || (source.netlist() && !options_.netlist)) continue;
      if (!WriteAll(folder_ / source.path, source.text)) return CannotWrite(folder_ / source.path);
      if (!source.path.ends_with(".cc")) continue;
      steps.push_back({std::string(source.path), fmt::format("{}.o", source.path),
                       CompileStep::Kind::kHarness});
    }
    if (Status status = options_.netlist ? Map(&steps) : Verilate(&steps); !status) return status;
    if (Status status = CompileAll(steps); !status) return status;

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
    Status mapped = WriteNetlistModel(files_, library_, folder.string(),
                                      [this](const std::string& text) { Progress(text); });
    if (!mapped) {
      // The log of the tool has to outlive the folder.
      const fs::path log = folder / "mapping" / "yosys.log";
      WriteAll(log_, ReadAll(log));
      Diagnostics errors = mapped.errors();
      for (Diagnostic& diagnostic : errors) {
        if (diagnostic.location.file == log.string()) diagnostic.location.file = log_.string();
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
      if (!WriteAll(folder_ / path, text)) return CannotWrite(folder_ / path);
    }
    std::string sharing = "`verilator_config\n";
    for (const std::string& module : options_.shared_modules) {
      sharing += fmt::format("no_inline -module \"{}\"\n", module);
    }
    if (!WriteAll(folder_ / kSharingName, sharing)) return CannotWrite(folder_ / kSharingName);
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
    const fs::path runtime = RuntimeFolder();
    for (const char* speed : {"FAST", "SLOW"}) {
      for (const std::string& name : MakefileList(makefile, fmt::format("VM_GLOBAL_{}", speed))) {
        const fs::path object = runtime / (name + ".o");
        steps->push_back({(include_ / (name + ".cpp")).string(), object.string(),
                          CompileStep::Kind::kGenerated});
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
      if (!WriteAll(folder_ / (unit + ".cpp"), includes)) return CannotWrite(folder_ / unit);
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
    if (!options_.waves && !DirectEdges(kClassName, &files)) {
      return ToolFailure("the clocks in the code of this version of Verilator are not understood",
                         "Verilator 5.006 is known to work");
    }
    for (const auto& [path, text] : files) {
      if (!WriteAll(folder_ / path, text)) return CannotWrite(folder_ / path);
    }
    return Unit{};
  }

  /// Objects of Verilator's own library, shared by all models of the same tools.
  fs::path RuntimeFolder() const {
    ContentHash hash;
    HashTools(hash);
    const fs::path folder = cache_ / "runtime" / hash.Text();
    std::error_code error;
    fs::create_directories(folder, error);
    return folder;
  }

  Status CompileAll(const std::vector<CompileStep>& steps) {
    const bool has_ccache = Ask({"ccache", "--version"}).ok();
    std::atomic<size_t> next = 0;
    size_t finished = 0;
    std::optional<Diagnostics> errors;
    std::mutex mutex;
    const auto work = [&] {
      for (size_t i = next++; i < steps.size(); i = next++) {
        {
          const std::lock_guard guard(mutex);
          if (errors) return;
          Progress(fmt::format("compiling {} of {}", std::min(finished + 1, steps.size()),
                               steps.size()));
        }
        const Status status = Compile(steps[i], fmt::format("compile{}", i), has_ccache);
        const std::lock_guard guard(mutex);
        ++finished;
        if (!status && !errors) errors = status.errors();
      }
    };
    const size_t jobs = options_.jobs > 0 ? static_cast<size_t>(options_.jobs)
                                          : std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::thread> threads;
    for (size_t i = 1; i < std::min(jobs, steps.size()); ++i) threads.emplace_back(work);
    work();
    for (std::thread& thread : threads) thread.join();
    if (errors) return *errors;
    return Unit{};
  }

  Status Compile(const CompileStep& step, const std::string& name, bool has_ccache) {
    std::error_code error;
    const bool shared = fs::path(step.object).is_absolute();
    if (shared && fs::exists(step.object, error)) return Unit{};
    const std::string output = shared ? name + ".o" : step.object;
    std::vector<std::string> arguments;
    if (has_ccache) arguments.push_back("ccache");
    arguments.push_back(compiler_);
    for (std::string& flag : CompilerFlags(options_, step.kind)) {
      arguments.push_back(std::move(flag));
    }
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
    if (Status status = RunTool(arguments, name); !status) return status;
    if (shared) {
      // Another process may do the same; the last one wins, and all write the same.
      fs::rename(folder_ / output, step.object, error);
      if (error) return CannotWrite(step.object);
    }
    return Unit{};
  }

  const FileSet& files_;
  const ModelBuildOptions& options_;
  const fs::path cache_;
  const std::string translator_;  ///< of SystemVerilog: Verilator or Yosys
  const std::string compiler_;
  std::string translator_version_;
  std::string compiler_version_;
  std::string cpu_;
  LibraryFile library_;  ///< of netlists
  fs::path folder_;
  fs::path include_;
  fs::path log_;
};

}  // namespace

std::string DefaultCacheFolder() {
  if (std::string folder = Environment("NPUGEN_CACHE", ""); !folder.empty()) return folder;
  if (std::string folder = Environment("XDG_CACHE_HOME", ""); !folder.empty()) {
    return folder + "/npugen";
  }
  if (std::string folder = Environment("HOME", ""); !folder.empty()) {
    return folder + "/.cache/npugen";
  }
  return fmt::format("/tmp/npugen-{}", getuid());
}

Result<BuiltModel> BuildModel(const FileSet& files, const ModelBuildOptions& options) {
  return Builder(files, options).Run();
}

Result<BuiltModel> BuildConfigModel(const NpuConfig& config, ModelBuildOptions options) {
  const Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  const Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  if (config.pes() > 1) options.shared_modules.push_back("npu_pe");
  if (config.cores > 1) options.shared_modules.push_back("npu_core");
  return BuildModel(*files, options);
}

}  // namespace npugen
