// SPDX-License-Identifier: Apache-2.0
// Mapping and compilation with their cache, vectors, comparison.
#include "verif/netlist/module_comparison.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/support/process.h"
#include "generator/support/sha256.h"
#include "generator/support/temporary.h"
#include "generator/synth/mapping.h"
#include "verif/netlist/lane_simulator.h"
#include "verif/netlist/mapped_netlist.h"
#include "verif/netlist/module_views.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kViews = "views";
constexpr const char* kLibraryName = "views.so";

/// Copies of the verilated RTL, which begin with unlike random values: a bit is compared when it is
/// the same in all of them and in all lanes of the netlist.
constexpr size_t kCopies = 32;

/// What is compiled into the library beside the verilated class.
constexpr const char* kGlue = R"(#include <memory>
#include "Vmodule_views.h"
#include "verilated.h"
#include "verilated_sym_props.h"
struct Views {
  VerilatedContext context;
  std::unique_ptr<Vmodule_views> top;
};
extern "C" void* views_open(int seed) {
  auto* views = new Views;
  views->context.randReset(2);
  views->context.randSeed(seed);
  Verilated::threadContextp(&views->context);
  // The first numbers of its generator are much like the seed.
  for (int i = 0; i < 1000; ++i) VL_RANDOM_I();
  views->top = std::make_unique<Vmodule_views>(&views->context, "TOP");
  return views;
}
extern "C" void views_close(void* views) { delete static_cast<Views*>(views); }
extern "C" void views_evaluate(void* views) { static_cast<Views*>(views)->top->eval(); }
extern "C" void* views_find(void* views, const char* scope, const char* name, unsigned* bits) {
  const VerilatedScope* found = static_cast<Views*>(views)->context.scopeFind(scope);
  VerilatedVar* variable = found ? found->varFind(name) : nullptr;
  if (!variable) return nullptr;
  *bits = variable->packed().elements();
  return variable->datap();
}
)";

Diagnostic Failure(std::string message, std::string hint = "") {
  return {DiagnosticCode::kToolFailed, SourceLocation(), std::move(message), std::move(hint)};
}

class Key {
 public:
  void Add(std::string_view item) { text_ += fmt::format("{}:{}", item.size(), item); }
  std::string Text() const { return Sha256(text_).substr(0, 32); }

 private:
  std::string text_;
};

/// The compiled RTL of `sources`, from the cache if it is there.
Result<std::string> ViewsLibrary(const std::vector<SourceFile>& sources, const Cache& cache,
                                 const ModuleComparisonOptions& options) {
  Result<TemporaryFolder> work = cache.Work();
  if (!work) return work.errors();
  const fs::path folder = fs::path(work->path());
  const std::string log = (folder / "verilator.log").string();
  const char* chosen = std::getenv("VERILATOR");
  const std::string verilator = chosen != nullptr && *chosen != '\0' ? chosen : "verilator";
  Result<int> status = RunProcess({verilator, "--version"}, folder.string(), log);
  if (!status) return status.errors();
  const Result<std::string> version = ReadFileText(log, 1 << 20);
  if (!version) return version.errors();
  const size_t jobs = options.jobs > 0 ? static_cast<size_t>(options.jobs)
                                       : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::string> command = {verilator,      "--cc",
                                      "--exe",        "--build",
                                      "--x-initial",  "unique",
                                      "--x-assign",   "unique",
                                      "--noassert",   "--no-timing",
                                      "-Wno-lint",    "-DSYNTHESIS",
                                      "-Wno-fatal",   "--output-split",
                                      "20000",        "-O3",
                                      "--prefix",     "Vmodule_views",
                                      "--top-module", kViewsTop,
                                      "-CFLAGS",      "-fPIC",
                                      "-LDFLAGS",     "-shared",
                                      "-MAKEFLAGS",   "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1",
                                      "-o",           std::string("../entry/") + kLibraryName,
                                      "--Mdir",       "obj"};
  command.push_back("-Irtl");
  for (const SourceFile& source : sources) {
    if (source.name.ends_with(".sv")) command.push_back(source.name);
  }
  command.push_back("glue.cc");
  Key key;
  key.Add(*version);
  key.Add(kGlue);
  for (const std::string& word : command) key.Add(word);
  for (const SourceFile& source : sources) key.Add(source.text);
  command.insert(command.end(), {"-j", std::to_string(jobs)});

  Result<std::optional<std::string>> found = cache.Find(kViews, key.Text());
  if (!found) return found.errors();
  if (*found) return (fs::path(**found) / kLibraryName).string();
  if (options.progress) options.progress("compiling the RTL of modules");
  std::error_code error;
  fs::create_directories(folder / "rtl", error);
  fs::create_directories(folder / "entry", error);
  for (const SourceFile& source : sources) {
    if (Status written = WriteNewFile((folder / source.name).string(), source.text); !written) {
      return written.errors();
    }
  }
  if (Status written = WriteNewFile((folder / "glue.cc").string(), kGlue); !written) {
    return written.errors();
  }
  status = RunProcess(command, folder.string(), log);
  if (!status) return status.errors();
  if (*status != 0) {
    work->Keep();
    return Failure(fmt::format("verilator ended with status {}", *status),
                   fmt::format("its log says why: {}", log));
  }
  Result<std::string> stored = cache.Store(kViews, key.Text(), (folder / "entry").string());
  if (!stored) return stored.errors();
  return (fs::path(*stored) / kLibraryName).string();
}

