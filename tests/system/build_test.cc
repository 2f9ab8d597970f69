// SPDX-License-Identifier: Apache-2.0
// The cache of simulation models: built once, never half, never by two at a time; the program
// around it.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/cache.h"
#include "generator/support/version.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/processes.h"
#include "tests/system/simulation.h"
#include "verif/random/random_model.h"
#include "verif/session/run_model.h"
#include "verif/sim/model_builder.h"
#include "verif/sim/verilated_code.h"

namespace npugen::testing {
namespace {

namespace fs = std::filesystem;

FileSet NanoFiles() {
  const Result<Plan> plan = MakePlan(SpecConfig("nano"));
  EXPECT_TRUE(plan.ok());
  const Result<FileSet> files = Emit(*plan);
  EXPECT_TRUE(files.ok());
  return *files;
}

size_t Entries(const fs::path& folder) {
  size_t count = 0;
  for ([[maybe_unused]] const fs::directory_entry& entry : fs::directory_iterator(folder)) ++count;
  return count;
}

/// A fresh cache folder, and an environment variable that is restored.
class BuildTest : public ::testing::Test {
 protected:
  void SetUp() override {
    cache_ = fs::path(::testing::TempDir()) /
             ("npugen_cache_" +
              std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(cache_);
    options_.cache_folder = cache_.string();
    options_.jobs = 1;
  }
  void TearDown() override {
    unsetenv("CXX");
    unsetenv("VERILATOR");
    fs::remove_all(cache_);
  }
  fs::path cache_;
  ModelBuildOptions options_;
};

TEST_F(BuildTest, SecondBuildDoesNothingAndParallelBuildsShare) {
  const FileSet files = NanoFiles();
  std::vector<Result<BuiltModel>> models(2, Diagnostics(1));
  std::thread other([&] { models[1] = BuildModel(files, options_); });
  models[0] = BuildModel(files, options_);
  other.join();
  ASSERT_TRUE(models[0].ok()) << ErrorText(models[0]);
  ASSERT_TRUE(models[1].ok()) << ErrorText(models[1]);
  EXPECT_NE(models[0]->built, models[1]->built) << "one builds, the other waits";
  EXPECT_EQ(models[0]->library, models[1]->library);
  const Result<BuiltModel> again = BuildModel(files, options_);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->built);
  EXPECT_EQ(again->key, models[0]->key);
  EXPECT_EQ(Entries(cache_ / "tmp"), 0u);
  EXPECT_EQ(Entries(cache_ / "logs"), 0u);

  // Documents do not matter, RTL does.
  FileSet changed = files;
  changed["docs/registers.md"] += "more";
  const Result<BuiltModel> same = BuildModel(changed, options_);
  ASSERT_TRUE(same.ok());
  EXPECT_FALSE(same->built);
  changed["rtl/npu_top.sv"] += "syntax error";
  const Result<BuiltModel> broken = BuildModel(changed, options_);
  ASSERT_FALSE(broken.ok());
}

TEST_F(BuildTest, FailureLeavesALogAndNoEntry) {
  FileSet files = NanoFiles();
  files["rtl/npu_top.sv"] += "this is no SystemVerilog\n";
  const Result<BuiltModel> model = BuildModel(files, options_);
  ASSERT_FALSE(model.ok());
  const Diagnostic& error = model.errors().front();
  EXPECT_EQ(error.code, DiagnosticCode::kToolFailed);
  EXPECT_EQ(ExitStatus(error.code), 6);
  const size_t path = error.hint.find(cache_.string());
  ASSERT_NE(path, std::string::npos) << error.hint;
  std::ifstream log(error.hint.substr(path));
  std::stringstream text;
  text << log.rdbuf();
  EXPECT_NE(text.str().find("npu_top.sv"), std::string::npos) << text.str();
  EXPECT_EQ(Entries(cache_ / "models"), 0u);
  EXPECT_EQ(Entries(cache_ / "tmp"), 0u);
}

TEST_F(BuildTest, MissingToolsAreNamed) {
  const FileSet files = NanoFiles();
  setenv("VERILATOR", "no-such-verilator", 1);
  const Result<BuiltModel> model = BuildModel(files, options_);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.errors().front().code, DiagnosticCode::kToolMissing);
  EXPECT_NE(model.errors().front().message.find("no-such-verilator"), std::string::npos);
  unsetenv("VERILATOR");
  setenv("CXX", "no-such-compiler", 1);
  const Result<BuiltModel> second = BuildModel(files, options_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.errors().front().code, DiagnosticCode::kToolMissing);
}

/// Another Verilator, whose code is not what DirectEdges() understands: here the installed one,
/// with triggers of another name.
TEST_F(BuildTest, OtherVerilatorsRunByTheirOwnEvaluation) {
  const FileSet files = NanoFiles();
  const Result<BuiltModel> known = BuildModel(files, options_);
  ASSERT_TRUE(known.ok()) << ErrorText(known);
  EXPECT_EQ(known->plain_version, "");
  const fs::path other = cache_ / "other-verilator";
  std::ofstream(other) << "#!/bin/sh\n"
                          "[ \"$1\" = --version ] && echo 'Verilator 9.999' && exit 0\n"
                          "verilator \"$@\" || exit $?\n"
                          "if [ -d obj ]; then\n"
                          "  sed -i 's/__VactTriggered/__VactNamedOtherwise/g' obj/*.cpp obj/*.h\n"
                          "fi\n";
  fs::permissions(other, fs::perms::owner_all);
  setenv("VERILATOR", other.c_str(), 1);
  const Result<BuiltModel> model = BuildModel(files, options_);
  ASSERT_TRUE(model.ok()) << ErrorText(model);
  EXPECT_EQ(model->plain_version, "Verilator 9.999");
  const Result<BuiltModel> again = BuildModel(files, options_);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->built);
  EXPECT_EQ(again->plain_version, "Verilator 9.999") << "also where the cache has it";

