// SPDX-License-Identifier: Apache-2.0
// Finds the headers of modules, renames what is in their bodies, prints stand-ins and the top.
#include "verif/netlist/module_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <regex>
#include <sstream>

namespace npugen {
namespace {

constexpr const char* kGateModule = "npu_clock_gate";

/// The header of a module: between `module NAME` and the end of its ports.
struct Header {
  std::string parameters;  ///< with its parentheses, without `#`; may be empty
  struct Port {
    bool input;
    std::string type;  ///< such as `logic [7:0]`
    std::string name;
  };
  std::string ports;  ///< with its parentheses
  std::vector<Port> list;
  std::vector<std::string> parameter_names;  ///< those that an instance may choose
};

std::string WithoutComments(const std::string& text) {
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text.compare(at, 2, "//") == 0) at = std::min(text.find('\n', at), text.size() - 1);
    result += text[at];
  }
  return result;
}

/// Position behind the parenthesis that closes the one at `open`; npos: none does.
size_t Behind(const std::string& text, size_t open) {
  int depth = 0;
  for (size_t at = open; at < text.size(); ++at) {
    if (text[at] == '(') ++depth;
    if (text[at] == ')' && --depth == 0) return at + 1;
  }
  return std::string::npos;
}

/// The items of a list in parentheses.
std::vector<std::string> Items(const std::string& list) {
  std::vector<std::string> items(1);
  int depth = 0;
  for (size_t at = 1; at + 1 < list.size(); ++at) {
    const char sign = list[at];
    if (sign == '(' || sign == '[' || sign == '{') ++depth;
    if (sign == ')' || sign == ']' || sign == '}') --depth;
    if (sign == ',' && depth == 0) {
      items.emplace_back();
    } else {
      items.back() += sign;
    }
  }
  return items;
}

std::optional<Header> ReadHeader(const std::string& module, const std::string& source) {
  const std::string text = WithoutComments(source);
  static const std::regex kModule(R"(\bmodule\s+(\w+)\s*)");
  std::smatch match;
  if (!std::regex_search(text, match, kModule) || match[1] != module) return std::nullopt;
  size_t at = static_cast<size_t>(match.position() + match.length());
  const auto skip = [&] {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
  };
  Header header;
  if (at < text.size() && text[at] == '#') {
    ++at;
    skip();
    const size_t end = Behind(text, at);
    if (end == std::string::npos) return std::nullopt;
    header.parameters = text.substr(at, end - at);
    at = end;
    skip();
  }
  const size_t end = Behind(text, at);
  if (end == std::string::npos) return std::nullopt;
  header.ports = text.substr(at, end - at);

  static const std::regex kParameter(R"(^\s*parameter\b[^=]*?(\w+)\s*=)");
  for (const std::string& item : Items(header.parameters)) {
    if (std::regex_search(item, match, kParameter)) header.parameter_names.push_back(match[1]);
  }
  static const std::regex kPort(R"(^\s*(input|output)\s+([^]*?)(\w+)\s*$)");
  static const std::regex kNet(R"(\b(wire|logic)\b)");
  for (const std::string& item : Items(header.ports)) {
    if (!std::regex_search(item, match, kPort)) return std::nullopt;
    const std::string type = std::regex_replace(match[2].str(), kNet, "");
    const bool plain = type.find_first_not_of(" \n\t") == std::string::npos ||
                       type.find_first_not_of(" \n\t") == type.find('[') ||
                       type.find("signed") != std::string::npos;
    header.list.push_back({match[1] == "input", (plain ? "logic " : "") + type, match[3]});
  }
  return header;
}

/// `text` with every identifier of `names` under the name that follows.
std::string Renamed(const std::string& text, const std::map<std::string, std::string>& names) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const auto word = [&](size_t i) {
      return i < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '_');
    };
    size_t end = at;
    while (word(end)) ++end;
    if (end == at) {
      result += text[at++];
      continue;
    }
    const std::string name = text.substr(at, end - at);
    const auto found = names.find(name);
    result += found == names.end() ? name : found->second;
    at = end;
  }
  return result;
}

