// SPDX-License-Identifier: Apache-2.0
// What an emission carries for integrators, held against RTL, register table and other tools.
#include "generator/emit/integration.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

#include "generator/arch/register_map.h"
#include "generator/config/load.h"
#include "generator/emit/emit.h"
#include "generator/emit/memories.h"
#include "generator/emit/register_formats.h"
#include "generator/emit/top_ports.h"
#include "generator/support/text.h"
#include "tests/generator/support.h"

namespace npugen {
namespace {

using testing::kSourceDir;
using testing::ProgramResult;
using testing::RunShell;

std::vector<NpuConfig> Presets() {
  std::vector<NpuConfig> presets;
  for (const auto& entry : std::filesystem::directory_iterator(kSourceDir / "specs")) {
    presets.push_back(*LoadSpec(entry.path().string()));
  }
  return presets;
}

NpuConfig PresetOf(std::string_view name) {
  return *LoadSpec(kSourceDir / fmt::format("specs/{}.yaml", name));
}

FileSet EmissionOf(const NpuConfig& config) { return *Emit(*MakePlan(config)); }

/// An emission in a folder that goes away.
class Emission {
 public:
  explicit Emission(const NpuConfig& config) : files_(EmissionOf(config)) {
    EXPECT_TRUE(WriteFolder(files_, path().string(), false).ok());
  }
  std::filesystem::path path() const { return folder_.path() / "out"; }
  const FileSet& files() const { return files_; }