  // The same job takes the same cycles and gives the same results.
  const NpuConfig config = SpecConfig("nano");
  const Result<Model> network = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(network.ok());
  const Result<CompiledModel> compiled = CompileForRun(*network, config);
  ASSERT_TRUE(compiled.ok());
  const std::vector<uint8_t> images = ReadBytes(SourcePath("models/digits/input.bin"));
  const std::vector<std::vector<uint8_t>> inputs = {{images.begin(), images.begin() + 64}};
  std::map<std::string, RunReport> reports;
  for (const std::string& library : {known->library, model->library}) {
    SimulationOptions simulation;
    simulation.memory_bytes = RunMemoryBytes(*compiled);
    Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library, simulation);
    ASSERT_TRUE(npu.ok()) << ErrorText(npu);
    const Result<RunReport> report =
        RunModel(config, *network, *compiled, **npu, inputs, {}, nullptr);
    ASSERT_TRUE(report.ok()) << ErrorText(report);
    EXPECT_EQ(report->mismatches, 0u);
    reports[library] = *report;
  }
  EXPECT_EQ(reports[known->library].cycles, reports[model->library].cycles);
  EXPECT_EQ(reports[known->library].causes, reports[model->library].causes);
}

// To load a library is to run it: only what was built, from a folder that is nobody else's.
TEST_F(BuildTest, OnlyWhatWasBuiltIsLoaded) {
  const FileSet files = NanoFiles();
  const Result<BuiltModel> model = BuildModel(files, options_);
  ASSERT_TRUE(model.ok()) << ErrorText(model);
  SimulationOptions simulation;
  simulation.memory_bytes = 4096;
  const auto code = [&](const auto& result) {
    return result.ok() ? DiagnosticCode::kInternal : result.errors().front().code;
  };
  EXPECT_TRUE(SimulatedNpu::Open(model->library, simulation).ok());
  const std::vector<uint8_t> library = ReadBytes(model->library);
  const auto write = [&](std::vector<uint8_t> bytes) {
    std::ofstream(model->library, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  };
  ASSERT_FALSE(library.empty());
  std::vector<uint8_t> changed = library;
  changed[changed.size() / 2] ^= 1;
  for (const std::vector<uint8_t>& bytes :
       {changed, std::vector<uint8_t>(),
        std::vector<uint8_t>(library.begin(), library.end() - 1)}) {
    write(bytes);
    EXPECT_EQ(code(SimulatedNpu::Open(model->library, simulation)), DiagnosticCode::kCacheDamaged);
    EXPECT_EQ(code(BuildModel(files, options_)), DiagnosticCode::kCacheDamaged);
  }
  write(library);
  EXPECT_TRUE(SimulatedNpu::Open(model->library, simulation).ok());
  fs::permissions(model->library, fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(code(SimulatedNpu::Open(model->library, simulation)), DiagnosticCode::kCacheUnsafe);
  fs::permissions(model->library, fs::perms::others_write, fs::perm_options::remove);
  const fs::path elsewhere = cache_ / "elsewhere.so";
  fs::rename(model->library, elsewhere);
  fs::create_symlink(elsewhere, model->library);
  EXPECT_EQ(code(SimulatedNpu::Open(model->library, simulation)), DiagnosticCode::kCacheUnsafe);
  fs::permissions(cache_, fs::perms::others_all, fs::perm_options::add);
  EXPECT_EQ(code(BuildModel(files, options_)), DiagnosticCode::kCacheUnsafe);
}

// Helpers that make builds faster are left out where they do not work.
TEST_F(BuildTest, BuildsWithoutHelpersThatFail) {
  const std::string before = std::getenv("PATH");
  const fs::path tools = cache_.string() + "_tools";
  fs::create_directories(tools);
  // As ccache does with a folder that it cannot write: it tells its version, and fails.
  const fs::path ccache = tools / "ccache";
  std::ofstream(ccache) << "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\n"
                           "echo 'ccache: error: Failed to create directory' >&2\nexit 1\n";
  fs::permissions(ccache, fs::perms::owner_all);
  options_.quick = true;
  options_.jobs = 2;
  setenv("PATH", (tools.string() + ":" + before).c_str(), 1);
  const Result<BuiltModel> model = BuildModel(NanoFiles(), options_);
  setenv("PATH", before.c_str(), 1);
  fs::remove_all(tools);
  EXPECT_TRUE(model.ok()) << ErrorText(model);
}

TEST_F(BuildTest, UnwritableCacheIsRefused) {
  options_.cache_folder = "/proc/npugen";
  const Result<BuiltModel> model = BuildModel(NanoFiles(), options_);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.errors().front().code, DiagnosticCode::kFileWrite);
}

/// A function of instance `index` that sets `target` from a signal around the instance.
std::string InstanceFunction(int index, const std::string& target) {
  const std::string number = std::to_string(index);
  const std::string name = "Vx_pe___nba__BRA__" + number + "__KET__";
  std::string text = "void " + name + "(Vx_pe* vlSelf) {\n    DEBUG(\"" + name +
                     "\");\n    // Init\n    int temporary" + number +
                     ";\n    // Body\n    temporary" + number + " = vlSymsp->TOP.in__BRA__" +
                     number + "__KET__.at(1U) + vlSymsp->TOP.rst_ni;\n";
  for (int i = 0; i < 50; ++i) text += "    vlSelf->" + target + " = temporary" + number + ";\n";
  return text + "}\n";
}

TEST(DropLocalResetsTest, DropsThoseOfDeclarationsOnly) {
  const std::string kept =
      "    VlWide<4>/*127:0*/ a;\n    // Body\n    VL_ZERO_W(128, vlSelf->b);\n"
      "    VlWide<2>/*63:0*/ c;\n    VL_ZERO_W(128, a);\n";
  std::string text = kept;
  EXPECT_EQ(DropLocalResets(&text), 0u);
  EXPECT_EQ(text, kept);
  text = "    VlWide<4>/*127:0*/ a;\n    VL_ZERO_W(128, a);\n    VL_ZERO_W(128, a);\n";
  EXPECT_EQ(DropLocalResets(&text), 1u);
  EXPECT_EQ(text, "    VlWide<4>/*127:0*/ a;\n    VL_ZERO_W(128, a);\n");
}

TEST(ShareFunctionsTest, MergesWhatDiffersInNamesOnly) {
  std::map<std::string, std::string> files = {
      {"a.cpp", "#include \"Vx.h\"\n\n" + InstanceFunction(0, "x") + "void other() {\n}\n"},
      {"b.cpp", "#include \"Vx.h\"\n\n" + InstanceFunction(1, "x")},
      {"c.cpp", InstanceFunction(2, "y")}};
  const std::string c = files["c.cpp"];
  EXPECT_EQ(ShareFunctions("Vx", &files), 1u);
  EXPECT_EQ(files["c.cpp"], c) << "it sets something else";
  EXPECT_EQ(files["b.cpp"], "#include \"Vx.h\"\n\n");
  const std::string& a = files["a.cpp"];
  EXPECT_EQ(a.find("vlSelf->x"), a.find("vlSelf->x = local0;")) << a;
  for (const char* text : {"void other() {", "shared_function_0(Vx_pe* vlSelf, auto& signal0) {",
                           "local0 = signal0.at(1U) + vlSymsp->TOP.rst_ni;",
                           "void Vx_pe___nba__BRA__0__KET__(Vx_pe* vlSelf) {",
                           "shared_function_0(vlSelf, vlSymsp->TOP.in__BRA__1__KET__);"}) {
    EXPECT_NE(a.find(text), std::string::npos) << text << " is missing in\n" << a;
  }
}

TEST(ShareFunctionsTest, MergesDespiteLineBreaksAndNumbersOfTemporaries) {
  const auto function = [](const std::string& index, const std::string& space) {
    std::string text = "void Vx_pe___nba__" + index + "(Vx_pe* vlSelf) {\n    // Body\n";
    for (int i = 0; i < 50; ++i) {
      text += "    vlSelf->x" + space + "= (vlSelf->__Vfunc_f__" + index + "__a & 1U);\n";
    }
    return text + "}\n";
  };
  std::map<std::string, std::string> files = {
      {"a.cpp", function("99", " ") + function("100", "\n        ")}};
  EXPECT_EQ(ShareFunctions("Vx", &files), 1u);
  for (const char* text :
       {"(Vx_pe* vlSelf, auto& signal0) {", "shared_function_0(vlSelf, vlSelf->__Vfunc_f__99__a);",
        "shared_function_0(vlSelf, vlSelf->__Vfunc_f__100__a);"}) {
    EXPECT_NE(files["a.cpp"].find(text), std::string::npos) << text << " is missing";
  }
}

/// A root class with the clock input, a gated clock of its own and one of an instance.
std::string RootCode(const std::string& condition) {
  return "void Vx___024root___eval_triggers__act(Vx___024root* vlSelf) {\n"
         "    vlSelf->__VactTriggered.at(0U) = ((IData)(vlSelf->clk_i) \n"
         "        & (~ (IData)(vlSelf->__Vtrigrprev__TOP__clk_i)));\n"
         "    vlSelf->__VactTriggered.at(1U) = ((IData)(vlSelf->x__DOT__clk) & (~ (IData)(y)));\n"
         "    vlSelf->__VactTriggered.at(2U) = ((IData)(vlSymsp->TOP__pe.__PVT__clk) & (~ y));\n"
         "}\n"
         "void Vx___024root___nba_comb__1(Vx___024root* vlSelf) {\n    // Body\n"
         "    if ((1U & (~ (IData)(vlSelf->clk_i)))) {\n        vlSelf->x__DOT__on_q = 1U;\n    }\n"
         "    vlSelf->x__DOT__clk = ((IData)(vlSelf->clk_i) \n & (IData)(vlSelf->x__DOT__on_q));\n"
         "}\n"
         "void Vx___024root___eval_nba(Vx___024root* vlSelf) {\n    // Body\n"
         "    __Vdeeptemp_a__0 = (vlSelf->__VnbaTriggered.at(1U)\n | "
         "vlSelf->__VnbaTriggered.at(2U));\n"
         "    if (" +
         condition + ") {\n        f(vlSelf);\n    }\n}\n";
}

class DirectEdgesTest : public ::testing::Test {
 protected:
  bool Rewrite(const std::string& condition) {
    files_ = {{"root.cpp", RootCode(condition)},
              {"pe.cpp",
               "void Vx_pe___nba(Vx_pe* vlSelf) {\n    vlSelf->__PVT__clk = "
               "((IData)(vlSymsp->TOP.clk_i) & (IData)(vlSelf->__PVT__u_gate__DOT__on_q));\n}\n"}};
    return DirectEdges("Vx", &files_);
  }
  bool Has(const std::string& text) { return files_["root.cpp"].find(text) != std::string::npos; }
  std::map<std::string, std::string> files_;
};

TEST_F(DirectEdgesTest, TestsEnablesAsBits) {
  ASSERT_TRUE(Rewrite("vlSelf->__VnbaTriggered.at(2U)"));
  EXPECT_TRUE(Has("(static_cast<QData>(vlSelf->x__DOT__on_q) << 1)")) << files_["root.cpp"];
  EXPECT_TRUE(Has("(static_cast<QData>(vlSymsp->TOP__pe.__PVT__u_gate__DOT__on_q) << 2)"));
  EXPECT_TRUE(Has("    if ((triggers0 & 0x4ULL)) {\n        f(vlSelf);\n    }\n}\n"));
  EXPECT_TRUE(Has("if ((1U & (~ 0U)))")) << "the input is low";
  EXPECT_EQ(files_["pe.cpp"].find("clk_i"), std::string::npos);
  ASSERT_TRUE(Rewrite("(IData)(__Vdeeptemp_a__0)"));
  EXPECT_TRUE(Has("    if ((triggers0 & 0x6ULL)) {\n")) << files_["root.cpp"];
  EXPECT_FALSE(Has("__Vdeeptemp"));
  ASSERT_TRUE(Rewrite("(vlSelf->__VnbaTriggered.at(1U) | vlSelf->__VnbaTriggered.at(0U))"));
  EXPECT_TRUE(Has("    if (true) {\n"));
}

TEST_F(DirectEdgesTest, RefusesWhatItDoesNotUnderstand) {
  EXPECT_FALSE(Rewrite("vlSelf->__VnbaTriggered.at(2U) & vlSelf->q"));
  EXPECT_FALSE(Rewrite("vlSelf->__VnbaTriggered.at(99U)"));
  EXPECT_FALSE(Rewrite("__Vdeeptemp_b__0"));
  ASSERT_TRUE(Rewrite("vlSelf->__VnbaTriggered.at(1U)"));
  EXPECT_FALSE(Rewrite("()"));
  // A function that looks at triggers on its own; one that prints them may.
  const auto with = [](const std::string& name) {
    std::map<std::string, std::string> files = {
        {"root.cpp", RootCode("vlSelf->__VnbaTriggered.at(0U)")},
        {"other.cpp", "void f() {\n}\nvoid Vx___024root" + name +
                          "(Vx___024root* vlSelf) {\n    if (vlSelf->__VnbaTriggered.at(1U)) "
                          "g();\n}\n"},
        {"pe.cpp", "vlSelf->__PVT__clk = ((IData)(vlSelf->clk_i) & (IData)(vlSelf->a));\n"}};
    return DirectEdges("Vx", &files);
  };
  EXPECT_TRUE(with("___dump_triggers__nba"));
  EXPECT_FALSE(with("___nba_comb__2"));
  // A clock that no gate makes, two gates behind one name, no trigger at all.
  std::map<std::string, std::string> files = {
      {"root.cpp", RootCode("vlSelf->__VnbaTriggered.at(1U)")}};
  EXPECT_FALSE(DirectEdges("Vx", &files));
  files["a.cpp"] = "vlSelf->__PVT__clk = ((IData)(vlSelf->clk_i) & (IData)(vlSelf->a));\n";
  files["b.cpp"] = "vlSelf->__PVT__clk = ((IData)(vlSelf->clk_i) & (IData)(vlSelf->b));\n";
  EXPECT_FALSE(DirectEdges("Vx", &files));
  files = {{"root.cpp", ""}};
  EXPECT_FALSE(DirectEdges("Vx", &files));
}

/// The program itself, with the user's cache.
class ProgramTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              ("npugen_run_" +
               std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Exit status; what it prints stands in output_.
  int Npugen(const std::string& arguments, const std::string& cache = DefaultCacheFolder()) {
    const std::string command = "cd '" + folder_.string() + "' && NPUGEN_CACHE='" + cache +
                                "' '" NPUGEN_PROGRAM "' " + arguments + " > output 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream file(folder_ / "output");
    std::stringstream text;
    text << file.rdbuf();
    output_ = text.str();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void WriteFile(const std::string& name, const std::vector<uint8_t>& bytes) {
    std::ofstream file(folder_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  const std::string nano_ = SourcePath("specs/nano.yaml");
  const std::string digits_ = SourcePath("models/digits/digits_cnn_int8.tflite");
  fs::path folder_;
  std::string output_;
};

// Whatever ends a build, the next one finds nothing half done; after signals nothing is left at
// all.
TEST_F(ProgramTest, InterruptedBuildsLeaveNoEntry) {
  const fs::path cache = folder_ / "cache";
  for (const int signal : {SIGINT, SIGTERM, SIGKILL}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      setsid();
      setenv("CCACHE_DISABLE", "1", 1);
      const std::string folder = cache.string();
      execl(NPUGEN_PROGRAM, NPUGEN_PROGRAM, "build", nano_.c_str(), "--jobs", "1", "--cache",
            folder.c_str(), nullptr);
      _exit(1);
    }
    sleep(2);
    kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
    for (int i = 0; i < 40 && !LiveProcesses(child).empty(); ++i) usleep(50'000);
    EXPECT_TRUE(LiveProcesses(child).empty()) << "tools go on after signal " << signal;
    EXPECT_EQ(Entries(cache / "models"), 0u) << signal;
    EXPECT_EQ(Entries(cache / "tmp"), signal == SIGKILL ? 1u : 0u) << signal;
  }
  // What SIGKILL left goes with the next build, once it is old.
  ASSERT_EQ(Entries(cache / "tmp"), 1u);
  fs::last_write_time(fs::directory_iterator(cache / "tmp")->path(),
                      fs::file_time_type::clock::now() - std::chrono::hours(1));
  ASSERT_EQ(Npugen("build " + nano_, cache.string()), 0) << output_;
  EXPECT_EQ(Entries(cache / "models"), 1u);
  EXPECT_EQ(Entries(cache / "tmp"), 0u);
}

TEST_F(ProgramTest, RunWritesOutputAndReport) {
  std::vector<uint8_t> input = ReadBytes(SourcePath("models/digits/input.bin"));
  input.resize(64);
  WriteFile("image", input);
  ASSERT_EQ(Npugen("run " + nano_ + " " + digits_ +
                   " --input image --output prob --json report.json --repeat 2 --latency 5"
                   " --stalls 0.1 --stall-seed 3 --power-up random:18446744073709551615"),
            0)
      << output_;
  EXPECT_NE(output_.find("bit-exact"), std::string::npos) << output_;
  std::vector<uint8_t> golden = ReadBytes(SourcePath("models/digits/golden_prob.bin"));
  golden.resize(10);
  EXPECT_EQ(ReadBytes((folder_ / "prob").string()), golden);
  const std::vector<uint8_t> report = ReadBytes((folder_ / "report.json").string());
  EXPECT_EQ(nlohmann::json::parse(report)["mismatches"], 0);
  EXPECT_FALSE(fs::exists(folder_ / "npugen-mismatch"));
}

TEST_F(ProgramTest, RunsOverADram) {
  for (const char* memory : {"hbm2", "hbm2e", "hbm3"}) {
    ASSERT_EQ(Npugen("run " + nano_ + " " + digits_ + " --latency 5 --memory-channels 2 --memory " +
                     memory + " --json report.json"),
              0)
        << output_;
    EXPECT_NE(output_.find("bit-exact"), std::string::npos) << output_;
    const nlohmann::json report =
        nlohmann::json::parse(ReadBytes((folder_ / "report.json").string()));
    const nlohmann::json& dram = report["dram"];
    EXPECT_EQ(dram["name"], memory);
    EXPECT_EQ(dram["channels"], 2);
    // What was read and written in bursts of 32 bytes, at most a burst a beat.
    EXPECT_GE(dram["bursts"].get<uint64_t>() * 32, report["bytes_read"].get<uint64_t>());
    EXPECT_GT(dram["rows_opened"], 0);
    EXPECT_LT(dram["rows_opened"].get<uint64_t>(), dram["bursts"].get<uint64_t>());
  }
  ASSERT_EQ(Npugen("run " + nano_ + " " + digits_ + " --json report.json"), 0) << output_;
  EXPECT_TRUE(
      nlohmann::json::parse(ReadBytes((folder_ / "report.json").string()))["dram"].is_null());
}

TEST_F(ProgramTest, CalibrateCountsAndRefuses) {
  const std::string network = SourcePath("models/digits/fracbnn/digits_fracbnn.json");
  WriteFile("pixels", DigitLevels(3));
  ASSERT_EQ(Npugen("calibrate " + network + " --input pixels -o net.json"), 0) << output_;
  EXPECT_NE(output_.find("3 inputs"), std::string::npos) << output_;
  const nlohmann::json net =
      nlohmann::json::parse(ReadBytes((folder_ / "net.json").string()), nullptr, false);
  int gated = 0;
  for (const nlohmann::json& layer : net["layers"]) {
    if (!layer.contains("gate")) continue;
    ++gated;
    ASSERT_TRUE(layer.contains("activity"));
    EXPECT_EQ(layer["activity"].size(), layer["gate"].size());
  }
  EXPECT_GE(gated, 1);
  fs::remove(folder_ / "net.json");
  const auto refused = [&](const std::string& arguments, int status, const std::string& text) {
    EXPECT_EQ(Npugen("calibrate " + arguments), status) << output_;
    EXPECT_NE(output_.find(text), std::string::npos) << output_;
    EXPECT_FALSE(fs::exists(folder_ / "net.json")) << "nothing is written on an error";
  };
  WriteFile("none", {});
  WriteFile("short", std::vector<uint8_t>(63));
  refused(network + " --input none -o net.json", 4, "0 bytes");
  refused(network + " --input short -o net.json", 4, "inputs of 64 bytes");
  refused(network + " --input missing -o net.json", 2, "missing");
  refused(digits_ + " --input pixels -o net.json", 4, "packed-bit network");
  refused("missing.json --input pixels -o net.json", 2, "missing.json");
  refused(network + " --input pixels -o no/folder/net.json", 2, "no/folder/net.json");
}

TEST_F(ProgramTest, WrongInputsAreRefused) {
  WriteFile("short", std::vector<uint8_t>(63));
  EXPECT_EQ(Npugen("run " + nano_ + " " + digits_ + " --input short"), 4);
  EXPECT_NE(output_.find("64 bytes"), std::string::npos) << output_;
  EXPECT_EQ(Npugen("run " + nano_ + " " + digits_ + " --input short --input short"), 2);
  EXPECT_EQ(Npugen("run " + nano_ + " " + digits_ + " --input missing"), 2);
  EXPECT_EQ(Npugen("run " + nano_ + " " + digits_ + " --output a --output b"), 2);
  EXPECT_EQ(Npugen("run " + nano_ + " missing.tflite"), 2);
  EXPECT_EQ(Npugen("run " + nano_ + " " + digits_ + " --stalls 1.5"), 2);
  for (const char* state : {"ones", "random:", "random:0", "random:-1", "random:1x", "zero:1"}) {
    EXPECT_EQ(Npugen("run " + nano_ + " " + digits_ + " --power-up " + state), 2) << state;
  }
}

TEST_F(ProgramTest, UnsupportedModelIsRefusedBeforeAnyBuild) {
  WriteFile("bad.tflite", std::vector<uint8_t>(100, 7));
  EXPECT_EQ(Npugen("run " + nano_ + " bad.tflite", (folder_ / "cache").string()), 4);
  EXPECT_FALSE(fs::exists(folder_ / "cache"));
}

TEST_F(ProgramTest, HardwareErrorsExitWithSeven) {
  EXPECT_EQ(Npugen("run " + nano_ + " " + digits_ + " --timeout 1000"), 7) << output_;
  EXPECT_NE(output_.find("H102"), std::string::npos) << output_;
}

TEST_F(ProgramTest, CompileWritesAProgram) {
  ASSERT_EQ(Npugen("compile " + nano_ + " " + digits_ + " -o digits.npu"), 0) << output_;
  const std::vector<uint8_t> file = ReadBytes((folder_ / "digits.npu").string());
  EXPECT_TRUE(ReadNetwork(file).ok());
}

TEST_F(ProgramTest, DemoWritesItsReport) {
  ASSERT_EQ(Npugen("demo --spec " + nano_ + " --images 5 --no-area --json demo.json"), 0)
      << output_;
  const nlohmann::json json = nlohmann::json::parse(ReadBytes((folder_ / "demo.json").string()));
  ASSERT_EQ(json["networks"].size(), 1u);  // nano has no binary unit
  const nlohmann::json& network = json["networks"][0];
  EXPECT_EQ(network["name"], "int8 CNN");
  EXPECT_EQ(network["images"], 5);
  EXPECT_EQ(network["bit_exact"], 5);
  EXPECT_GT(network["cycles_first"], 10000);
  EXPECT_GT(network["cycles_per_image"], 10000);
  EXPECT_GT(network["sim_hz"], 1000);
  EXPECT_TRUE(json["area_ge"].is_null());
}

/// The board boots the emitted firmware; a program of one's own may take its place.
TEST_F(ProgramTest, FirmwareDemo) {
  const std::string demo = "demo --firmware --spec " + nano_ + " ";
  const int status = Npugen(demo + "--images 2 --keep work --json firmware.json");
  ASSERT_EQ(status, 0) << output_;
  EXPECT_NE(output_.find("input 1: class "), std::string::npos) << output_;
  EXPECT_NE(output_.find("2 of 2 classes"), std::string::npos) << output_;
  const nlohmann::json json =
      nlohmann::json::parse(ReadBytes((folder_ / "firmware.json").string()));
  EXPECT_GT(json["driver_code_bytes"], 4000);
  EXPECT_GT(json["code_bytes"], json["driver_code_bytes"]);
  ASSERT_EQ(json["boots"].size(), 1u);
  EXPECT_EQ(json["boots"][0]["interrupts"], 2);
  for (const nlohmann::json& input : json["boots"][0]["inputs"]) {
    EXPECT_EQ(input["class"], input["expected"]);
    EXPECT_GT(input["cycles"], 10000);
  }
  EXPECT_GT(fs::file_size(folder_ / "work/flash_digits_cnn_int8.tflite.bin"), 10000u);

  ASSERT_EQ(Npugen(demo + "--elf work/emission/firmware/firmware.elf --images 1"), 0) << output_;
  EXPECT_EQ(Npugen(demo + "--elf firmware.json"), 4);
  EXPECT_NE(output_.find("M110"), std::string::npos) << output_;
  EXPECT_EQ(Npugen("demo --elf firmware.json"), 2);
}

TEST_F(ProgramTest, WavesAreWrittenInTheirWindow) {
  const std::string run = "run " + nano_ + " " + digits_ + " ";
  ASSERT_EQ(Npugen(run + "--waves long.fst --waves-cycles 20000"), 0) << output_;
  EXPECT_NE(output_.find("waves: cycles 0 to 19999 of"), std::string::npos) << output_;
  ASSERT_EQ(Npugen(run + "--waves short.fst --waves-from 5000 --waves-cycles 100"), 0) << output_;
  EXPECT_NE(output_.find("waves: cycles 5000 to 5099 of"), std::string::npos) << output_;
  EXPECT_GT(fs::file_size(folder_ / "long.fst"), 10000u);
  EXPECT_LT(fs::file_size(folder_ / "short.fst"), fs::file_size(folder_ / "long.fst"));
  ASSERT_EQ(Npugen(run + "--waves late.fst --waves-from 1000000000"), 0) << output_;
  EXPECT_NE(output_.find("waves: nothing in late.fst"), std::string::npos) << output_;
  for (const char* option : {"--waves-from", "--waves-cycles"}) {
    EXPECT_EQ(Npugen(run + option + " 10"), 2);
    EXPECT_NE(output_.find("requires --waves"), std::string::npos) << output_;
  }
}

TEST_F(ProgramTest, ReportsAreWritten) {
  const std::string run = "run " + nano_ + " " + digits_ + " ";
  ASSERT_EQ(Npugen(run + "--json run.json --csv run.csv --report run.html --pictures pictures"), 0)
      << output_;
  const nlohmann::json json = nlohmann::json::parse(ReadBytes((folder_ / "run.json").string()));
  EXPECT_EQ(json["npugen"], std::string(kToolVersion));
  const std::vector<uint8_t> csv = ReadBytes((folder_ / "run.csv").string());
  EXPECT_EQ(static_cast<size_t>(std::count(csv.begin(), csv.end(), '\n')),
            json["layers"].size() + 1);
  for (const char* picture : {"cycles", "roofline", "pe_memory", "core_memory", "timeline"}) {
    for (const char* ending : {"svg", "csv"}) {
      EXPECT_TRUE(fs::exists(folder_ / "pictures" / (std::string(picture) + '.' + ending)))
          << picture << '.' << ending;
    }
  }
  // The same page from the files.
  ASSERT_EQ(Npugen(run + "--trace trace.json"), 0) << output_;
  ASSERT_EQ(Npugen("report run.json trace.json -o again.html"), 0) << output_;
  const std::vector<uint8_t> page = ReadBytes((folder_ / "again.html").string());
  const std::string text(page.begin(), page.end());
  for (const nlohmann::json& layer : json["layers"]) {
    EXPECT_NE(
        text.find(fmt::format("{} {}", layer["index"].get<int>(), layer["op"].get<std::string>())),
        std::string::npos);
  }
  EXPECT_NE(text.find("<figure id=\"timeline\">"), std::string::npos);
  EXPECT_EQ(Npugen("report run.csv -o page.html"), 4) << output_;
  EXPECT_EQ(Npugen("report run.json"), 2) << "nothing is to be written";
  ASSERT_EQ(Npugen("estimate " + nano_ + " " + digits_ + " --report est.html --csv est.csv"), 0)
      << output_;
  EXPECT_GT(fs::file_size(folder_ / "est.html"), 10000u);
  ASSERT_EQ(Npugen("run " + nano_ + " " + digits_ + " " + digits_ +
                   " --jobs-order 1,1 --report jobs.html --csv jobs.csv"),
            0)
      << output_;
  EXPECT_GT(fs::file_size(folder_ / "jobs.csv"), 50u);
}

TEST_F(ProgramTest, TraceIsWritten) {
  const std::string run = "run " + nano_ + " " + digits_ + " ";
  ASSERT_EQ(Npugen(run + "--trace trace.json"), 0) << output_;
  const nlohmann::json trace = nlohmann::json::parse(ReadBytes((folder_ / "trace.json").string()));
  EXPECT_GT(trace["traceEvents"].size(), 100u);
  EXPECT_EQ(trace["otherData"]["npu"], "nano");
  EXPECT_EQ(trace["otherData"]["cut"], false);
  EXPECT_NE(output_.find("trace.json"), std::string::npos) << output_;
  ASSERT_EQ(Npugen(run + "--trace cut.json --trace-events 50"), 0) << output_;
  const nlohmann::json cut = nlohmann::json::parse(ReadBytes((folder_ / "cut.json").string()));
  EXPECT_EQ(cut["otherData"]["cut"], true);
  EXPECT_EQ(Npugen(run + "--trace missing/trace.json"), 2);
  EXPECT_NE(output_.find("U003"), std::string::npos) << output_;
  EXPECT_EQ(Npugen(run + "--trace-events 50"), 2);
  EXPECT_NE(output_.find("requires --trace"), std::string::npos) << output_;
}

}  // namespace
}  // namespace npugen::testing