/// The library, loaded.
class Views {
 public:
  static Result<std::unique_ptr<Views>> Load(const std::string& path) {
    if (Status safe = CheckCachedFile(path); !safe) return safe.errors();
    std::unique_ptr<Views> views(new Views);
    views->handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (views->handle_ == nullptr) return Failure(fmt::format("{}: {}", path, dlerror()));
    views->open_ = reinterpret_cast<void* (*)(int)>(dlsym(views->handle_, "views_open"));
    views->close_ = reinterpret_cast<void (*)(void*)>(dlsym(views->handle_, "views_close"));
    views->evaluate_ = reinterpret_cast<void (*)(void*)>(dlsym(views->handle_, "views_evaluate"));
    views->find_ = reinterpret_cast<void* (*)(void*, const char*, const char*, unsigned*)>(
        dlsym(views->handle_, "views_find"));
    if (views->open_ == nullptr || views->close_ == nullptr || views->evaluate_ == nullptr ||
        views->find_ == nullptr) {
      return Failure(fmt::format("{} is no library of views", path));
    }
    return views;
  }
  ~Views() {
    for (void* copy : copies_) close_(copy);
    if (handle_ != nullptr) dlclose(handle_);
  }
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  void Open(uint64_t seed) {
    std::mt19937_64 random(seed);
    for (size_t copy = 0; copy < kCopies; ++copy) {
      copies_.push_back(open_(static_cast<int>(random() >> 33) | 1));
    }
  }
  void Evaluate() {
    for (void* copy : copies_) evaluate_(copy);
  }
  /// Where a variable of `bits` bits is in each copy; empty: there is none.
  std::vector<uint8_t*> Find(const std::string& scope, const std::string& name, size_t bits) {
    std::vector<uint8_t*> places;
    for (void* copy : copies_) {
      unsigned found = 0;
      void* place = find_(copy, scope.c_str(), name.c_str(), &found);
      if (place == nullptr || found != bits) return {};
      places.push_back(static_cast<uint8_t*>(place));
    }
    return places;
  }

 private:
  Views() = default;
  void* handle_ = nullptr;
  void* (*open_)(int) = nullptr;
  void (*close_)(void*) = nullptr;
  void (*evaluate_)(void*) = nullptr;
  void* (*find_)(void*, const char*, const char*, unsigned*) = nullptr;
  std::vector<void*> copies_;
};

using Bytes = std::vector<uint8_t>;

/// Gives an input values that change in kind from time to time: any, few ones, many ones, small
/// numbers, bytes of a kind each, the value before, those of another input.
class Stimulus {
 public:
  Stimulus(std::string name, size_t bits) : name_(std::move(name)), bits_(bits) {
    value_.assign((bits + 7) / 8, 0);
    for (Bytes& old : history_) old = value_;
  }
  size_t bits() const { return bits_; }
  const Bytes& value() const { return value_; }
  /// All clocks of a module are edges of one, some of which are left out.
  bool clock() const { return name_ == "clk_i" || name_.ends_with("_clk_i"); }

