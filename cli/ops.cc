// SPDX-License-Identifier: Apache-2.0
// npugen ops: what becomes of every operator of a model, and how much of its work the NPU does.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "generator/arch/command_set.h"
#include "generator/config/load.h"
#include "generator/support/file.h"
#include "sw/compiler/compiler.h"
#include "sw/compiler/lower/lower.h"
#include "sw/model/describe.h"
#include "sw/model/error_kinds.h"
#include "sw/model/file_bytes.h"
#include "sw/model/operators/rules.h"
#include "sw/model/read_model.h"
#include "sw/model/tflite_reader.h"

namespace npugen {
namespace {

struct OpsOptions {
  std::string model, spec;
  std::string json, csv;
};

/// What becomes of an operator.
enum class Place : uint8_t { kNpu, kDriver, kHost, kFolded, kRefused };

constexpr const char* kPlaceNames[] = {"NPU", "driver", "host", "folded", "refused"};

const char* NameOf(Place place) { return kPlaceNames[static_cast<size_t>(place)]; }

struct OperatorLine {
  int32_t index = 0;
  std::string name;
  std::vector<int32_t> shape;
  uint64_t macs = 0;
  Place place = Place::kNpu;
  std::string commands;  ///< that it becomes, such as "MATMUL" or "LOAD, MATMUL"
  Diagnostics refusals;
};

struct Survey {
  std::vector<OperatorLine> lines;
  Diagnostics others;  ///< about the model as a whole
  Model model;         ///< operators that are not refused
};

Result<Survey> ReadSurvey(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes) return bytes.errors();
  Survey survey;
  const std::string_view text = BytesView(*bytes);
  if (text.size() < 8 || text.substr(4, 4) != "TFL3") {
    Result<Model> model = ReadModelBytes(*bytes, path);
    if (!model) return model.errors();
    survey.model = std::move(*model);
    for (const Operator& op : survey.model.operators) {
      OperatorLine line;
      line.index = op.index;
      line.name = op.name;
      line.shape = survey.model.tensors[op.outputs[0]].shape;
      survey.lines.push_back(std::move(line));
    }
    return survey;
  }
  Result<TfliteSurvey> file =
      SurveyTflite(*bytes, std::filesystem::path(InputName(path)).filename().string());
  if (!file) return file.errors();
  for (SurveyedOperator& op : file->operators) {
    OperatorLine line;
    line.index = op.index;
    line.name = PrintableName(op.name);
    line.shape = std::move(op.shape);
    line.macs = op.macs;
    line.place = !op.refusals.empty() ? Place::kRefused : op.folded ? Place::kFolded : Place::kNpu;
    line.refusals = std::move(op.refusals);
    survey.lines.push_back(std::move(line));
  }
  survey.others = std::move(file->others);
  survey.model = std::move(file->model);
  return survey;
}

OperatorLine* Find(Survey* survey, int32_t index) {
  const auto found = std::find_if(survey->lines.begin(), survey->lines.end(),
                                  [&](const OperatorLine& line) { return line.index == index; });
  return found == survey->lines.end() ? nullptr : &*found;
}

/// Operators that are already known to run elsewhere than on the NPU.
void MarkHost(Survey* survey) {
  for (const Operator& op : survey->model.operators) {
    OperatorLine* line = Find(survey, op.index);
    if (line == nullptr || !RunsOnHost(survey->model, op)) continue;
    line->place = IsFloatEnd(survey->model, op) ? Place::kDriver : Place::kHost;
  }
}

/// Gives each error to its operator.
void AddRefusals(const Diagnostics& errors, Survey* survey) {
  for (const Diagnostic& error : errors) {
    OperatorLine* line = Find(survey, OperatorOfMessage(error));
    if (line == nullptr) {
      survey->others.push_back(error);
      continue;
    }
    line->place = Place::kRefused;
    line->refusals.push_back(error);
  }
}

/// Commands of each layer, and what this NPU cannot do.
void LowerFor(const NpuConfig& config, Survey* survey) {
  const bool whole = survey->others.empty() &&
                     std::none_of(survey->lines.begin(), survey->lines.end(),
                                  [](const auto& line) { return line.place == Place::kRefused; });
  Model model = survey->model;
  // What the host computes is an input of the rest, and what it reads an output.
  for (const Operator& op : model.operators) {
    if (!RunsOnHost(model, op)) continue;
    model.inputs.insert(model.inputs.end(), op.outputs.begin(), op.outputs.end());
    model.outputs.push_back(op.inputs[0]);
  }
  std::erase_if(model.operators, [&](const Operator& op) { return RunsOnHost(model, op); });
  std::set<int32_t> read, made;
  for (const Operator& op : model.operators) {
    read.insert(op.inputs.begin(), op.inputs.end());
    made.insert(op.outputs.begin(), op.outputs.end());
  }
  std::erase_if(model.inputs, [&](int32_t tensor) { return !read.contains(tensor); });
  std::erase_if(model.outputs, [&](int32_t tensor) { return !made.contains(tensor); });
  const auto lower = [&] { return compiler::Lower(model, config); };
  Result<compiler::LoweredModel> lowered = lower();
  if (!lowered) {
    AddRefusals(lowered.errors(), survey);
    std::erase_if(model.operators, [&](const Operator& op) {
      const OperatorLine* line = Find(survey, op.index);
      return line != nullptr && line->place == Place::kRefused;
    });
    lowered = lower();
  } else if (whole) {
    // What memories can hold shows when all is planned.
    const Status fits = CheckFits(model, config);
    if (!fits) AddRefusals(fits.errors(), survey);
  }
  if (!lowered) return;
  std::map<int32_t, std::vector<std::string>> commands;
  for (const compiler::Layer& layer : lowered->layers) {
    std::vector<std::string>& names = commands[model.operators[layer.op].index];
    std::string name(InfoOf(layer.opcode).name);
    if (layer.copies()) name = "copies";
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  for (OperatorLine& line : survey->lines) {
    if (line.place != Place::kNpu) continue;
    const auto found = commands.find(line.index);
    line.commands = found == commands.end() ? "nothing to do"
                                            : fmt::format("{}", fmt::join(found->second, ", "));
  }
}

uint64_t MacsAt(const Survey& survey, Place place) {
  uint64_t macs = 0;
  for (const OperatorLine& line : survey.lines) macs += line.place == place ? line.macs : 0;
  return macs;
}

/// What a line says in the table: operators for which it is the same are counted together.
std::string Description(const OperatorLine& line) {
  switch (line.place) {
    case Place::kNpu:
      return line.commands.empty() ? "NPU" : "NPU: " + line.commands;
    case Place::kDriver:
      return "driver: float32 end of the network";
    case Place::kHost:
      return "host, with --host-operators";
    case Place::kFolded:
      return "folded: known when the model is compiled, or part of another";
    case Place::kRefused:
      break;
  }
  std::string text = "refused";
  std::set<std::string> kinds;
  for (const Diagnostic& error : line.refusals) {
    if (!kinds.insert(KindOfMessage(error)).second) continue;
    std::string message = error.message;
    const std::string prefix = fmt::format("operator {} {}", line.index, line.name);
    if (message.starts_with(prefix)) message.erase(0, prefix.size());
    message.erase(0, message.find_first_not_of(": "));
    text += fmt::format("{} {} {}", kinds.size() == 1 ? ":" : ";", CodeText(error.code), message);
    if (!error.hint.empty()) text += fmt::format(" ({})", error.hint);
  }
  return text;
}

/// Lines of the same kind.
struct Group {
  std::string name, description;
  int count = 0;
  uint64_t macs = 0;
  std::vector<int32_t> operators;
};

std::vector<Group> GroupsOf(const Survey& survey) {
  std::vector<Group> groups;
  std::map<std::string, size_t> positions;
  for (const OperatorLine& line : survey.lines) {
    std::string key = line.name + '\n' + NameOf(line.place) + line.commands;
    for (const Diagnostic& error : line.refusals) key += '\n' + KindOfMessage(error);
    const auto [found, added] = positions.emplace(key, groups.size());
    if (added) groups.push_back({line.name, Description(line), 0, 0, {}});
    Group& group = groups[found->second];
    ++group.count;
    group.macs += line.macs;
    group.operators.push_back(line.index);
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.macs > b.macs; });
  return groups;
}

std::string Percent(uint64_t part, uint64_t all) {
  return fmt::format("{:.1f} %", 100.0 * static_cast<double>(part) / static_cast<double>(all));
}

/// How much of the work is done where.
std::string Coverage(const Survey& survey) {
  uint64_t all = 0;
  size_t accepted = 0;
  for (const OperatorLine& line : survey.lines) {
    all += line.macs;
    accepted += line.place != Place::kRefused ? 1 : 0;
  }
  std::string text = fmt::format("{} of {} operators", accepted, survey.lines.size());
  if (all == 0) return text + '\n';
  text += fmt::format(", {} of {} MACs on the NPU", Percent(MacsAt(survey, Place::kNpu), all), all);
  if (const uint64_t host = MacsAt(survey, Place::kHost); host > 0) {
    text += fmt::format(", {} on the host", Percent(host, all));
  }
  if (const uint64_t refused = MacsAt(survey, Place::kRefused); refused > 0) {
    text += fmt::format(", {} refused", Percent(refused, all));
  }
  return text + '\n';
}

std::string Table(const Survey& survey) {
  constexpr size_t kMostListed = 6;
  const std::vector<Group> groups = GroupsOf(survey);
  size_t width = 8;
  for (const Group& group : groups) width = std::max(width, group.name.size());
  std::string text = fmt::format("{:>5}  {:<{}}  {:>13}  runs as, or why not\n", "count",
                                 "operator", width, "MACs");
  for (const Group& group : groups) {
    text += fmt::format("{:>5}  {:<{}}  {:>13}  {}", group.count, group.name, width,
                        group.macs == 0 ? "-" : fmt::format("{}", group.macs), group.description);
    if (group.description.starts_with("refused")) {
      const size_t listed = std::min(group.operators.size(), kMostListed);
      text += fmt::format(
          " [{}{}]",
          fmt::join(group.operators.begin(),
                    group.operators.begin() + static_cast<std::ptrdiff_t>(listed), ", "),
          listed < group.operators.size() ? ", ..." : "");
    }
    text += '\n';
  }
  return text + Coverage(survey);
}

std::string OpsJson(const Survey& survey) {
  nlohmann::ordered_json json;
  json["operators"] = nlohmann::ordered_json::array();
  for (const OperatorLine& line : survey.lines) {
    nlohmann::ordered_json item;
    item["index"] = line.index;
    item["operator"] = line.name;
    item["shape"] = line.shape;
    item["macs"] = line.macs;
    item["runs_on"] = NameOf(line.place);
    if (!line.commands.empty()) item["commands"] = line.commands;
    for (const Diagnostic& error : line.refusals) {
      item["refusals"].push_back(
          {{"code", CodeText(error.code)}, {"message", error.message}, {"hint", error.hint}});
    }
    json["operators"].push_back(std::move(item));
  }
  json["model"] = nlohmann::ordered_json::array();
  for (const Diagnostic& error : survey.others) {
    json["model"].push_back(
        {{"code", CodeText(error.code)}, {"message", error.message}, {"hint", error.hint}});
  }
  for (const Place place : {Place::kNpu, Place::kHost, Place::kRefused}) {
    json["macs"][NameOf(place)] = MacsAt(survey, place);
  }
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

/// A field of a CSV file.
std::string Quoted(std::string text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string OpsCsv(const Survey& survey) {
  std::string text = "index,operator,shape,macs,runs_on,description\n";
  for (const OperatorLine& line : survey.lines) {
    text += fmt::format("{},{},{},{},{},{}\n", line.index, Quoted(line.name),
                        fmt::join(line.shape, "x"), line.macs, NameOf(line.place),
                        Quoted(Description(line)));
  }
  return text;
}

int ListOperators(const OpsOptions& options) {
  std::optional<NpuConfig> config;
  if (!options.spec.empty()) {
    Result<NpuConfig> loaded = LoadSpec(options.spec);
    if (!loaded) return Report(loaded.errors());
    config = std::move(*loaded);
  }
  Result<Survey> survey = ReadSurvey(options.model);
  if (!survey) return Report(survey.errors());
  MarkHost(&*survey);
  if (config) LowerFor(*config, &*survey);
  std::FILE* const text = TextStream({options.json, options.csv});
  std::fputs(Table(*survey).c_str(), text);
  for (const Diagnostic& error : survey->others) {
    std::fputs(FormatDiagnostic(error, /*color=*/false).c_str(), text);
  }
  std::vector<OutputFile> files;
  const std::string json = OpsJson(*survey), csv = OpsCsv(*survey);
  if (!options.json.empty()) files.push_back({options.json, json});
  if (!options.csv.empty()) files.push_back({options.csv, csv});
  if (files.empty()) return 0;
  const Status written = WriteFiles(files);
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddOpsCommand(CommandLine& line) {
  auto options = std::make_shared<OpsOptions>();
  Subcommand command = line.Add(
      "ops", "List the operators of a model: where each runs, or every reason why it cannot");
  command
      .Argument("MODEL", &options->model, "model file (.tflite in int8, .onnx, or .json of bits)")
      .Required();
  command.Argument("SPEC", &options->spec,
                   "spec file (YAML): says as well which commands of this NPU an operator becomes, "
                   "and what this NPU has too little of");
  command.Value("--json", &options->json, "write all operators to this file, as JSON");
  command.Value("--csv", &options->csv, "write all operators to this file, a line each");
  command.Footer(
      "Operators for which the same holds are one line. docs/operators.md says what each "
      "computes.\n"
      "Example: npugen ops model.tflite specs/edge.yaml");
  command.OnRun([options] { return ListOperators(*options); });
}

}  // namespace npugen
