// SPDX-License-Identifier: Apache-2.0
// The keys of a training's configuration, and how they are read.
#include "sw/training/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <span>
#include <variant>

#include "generator/spec/yaml_tree.h"
#include "generator/support/text.h"
#include "sw/model/describe.h"

namespace npugen::training {
namespace {

using C = TrainingConfig;
using TrainingMember = std::variant<Loss C::*, Optimizer C::*, bool C::*, int64_t C::*, float C::*,
                                    std::vector<std::string> C::*>;

constexpr std::string_view kLosses[] = {"cross_entropy", "mean_squared_error"};
constexpr std::string_view kFlags[] = {"false", "true"};
constexpr std::string_view kOptimizers[] = {"sgd", "momentum", "adamw"};

struct TrainingKey {
  std::string_view name;
  TrainingMember member;
  double low, high;  ///< of numbers
  std::string_view summary;
  std::span<const std::string_view> words = {};
};

const TrainingKey kTrainingKeys[] = {
    {"loss", &C::loss, 0, 0, "What the output is compared by.", kLosses},
    {"optimizer", &C::optimizer, 0, 0, "How weights are changed.", kOptimizers},
    {"batch", &C::batch, 1, 4096, "Images of a step."},
    {"steps", &C::steps, 1, 1e9, "Steps of the training."},
    {"learning_rate", &C::rate, 1e-30, 1e6, "By which a gradient is multiplied."},
    {"momentum", &C::momentum, 0, 1, "`momentum`: what a moment keeps from step to step."},
    {"beta1", &C::beta1, 0, 0.999999, "`adamw`: what the mean of gradients keeps."},
    {"beta2", &C::beta2, 0, 0.9999999, "`adamw`: what the mean of their squares keeps."},
    {"epsilon", &C::epsilon, 1e-30, 1, "`adamw`: is added to the root."},
    {"weight_decay", &C::weight_decay, 0, 1, "`adamw`: by how much weights shrink."},
    {"loss_scale", &C::loss_scale, 1e-6, 1e9,
     "Gradients are so much larger until weights are changed; a power of two changes no bit else."},
    {"dynamic_loss_scale", &C::dynamic_loss_scale, 0, 0,
     "Whether a step whose weights are not finite is discarded and the scale halved.", kFlags},
    {"growth_steps", &C::growth_steps, 1, 1e9,
     "`dynamic_loss_scale`: good steps after which the scale is doubled."},
    {"frozen", &C::frozen, 0, 0, "Tensors of the model that stay as they are."},
};

std::string LegalValues(const TrainingKey& key) {
  if (!key.words.empty()) return fmt::format("{}", fmt::join(key.words, ", "));
  if (std::holds_alternative<std::vector<std::string> C::*>(key.member)) {
    return "a list of names";
  }
  if (std::holds_alternative<int64_t C::*>(key.member)) {
    return fmt::format("a whole number from {:.0f} to {:.0f}", key.low, key.high);
  }
  return fmt::format("a number from {} to {}", key.low, key.high);
}

class ConfigReader {
 public:
  explicit ConfigReader(const std::string& file) : file_(file) {}

  Result<TrainingConfig> Read(std::string_view text) {
    const Result<YamlNode> root = ParseYaml(text, file_);
    if (!root) return root.errors();
    if (root->kind != YamlNode::Kind::kMap && root->kind != YamlNode::Kind::kNull) {
      return Diagnostic{DiagnosticCode::kSpecWrongType, Place(*root),
                        "a training's configuration is a block of keys",
                        "start from models/digits/mlp_train.yaml"};
    }
    std::map<std::string, int> seen;
    for (size_t i = 0; i < root->keys.size() && i < root->items.size(); ++i) {
      const YamlNode& name = root->keys[i];
      const auto [earlier, is_new] = seen.emplace(name.text, name.line);
      if (!is_new) {
        Refuse(DiagnosticCode::kSpecDuplicateKey, name,
               fmt::format("`{}` is given twice", PrintableName(name.text)),
               fmt::format("the first one is in line {}; keep one of them", earlier->second));
        continue;
      }
      const auto key = std::find_if(std::begin(kTrainingKeys), std::end(kTrainingKeys),
                                    [&](const TrainingKey& k) { return k.name == name.text; });
      if (key == std::end(kTrainingKeys)) {
        RefuseUnknown(name);
      } else {
        std::visit([&](auto member) { Set(*key, root->items[i], member); }, key->member);
      }
    }
    if (!errors_.empty()) return errors_;
    return config_;
  }

 private:
  SourceLocation Place(const YamlNode& node) const { return {file_, node.line, node.column}; }
  void Refuse(DiagnosticCode code, const YamlNode& at, std::string message, std::string hint) {
    errors_.push_back({code, Place(at), std::move(message), std::move(hint)});
  }
  void RefuseUnknown(const YamlNode& name) {
    std::vector<std::string_view> names;
    for (const TrainingKey& key : kTrainingKeys) names.push_back(key.name);
    const std::string_view near = NearestWord(name.text, names);
    Refuse(DiagnosticCode::kSpecUnknownKey, name,
           fmt::format("unknown key `{}`", PrintableName(name.text)),
           near.empty() ? fmt::format("legal keys: {}", fmt::join(names, ", "))
                        : fmt::format("did you mean `{}`?", near));
  }
  bool IsScalar(const TrainingKey& key, const YamlNode& node) {
    if (node.kind == YamlNode::Kind::kScalar) return true;
    Refuse(DiagnosticCode::kSpecWrongType, node,
           fmt::format("`{}` has a value of another type", key.name), "legal: " + LegalValues(key));
    return false;
  }