  void Next(std::mt19937_64& random, uint64_t cycle, const std::vector<Stimulus>& others) {
    if (name_ == "rst_ni") {
      value_[0] = cycle >= 4 && random() % 256 != 0 ? 1 : 0;
      return;
    }
    if (bits_ == 1 &&
        (name_.find("clear") != std::string::npos || name_.find("reset") != std::string::npos)) {
      value_[0] = random() % 64 == 0 ? 1 : 0;
      return;
    }
    if (left_ == 0) {
      left_ = 16 + random() % 112;
      kind_ = random() % kKinds;
      odds_ = kOdds[random() % std::size(kOdds)];
    }
    --left_;
    if (bits_ == 1) {
      value_[0] = random() % 256 < odds_ ? 1 : 0;
      return;
    }
    if (random() % 4 == 0) history_[random() % std::size(history_)] = value_;
    switch (kind_) {
      case 0:  // any
      case 1:
        for (uint8_t& byte : value_) byte = static_cast<uint8_t>(random());
        break;
      case 2:  // bits with these odds
        for (uint8_t& byte : value_) {
          byte = 0;
          for (int b = 0; b < 8; ++b) byte |= static_cast<uint8_t>((random() % 256 < odds_) << b);
        }
        break;
      case 3:  // small numbers
        std::fill(value_.begin(), value_.end(), 0);
        value_[0] = static_cast<uint8_t>(random() & 7);
        break;
      case 4:  // bytes of a kind each
        for (uint8_t& byte : value_) byte = Byte(random);
        break;
      case 5:  // rarely another
        if (random() % 8 == 0) {
          for (uint8_t& byte : value_) byte = Byte(random);
        }
        break;
      case 6:  // one that was there before
        value_ = history_[random() % std::size(history_)];
        break;
      default:  // that of another input
        for (int i = 0; i < 8; ++i) {
          const Stimulus& other = others[random() % others.size()];
          if (other.bits_ != bits_) continue;
          value_ = other.value_;
          break;
        }
        break;
    }
    if (bits_ % 8 != 0) value_.back() &= static_cast<uint8_t>((1u << bits_ % 8) - 1);
  }

 private:
  static constexpr uint64_t kKinds = 8;
  static constexpr uint32_t kOdds[] = {8, 32, 64, 128, 192, 224, 248};

  static uint8_t Byte(std::mt19937_64& random) {
    switch (random() % 4) {
      case 0:
        return 0;
      case 1:
        return static_cast<uint8_t>(random() % 8);
      case 2:
        return 0xff;
      default:
        return static_cast<uint8_t>(random());
    }
  }

  std::string name_;
  size_t bits_;
  Bytes value_;
  Bytes history_[4];
  uint64_t left_ = 0, kind_ = 0;
  uint32_t odds_ = 128;
};

/// One module on both sides.
class Bench {
 public:
  /// Error: the sides have unlike ports or instances.
  static Result<Bench> Make(const ModuleNetlist& module, size_t number, Views& views,
                            uint64_t seed) {
    Result<LaneSimulator> simulator = LaneSimulator::Make(module.netlist, seed);
    if (!simulator) return simulator.errors();
    Bench bench(module, std::move(*simulator), seed);
    const std::string top = fmt::format("TOP.{}", kViewsTop);
    for (const NetlistPort& port : module.ports) {
      if (!bench.Add(port, port.name, views, top, ViewPort(number, port.name))) {
        return bench.Unlike(port.name);
      }
    }
    for (const CutInstance& instance : module.instances) {
      const std::string scope = fmt::format("{}.{}.{}", top, ViewInstance(number), instance.name);
      for (const NetlistPort& port : instance.ports) {
        const std::string name = fmt::format("{}.{}", instance.name, port.name);
        if (!bench.Add(port, name, views, scope, CutPort(port.name))) return bench.Unlike(name);
      }
      for (const auto& [name, bits] : instance.parameters) {
        const std::vector<uint8_t*> places = views.Find(scope, CutParameter(name), kParameterBits);
        if (places.empty()) return bench.Unlike(fmt::format("{}.{}", instance.name, name));
        bench.parameters_.push_back({fmt::format("{}.{}", instance.name, name), bits, places[0]});
      }
    }
    bench.report_.module = module.rtl;
    for (const auto& [name, bits] : module.parameters) {
      bench.report_.parameters += fmt::format(
          "{}{}={}", bench.report_.parameters.empty() ? "" : " ", name,
          bits.size() <= 64 ? std::to_string(std::strtoull(bits.c_str(), nullptr, 2)) : bits);
    }
    bench.report_.gates = module.netlist.gates.size();
    bench.report_.registers = module.netlist.flip_flops.size();
    for (const Output& output : bench.outputs_) bench.report_.bits += output.nets.size();
    return bench;
  }