 private:
  testing::TemporaryFolder folder_;
  FileSet files_;
};

TEST(TopPorts, AreThoseOfTheRtl) {
  std::vector<NpuConfig> configs = Presets();
  configs.push_back(PresetOf("nano"));
  configs.back().debug_trace = 0;
  for (const NpuConfig& config : configs) {
    const std::string rtl = EmissionOf(config).at("rtl/npu_top.sv");
    const std::string ports = rtl.substr(0, rtl.find("\n);\n"));
    const std::regex port(R"(\n  (input|output)\s+\w+\s+(?:\[([^\]]+)\]\s*)?(\w+),?)");
    const std::vector<TopPort> table = TopPorts(config);
    size_t count = 0;
    for (std::sregex_iterator it(ports.begin(), ports.end(), port), end; it != end; ++it) {
      ASSERT_LT(count, table.size());
      const TopPort& row = table[count++];
      EXPECT_EQ((*it)[3].str(), row.name);
      EXPECT_EQ((*it)[1] == "input", row.is_input) << row.name;
      EXPECT_EQ((*it)[2].str(), row.range) << row.name;
    }
    EXPECT_EQ(count, table.size());
  }
}

/// Without trace ports nothing is left of them but what the engines tell each other anyway.
TEST(TracePorts, OffLeavesNoTrace) {
  NpuConfig config = PresetOf("nano");
  config.debug_trace = 0;
  const Emission emission(config);
  EXPECT_FALSE(emission.files().contains("rtl/npu_trace.sv"));
  for (const auto& [path, text] : emission.files()) {
    if (path == "docs/machine.md" || path == "docs/configuration.md") continue;
    EXPECT_EQ(text.find("npu_trace"), std::string::npos) << path;
    for (const char* port : {"trace_active_o", "trace_busy_o", "trace_arrival_o", "trace_*"}) {
      EXPECT_EQ(text.find(port), std::string::npos) << path << ": " << port;
    }
  }
  const testing::ProgramResult lint = testing::RunShell(
      fmt::format("cd {} && verilator --lint-only -Wall --top-module npu_top -f filelist.f && "
                  "verilator --lint-only -Wall -DSYNTHESIS --top-module npu_top -f filelist.f",
                  emission.path().string()));
  EXPECT_EQ(lint.status, 0) << lint.err;
  NpuConfig with = config;
  with.debug_trace = 1;
  EXPECT_TRUE(EmissionOf(with).contains("rtl/npu_trace.sv"));
  EXPECT_EQ(ConfigHash(with), ConfigHash(config)) << "the same machine for programs";
}

/// A register as a reader of SystemRDL understands it.
struct RdlRegister {
  uint32_t offset = 0, count = 1, stride = 0;
  std::map<std::string, std::string> fields;  ///< name -> "msb:lsb access reset"
};

/// Reads what EmitSystemRdl writes by the grammar of SystemRDL 2.0, as far as it is used: one
/// address map of anonymous registers with anonymous fields.
class RdlReader {
 public:
  explicit RdlReader(const std::string& text) {
    const std::regex token(R"(//[^\n]*|"[^"]*"|\+=|0x[0-9a-fA-F]+|\d+'h[0-9a-fA-F]+|\w+|[^\s\w])");
    for (std::sregex_iterator it(text.begin(), text.end(), token), end; it != end; ++it) {
      if (!it->str().starts_with("//")) tokens_.push_back(it->str());
    }
  }

  std::map<std::string, RdlRegister> Run() {
    Want("addrmap");
    Next();
    Want("{");
    std::map<std::string, RdlRegister> registers;
    while (!Is("}")) {
      if (Is("reg")) {
        ReadRegister(&registers);
      } else {
        while (Next() != ";") {
        }
      }
    }
    Want("}");
    Want(";");
    EXPECT_EQ(at_, tokens_.size());
    return registers;
  }

 private:
  std::string Next() {
    if (at_ >= tokens_.size()) throw std::runtime_error("the file ends too early");
    return tokens_[at_++];
  }
  bool Is(std::string_view text) const { return at_ < tokens_.size() && tokens_[at_] == text; }
  void Want(std::string_view text) {
    const std::string token = Next();
    if (token != text) throw std::runtime_error(fmt::format("`{}` in place of `{}`", token, text));
  }
  uint32_t Number() { return static_cast<uint32_t>(std::stoul(Next(), nullptr, 0)); }

  void ReadRegister(std::map<std::string, RdlRegister>* registers) {
    RdlRegister reg;
    Want("reg");
    Want("{");
    while (!Is("}")) {
      if (Is("field")) {
        ReadField(&reg);
      } else {
        while (Next() != ";") {
        }
      }
    }
    Want("}");
    const std::string name = Next();
    if (Is("[")) {
      Next();
      reg.count = Number();
      Want("]");
    }
    Want("@");
    reg.offset = Number();
    if (Is("+=")) {
      Next();
      reg.stride = Number();
    }
    Want(";");
    EXPECT_TRUE(registers->emplace(name, reg).second) << name;
  }

  void ReadField(RdlRegister* reg) {
    std::map<std::string, std::string> properties;
    Want("field");
    Want("{");
    while (!Is("}")) {
      const std::string property = Next();
      std::string value = "true";
      if (Is("=")) {
        Next();
        value = Next();
      }
      properties[property] = value;
      Want(";");
    }
    Want("}");
    const std::string name = Next();
    Want("[");
    const std::string msb = Next();
    Want(":");
    const std::string lsb = Next();
    Want("]");
    std::string reset = "none";
    if (Is("=")) {
      Next();
      const std::string value = Next();
      reset = fmt::format("{}", std::stoul(value.substr(value.find("'h") + 2), nullptr, 16));
    }
    Want(";");
    const std::string access = properties["sw"] + "/" + properties["onwrite"];
    EXPECT_TRUE(
        reg->fields.emplace(name, fmt::format("{}:{} {} {}", msb, lsb, access, reset)).second)
        << name;
  }

  std::vector<std::string> tokens_;
  size_t at_ = 0;
};

TEST(SystemRdl, SaysWhatTheTableSays) {
  for (const NpuConfig& config : Presets()) {
    std::map<std::string, RdlRegister> read;
    ASSERT_NO_THROW(read = RdlReader(EmitSystemRdl(*MakePlan(config))).Run()) << config.name;
    const HardwareFeatures features = config.features();
    size_t registers = 0;
    for (const RegisterInfo& reg : AllRegisters()) {
      if (!features.Has(reg.feature)) continue;
      ++registers;
      ASSERT_TRUE(read.contains(std::string(reg.name))) << reg.name;
      const RdlRegister& found = read[std::string(reg.name)];
      EXPECT_EQ(found.offset, reg.offset);
      EXPECT_EQ(found.count, reg.count);
      EXPECT_EQ(found.stride, reg.stride);
      const bool stores =
          reg.access == RegisterAccess::kReadWrite || reg.access == RegisterAccess::kWriteOneClear;
      const char* access = reg.access == RegisterAccess::kReadOnly    ? "r/"
                           : reg.access == RegisterAccess::kWriteOnly ? "w/"
                           : reg.access == RegisterAccess::kReadWrite ? "rw/"
                                                                      : "rw/woclr";
      size_t fields = 0;
      const auto expect = [&](std::string_view name, uint32_t lsb, uint32_t width, uint32_t reset) {
        ++fields;
        const auto field = found.fields.find(std::string(name));
        ASSERT_TRUE(field != found.fields.end()) << reg.name << "." << name;
        EXPECT_EQ(field->second, fmt::format("{}:{} {} {}", lsb + width - 1, lsb, access,
                                             stores ? fmt::format("{}", reset) : "none"))
            << reg.name << "." << name;
      };
      if (reg.fields.empty()) expect("value", 0, 32, reg.reset_value);
      for (const RegisterField& field : reg.fields) {
        if (!features.Has(field.feature)) continue;
        expect(field.name, field.lsb, field.width,
               reg.reset_value >> field.lsb & ((uint64_t{1} << field.width) - 1));
      }
      EXPECT_EQ(found.fields.size(), fields) << reg.name;
    }
    EXPECT_EQ(read.size(), registers);
  }
}

TEST(RegisterFormats, TextsHoldNoQuotes) {
  for (const RegisterInfo& reg : AllRegisters()) {
    EXPECT_EQ(reg.description.find_first_of("\"\\"), std::string_view::npos) << reg.name;
    for (const RegisterField& field : reg.fields) {
      EXPECT_EQ(field.description.find_first_of("\"\\"), std::string_view::npos) << field.name;
    }
  }
}

TEST(RegisterFormats, XmlTextIsEscaped) {
  EXPECT_EQ(EscapeXml("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
}

TEST(RegisterFormats, XmlFollowsTheSchemas) {
  for (const NpuConfig& config : Presets()) {
    const Emission emission(config);
    for (const auto& [schema, file] : std::map<std::string, std::string>{
             {"ipxact_component.xsd", "ip/npu.xml"}, {"cmsis_svd.xsd", "ip/npu.svd"}}) {
      const ProgramResult result = RunShell(fmt::format(
          "xmllint --noout --schema {} {}", (kSourceDir / "tests/data/schemas" / schema).string(),
          (emission.path() / file).string()));
      EXPECT_EQ(result.status, 0) << result.err;
    }
  }
}

// The files that descriptions name exist, and are all of the file list.
TEST(Descriptions, NameTheSources) {
  const Emission emission(PresetOf("edge_bnn"));
  std::set<std::string> listed;
  std::istringstream lines(emission.files().at("filelist.f"));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(".sv")) listed.insert(line);
  }
  const YAML::Node core = YAML::Load(emission.files().at("ip/edge_bnn.core"));
  std::set<std::string> in_core;
  for (const YAML::Node& file : core["filesets"]["rtl"]["files"]) {
    const std::string path =
        file.IsMap() ? file.begin()->first.as<std::string>() : file.as<std::string>();
    EXPECT_TRUE(std::filesystem::exists(emission.path() / "ip" / path)) << path;
    if (path.ends_with(".sv")) in_core.insert(path.substr(3));
  }
  EXPECT_EQ(in_core, listed);
  EXPECT_EQ(core["targets"]["default"]["toplevel"].as<std::string>(), "npu_top");
  const std::string xml = emission.files().at("ip/npu.xml");
  for (const std::string& path : listed) {
    EXPECT_NE(xml.find(fmt::format("<ipxact:name>../{}</ipxact:name>", path)), std::string::npos);
  }
}

TEST(Descriptions, DeviceTreeCompiles) {
  for (const NpuConfig& config : Presets()) {
    const Emission emission(config);
    const ProgramResult result = RunShell(fmt::format("dtc -I dts -O dtb -o /dev/null {}",
                                                      (emission.path() / "ip/npu.dts").string()));
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.err, "");
    const YAML::Node binding = YAML::Load(emission.files().at("ip/npugen,npu.yaml"));
    EXPECT_EQ(binding["properties"]["compatible"]["items"][0]["const"].as<std::string>(),
              "npugen," + config.name);
  }
}

TEST(Guide, TemplateLints) {
  const Emission emission(PresetOf("nano"));
  const std::string guide = emission.files().at("README.md");
  const std::string mark = "```systemverilog\n";
  const size_t begin = guide.find(mark) + mark.size();
  const std::string code = guide.substr(begin, guide.find("```", begin) - begin);
  testing::WriteFile(emission.path() / "soc.sv",
                     "module soc (input wire clk, input wire rst_n);\n" + code + "endmodule\n");
  const ProgramResult result = RunShell(fmt::format(
      "cd {} && verilator --lint-only -Wall -Wno-UNDRIVEN -Wno-UNUSED -Wno-PINCONNECTEMPTY "
      "-Wno-DECLFILENAME --top-module soc -f filelist.f soc.sv",
      emission.path().string()));
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST(Companions, CompileFromTheEmission) {
  const Emission emission(PresetOf("nano"));
  for (const char* command :
       {"make -C firmware",
        "gcc -std=c11 -ffreestanding -Wall -Wextra -Wpedantic -Werror -Idriver "
        "-Iinclude -c driver/npu_driver.c -o driver.o",
        "gcc -std=gnu11 -Wall -Wextra -Werror -Idriver -Iinclude linux/npu_uio.c driver/*.c -o "
        "uio"}) {
    const ProgramResult result =
        RunShell(fmt::format("cd {} && {}", emission.path().string(), command));
    EXPECT_EQ(result.status, 0) << command << "\n" << result.err;
  }
}

TEST(Companions, NameNoFoldersOfTheSourceTree) {
  for (const auto& [path, text] : EmitCompanions()) {
    EXPECT_EQ(text.find("#include \"sw/"), std::string::npos) << path;
  }
}

/// Memory cells of the elaborated RTL: "cell words bits" -> instances.
std::map<std::string, uint64_t> MemoriesInRtl(const Emission& emission) {
  std::string sources;
  std::istringstream lines(emission.files().at("filelist.f"));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with(".sv")) sources += line + ' ';
  }
  const ProgramResult result = RunShell(
      fmt::format("cd {} && yosys -q -p 'read_verilog -sv -DSYNTHESIS {}; hierarchy -top npu_top; "
                  "blackbox *npu_ram_1rw* *npu_ram_1r1w*; tee -q -o sizes.txt dump -m "
                  "=*npu_ram_1rw* =*npu_ram_1r1w*; flatten; tee -q -o counts.txt stat'",
                  emission.path().string(), sources));
  EXPECT_EQ(result.status, 0) << result.err;
  const std::string sizes = testing::ReadFile(emission.path() / "sizes.txt");
  const std::string counts = testing::ReadFile(emission.path() / "counts.txt");
  std::map<std::string, std::map<std::string, uint64_t>> parameters;  // by Yosys' module
  std::string module;
  const std::regex size(R"((?:^|\n)\s*(?:module (\S+)|parameter \\(\w+) (\d+)))");
  for (std::sregex_iterator it(sizes.begin(), sizes.end(), size), end; it != end; ++it) {
    if ((*it)[1].matched) {
      module = (*it)[1];
    } else {
      parameters[module][(*it)[2]] = std::stoull((*it)[3]);
    }
  }
  std::map<std::string, uint64_t> found;
  const std::regex count(R"((\S+\\(npu_ram_1rw|npu_ram_1r1w)) +(\d+)\n)");
  for (std::sregex_iterator it(counts.begin(), counts.end(), count), end; it != end; ++it) {
    std::map<std::string, uint64_t>& values = parameters[(*it)[1]];
    found[fmt::format("{} {} {}", (*it)[2].str(), values["Depth"],
                      values.contains("Bytes") ? 8 * values["Bytes"] : values["Width"])] +=
        std::stoull((*it)[3]);
  }
  return found;
}

TEST(Memories, AreThoseOfTheRtl) {
  NpuConfig skipping = PresetOf("nano");
  skipping.bnn_enabled = 1;
  skipping.bnn_skip_window = 4;
  NpuConfig grid = PresetOf("nano");
  grid.grid_x = 2;
  grid.cores = 2;
  grid.axi_data_bits = 256;
  grid.pe_bank_bytes = 32;
  grid.pe_memory_bytes = 65536;
  for (const NpuConfig& config : {PresetOf("nano"), skipping, grid}) {
    std::map<std::string, uint64_t> expected;
    for (const MemoryNeed& need : MemoryNeeds(config)) {
      expected[fmt::format("{} {} {}", need.cell, need.words, need.bits)] += need.instances;
    }
    EXPECT_EQ(MemoriesInRtl(Emission(config)), expected);
  }
}

}  // namespace
}  // namespace npugen