std::string StandIn(const std::string& module, const Header& header) {
  std::string text =
      fmt::format("module stand_in_{}{}{} {};\n", module, header.parameters.empty() ? "" : " #",
                  header.parameters, header.ports);
  for (const Header::Port& port : header.list) {
    const std::string name = CutPort(port.name);
    text += fmt::format("  {} {} /*verilator public_flat_rw*/;\n", port.type, name);
    text += port.input ? fmt::format("  assign {} = {};\n", name, port.name)
                       : fmt::format("  assign {} = {};\n", port.name, name);
  }
  for (const std::string& parameter : header.parameter_names) {
    const std::string name = CutParameter(parameter);
    text += fmt::format("  logic [{}:0] {} /*verilator public_flat_rw*/;\n  assign {} = {}'({});\n",
                        kParameterBits - 1, name, name, kParameterBits, parameter);
  }
  return text + "endmodule\n";
}

Diagnostic HeaderNotUnderstood(const std::string& module) {
  return {DiagnosticCode::kToolFailed, SourceLocation(),
          fmt::format("the header of {} is not understood", module),
          "ports are declared one by one in the header"};
}

}  // namespace

std::string ViewInstance(size_t number) { return fmt::format("m{}", number); }
std::string ViewPort(size_t number, const std::string& port) {
  return fmt::format("p{}_{}", number, port);
}
std::string CutPort(const std::string& port) { return "cut_" + port; }
std::string CutParameter(const std::string& parameter) { return "parameter_" + parameter; }

Result<std::vector<SourceFile>> MakeModuleViews(const FileSet& emission,
                                                const std::vector<ModuleNetlist>& modules) {
  std::vector<SourceFile> sources;
  const auto list = emission.find("filelist.f");
  std::istringstream lines(list == emission.end() ? "" : list->second);
  for (std::string line; std::getline(lines, line);) {
    const auto file = emission.find(line);
    if (line.ends_with(".sv") && file != emission.end()) sources.push_back({line, file->second});
  }
  for (const auto& [path, text] : emission) {
    if (path.ends_with(".svh")) sources.push_back({path, text});
  }
  const auto text_of = [&](const std::string& module) -> std::string {
    const auto file = emission.find(fmt::format("rtl/{}.sv", module));
    return file == emission.end() ? "" : file->second;
  };

  // Modules that occur as instances in the netlist; others were dissolved in it.
  std::set<std::string> cut;
  for (const ModuleNetlist& module : modules) {
    if (module.rtl != kGateModule) cut.insert(module.rtl);
    for (const CutInstance& instance : module.instances) cut.insert(instance.rtl);
  }
  std::map<std::string, Header> headers;
  for (const std::string& module : cut) {
    const std::optional<Header> header = ReadHeader(module, text_of(module));
    if (!header) return HeaderNotUnderstood(module);
    sources.push_back({fmt::format("rtl/stand_in_{}.sv", module), StandIn(module, *header)});
    headers[module] = *header;
  }
  std::set<std::string> printed;
  for (const ModuleNetlist& module : modules) {
    if (module.rtl == kGateModule) continue;
    if (!printed.insert(module.rtl).second) continue;
    std::map<std::string, std::string> names;
    for (const std::string& other : cut) names[other] = "stand_in_" + other;
    names[module.rtl] = "cut_" + module.rtl;
    sources.push_back(
        {fmt::format("rtl/cut_{}.sv", module.rtl), Renamed(text_of(module.rtl), names)});
  }

  std::string top = fmt::format("module {};\n", kViewsTop);
  for (size_t k = 0; k < modules.size(); ++k) {
    const ModuleNetlist& module = modules[k];
    std::string parameters, ports;
    for (const auto& [name, bits] : module.parameters) {
      parameters +=
          fmt::format("{}.{}({}'b{})", parameters.empty() ? " #(" : ", ", name, bits.size(), bits);
    }
    if (!parameters.empty()) parameters += ")";
    for (const NetlistPort& port : module.ports) {
      top += fmt::format("  logic [{}:0] {} /*verilator public_flat_rw*/;\n", port.nets.size() - 1,
                         ViewPort(k, port.name));
      ports +=
          fmt::format("{}.{}({})", ports.empty() ? "" : ", ", port.name, ViewPort(k, port.name));
    }
    const bool real = module.rtl == kGateModule;
    top += fmt::format("  {}{}{} {} ({});\n", real ? "" : "cut_", module.rtl, parameters,
                       ViewInstance(k), ports);
  }
  sources.push_back({fmt::format("rtl/{}.sv", kViewsTop), top + "endmodule\n"});
  return sources;
}

}  // namespace npugen