  template <typename Word>
  void SetWord(const TrainingKey& key, const YamlNode& node, Word C::*member) {
    if (!IsScalar(key, node)) return;
    const auto word = std::find(key.words.begin(), key.words.end(), node.text);
    if (word == key.words.end()) {
      Refuse(DiagnosticCode::kSpecBadName, node,
             fmt::format("`{}` cannot be `{}`", key.name, PrintableName(node.text)),
             "legal: " + LegalValues(key));
      return;
    }
    config_.*member = static_cast<Word>(word - key.words.begin());
  }
  void Set(const TrainingKey& key, const YamlNode& node, Loss C::*member) {
    SetWord(key, node, member);
  }
  void Set(const TrainingKey& key, const YamlNode& node, Optimizer C::*member) {
    SetWord(key, node, member);
  }
  void Set(const TrainingKey& key, const YamlNode& node, bool C::*member) {
    SetWord(key, node, member);
  }

  template <typename Number>
  void SetNumber(const TrainingKey& key, const YamlNode& node, Number C::*member) {
    if (!IsScalar(key, node)) return;
    Number number{};
    const char* end = node.text.data() + node.text.size();
    const auto [rest, error] = std::from_chars(node.text.data(), end, number);
    if ((error != std::errc{} && error != std::errc::result_out_of_range) || rest != end) {
      Refuse(DiagnosticCode::kSpecWrongType, node,
             fmt::format("`{}` is `{}`, no such number", key.name, PrintableName(node.text)),
             "legal: " + LegalValues(key));
      return;
    }
    const auto value = static_cast<double>(number);
    // A float is a little beside the limit that it was written as.
    const double slack = 1e-6 * std::abs(key.low);
    if (error != std::errc{} || !(value >= key.low - slack && value <= key.high)) {
      Refuse(DiagnosticCode::kSpecOutOfRange, node,
             fmt::format("`{}` of `{}` is out of range", key.name, PrintableName(node.text)),
             "legal: " + LegalValues(key));
      return;
    }
    config_.*member = number;
  }
  void Set(const TrainingKey& key, const YamlNode& node, int64_t C::*member) {
    SetNumber(key, node, member);
  }
  void Set(const TrainingKey& key, const YamlNode& node, float C::*member) {
    SetNumber(key, node, member);
  }

  void Set(const TrainingKey& key, const YamlNode& node, std::vector<std::string> C::*member) {
    const bool names = node.kind == YamlNode::Kind::kList &&
                       std::all_of(node.items.begin(), node.items.end(), [](const YamlNode& item) {
                         return item.kind == YamlNode::Kind::kScalar;
                       });
    if (!names) {
      Refuse(DiagnosticCode::kSpecWrongType, node,
             fmt::format("`{}` has a value of another type", key.name),
             "legal: " + LegalValues(key));
      return;
    }
    for (const YamlNode& item : node.items) (config_.*member).push_back(item.text);
  }

  std::string file_;
  TrainingConfig config_;
  Diagnostics errors_;
};

}  // namespace

Result<TrainingConfig> ReadTrainingConfig(std::string_view text, const std::string& file) {
  return ConfigReader(file).Read(text);
}

namespace {

std::string ValueText(const TrainingConfig& config, const TrainingKey& key) {
  return std::visit(
      [&](auto member) -> std::string {
        const auto& value = config.*member;
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_enum_v<Value> || std::is_same_v<Value, bool>) {
          return std::string(key.words[static_cast<size_t>(value)]);
        } else if constexpr (std::is_arithmetic_v<Value>) {
          return fmt::format("{}", value);
        } else {
          return value.empty() ? "none" : fmt::format("{}", fmt::join(value, ", "));
        }
      },
      key.member);
}

}  // namespace

std::string TrainingConfigText(const TrainingConfig& config) {
  std::string text;
  for (const TrainingKey& key : kTrainingKeys) {
    text += fmt::format("{}: {}\n", key.name, ValueText(config, key));
  }
  return text;
}

std::string TrainingConfigReference() {
  std::string text = "| key | default | values | |\n| --- | --- | --- | --- |\n";
  for (const TrainingKey& key : kTrainingKeys) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", key.name, ValueText({}, key), LegalValues(key),
                        key.summary);
  }
  return text;
}

Status Freeze(const TrainingConfig& config, const std::string& file, Network* network) {
  Diagnostics errors;
  for (const std::string& name : config.frozen) {
    const auto parameter = std::find_if(network->parameters.begin(), network->parameters.end(),
                                        [&](const Parameter& p) { return p.name == name; });
    if (parameter != network->parameters.end()) {
      parameter->frozen = true;
      continue;
    }
    std::vector<std::string_view> names;
    for (const Parameter& p : network->parameters) names.push_back(p.name);
    errors.push_back({DiagnosticCode::kTrainingContradiction,
                      {file, 0, 0},
                      fmt::format("the model has no weights `{}` to freeze", PrintableName(name)),
                      fmt::format("it has: {}", fmt::join(names, ", "))});
  }
  if (!errors.empty()) return errors;
  return Unit{};
}

}  // namespace npugen::training