  /// New inputs, clock low, then its edge. The caller evaluates the RTL after each.
  void Inputs(uint64_t cycle) {
    for (size_t i = 0; i < stimuli_.size(); ++i) {
      if (!stimuli_[i].clock()) stimuli_[i].Next(random_, cycle, stimuli_);
      Apply(i, stimuli_[i].clock() ? Bytes{0} : stimuli_[i].value());
    }
    simulator_.Evaluate();
  }
  void Edge() {
    for (size_t i = 0; i < stimuli_.size(); ++i) {
      if (stimuli_[i].clock()) Apply(i, Bytes{1});
    }
    simulator_.Evaluate();
  }

  void Compare(uint64_t cycle, bool edge) {
    for (Output& output : outputs_) {
      const size_t bits = output.nets.size();
      for (size_t byte = 0; byte < (bits + 7) / 8; ++byte) {
        uint8_t all = 0xff, any = 0;
        for (const uint8_t* place : output.places) {
          all &= place[byte];
          any |= place[byte];
        }
        for (size_t b = 8 * byte; b < std::min(8 * byte + 8, bits); ++b) {
          const uint64_t lanes = simulator_.value(output.nets[b]);
          const bool one = (all >> b % 8 & 1) != 0;
          const bool rtl_known = one || (any >> b % 8 & 1) == 0;
          Seen& seen = output.seen[b];
          if (rtl_known && std::popcount(one ? ~lanes : lanes) >= kAstrayLanes && ~lanes != 0 &&
              lanes != 0) {
            ++seen.astray;
          }
          if (!rtl_known || (lanes != 0 && lanes != ~uint64_t{0})) continue;
          if (one != (lanes != 0) && report_.difference.empty()) {
            report_.difference = fmt::format(
                "{}[{}] is {} in the netlist and {} in the RTL in cycle {}, {} the edge",
                output.name, b, lanes != 0 ? 1 : 0, one ? 1 : 0, cycle, edge ? "after" : "before");
          }
          (one ? seen.one : seen.zero) = true;
          ++report_.values;
        }
      }
    }
  }

  ModuleComparison Report() {
    for (const Output& output : outputs_) {
      for (size_t b = 0; b < output.seen.size(); ++b) {
        const Seen& seen = output.seen[b];
        report_.compared += seen.one || seen.zero;
        report_.toggled += seen.one && seen.zero;
        if (!seen.one && !seen.zero) {
          if (report_.not_compared.empty() || report_.not_compared.back() != output.name) {
            report_.not_compared.push_back(output.name);
          }
        }
        if (report_.difference.empty() && seen.astray > kChance) {
          report_.difference =
              fmt::format("{}[{}] depends on power-up in the netlist in {} cycles, not in the RTL",
                          output.name, b, seen.astray);
        }
      }
    }
    for (const Parameter& parameter : parameters_) {
      for (size_t b = 0; b < std::min(parameter.bits.size(), kParameterBits); ++b) {
        const bool netlist = parameter.bits[parameter.bits.size() - 1 - b] == '1';
        if (netlist == ((parameter.place[b / 8] >> b % 8 & 1) != 0)) continue;
        report_.difference = fmt::format("{} has different values", parameter.name);
      }
    }
    return report_;
  }

 private:
  static constexpr uint32_t kChance = 16;
  static constexpr int kAstrayLanes = 20;

  struct Seen {
    bool one = false, zero = false;
    uint32_t astray = 0;  ///< values that many lanes do not have and the RTL has
  };
  struct Output {
    std::string name;
    std::vector<NetId> nets;
    std::vector<uint8_t*> places;
    std::vector<Seen> seen;
  };
  struct Input {
    std::vector<NetId> nets;
    std::vector<uint8_t*> places;
  };
  struct Parameter {
    std::string name, bits;
    const uint8_t* place;
  };

  Bench(const ModuleNetlist& module, LaneSimulator simulator, uint64_t seed)
      : module_(&module), simulator_(std::move(simulator)), random_(seed) {}

  bool Add(const NetlistPort& port, const std::string& name, Views& views, const std::string& scope,
           const std::string& variable) {
    std::vector<uint8_t*> places = views.Find(scope, variable, port.nets.size());
    if (places.empty()) return false;
    if (!port.input) {
      outputs_.push_back({name, port.nets, std::move(places), std::vector<Seen>(port.nets.size())});
      return true;
    }
    stimuli_.emplace_back(name, port.nets.size());
    inputs_.push_back({port.nets, std::move(places)});
    return true;
  }

  Diagnostic Unlike(const std::string& name) const {
    return Failure(fmt::format("`{}` of {} is not the same in the RTL", name, module_->rtl),
                   "Verilator and Yosys read instances or widths unlike");
  }

  void Apply(size_t input, const Bytes& value) {
    const Input& in = inputs_[input];
    for (uint8_t* place : in.places) std::copy(value.begin(), value.end(), place);
    for (size_t b = 0; b < in.nets.size(); ++b) {
      simulator_.Set(in.nets[b], (value[b / 8] >> b % 8 & 1) != 0);
    }
  }

  const ModuleNetlist* module_;
  LaneSimulator simulator_;
  std::mt19937_64 random_;
  std::vector<Stimulus> stimuli_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::vector<Parameter> parameters_;
  ModuleComparison report_;
};

}  // namespace

Result<std::vector<ModuleComparison>> CompareModules(const FileSet& emission,
                                                     const ModuleComparisonOptions& options) {
  const Result<Cache> cache = Cache::Open(options.cache_folder);
  if (!cache) return cache.errors();
  const Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
  if (!technology) return technology.errors();
  const auto progress = [&options](const std::string& text) {
    if (options.progress) options.progress(text);
  };
  const Result<std::vector<ModuleNetlist>> modules = [&]() -> Result<std::vector<ModuleNetlist>> {
    Result<TemporaryFolder> work = cache->Work();
    if (!work) return work.errors();
    const Result<std::string> json =
        MappedNetlist(emission, *technology, false, *cache, work->path(), progress);
    if (!json) {
      work->Keep();  // the log is there
      return json.errors();
    }
    return ReadModuleNetlists(*json, technology->library.cells, "netlist.json of Yosys");
  }();
  if (!modules) return modules.errors();
  const Result<std::vector<SourceFile>> sources = MakeModuleViews(emission, *modules);
  if (!sources) return sources.errors();
  const Result<std::string> path = ViewsLibrary(*sources, *cache, options);
  if (!path) return path.errors();
  const Result<std::unique_ptr<Views>> views = Views::Load(*path);
  if (!views) return views.errors();
  (*views)->Open(options.seed);

  progress("comparing");
  std::vector<Bench> benches;
  for (size_t k = 0; k < modules->size(); ++k) {
    const ModuleNetlist& module = (*modules)[k];
    Result<Bench> bench = Bench::Make(module, k, **views, options.seed * 1000 + k);
    if (!bench) return bench.errors();
    benches.push_back(std::move(*bench));
  }
  for (uint64_t cycle = 0; cycle < options.cycles; ++cycle) {
    for (Bench& bench : benches) bench.Inputs(cycle);
    (*views)->Evaluate();
    for (Bench& bench : benches) bench.Compare(cycle, false);
    for (Bench& bench : benches) bench.Edge();
    (*views)->Evaluate();
    for (Bench& bench : benches) bench.Compare(cycle, true);
  }
  std::vector<ModuleComparison> reports;
  for (Bench& bench : benches) reports.push_back(bench.Report());
  std::stable_sort(reports.begin(), reports.end(), [](const auto& a, const auto& b) {
    return std::pair(a.module, a.parameters) < std::pair(b.module, b.parameters);
  });
  return reports;
}

std::string FormatComparisons(const std::vector<ModuleComparison>& comparisons) {
  std::string text =
      fmt::format("{:<20} {:>8} {:>9} {:>7} {:>9} {:>8} {:>11}  {}\n", "module", "gates",
                  "registers", "bits", "compared", "toggled", "values", "parameters");
  for (const ModuleComparison& c : comparisons) {
    text += fmt::format("{:<20} {:>8} {:>9} {:>7} {:>9} {:>8} {:>11}  {}\n", c.module, c.gates,
                        c.registers, c.bits, c.compared, c.toggled, c.values,
                        c.parameters.substr(0, 60));
    if (!c.not_compared.empty()) {
      text += fmt::format("  not compared: bits of {}\n", fmt::join(c.not_compared, ", "));
    }
    if (!c.difference.empty()) text += fmt::format("  DIFFERS: {}\n", c.difference);
  }
  return text;
}

}  // namespace npugen
