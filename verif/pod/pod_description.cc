// SPDX-License-Identifier: Apache-2.0
// The keys of a pod's description, and how they are read.
#include "verif/pod/pod_description.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <variant>

#include "generator/spec/quantity.h"
#include "generator/spec/yaml_tree.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

struct PodUnit {
  std::string_view name;
  double factor;
};
constexpr PodUnit kRateUnits[] = {
    {"B/s", 1}, {"kB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}, {"TB/s", 1e12}};
constexpr PodUnit kComputeUnits[] = {
    {"FLOP/s", 1}, {"MFLOP/s", 1e6}, {"GFLOP/s", 1e9}, {"TFLOP/s", 1e12}, {"PFLOP/s", 1e15}};
constexpr PodUnit kSizeUnits[] = {
    {"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
constexpr PodUnit kTimeUnits[] = {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}, {"ns", 1e-9}};
constexpr PodUnit kShareUnits[] = {{"", 1}};

/// Words that a key may have, the value is the number of the word.
using PodWords = std::span<const std::string_view>;
constexpr std::string_view kShardings[] = {"fully_sharded", "replicated"};
constexpr std::string_view kExchanges[] = {"at_end", "streamed"};
constexpr std::string_view kFlags[] = {"false", "true"};

using PodMember = std::variant<std::string PodDescription::*, uint64_t PodDescription::*,
                               double PodDescription::*, std::vector<uint64_t> PodDescription::*,
                               bool PodDescription::*, PodSharding PodDescription::*,
                               PodExchange PodDescription::*>;

struct PodKey {
  std::string_view path;
  PodMember member;
  double low, high;               ///< of numbers, and of the items of lists
  std::string_view default_text;  ///< empty: must be given
  std::string_view summary;
  std::span<const PodUnit> units = {};
  PodWords words = {};
};

using D = PodDescription;
constexpr size_t kMostRings = 4;

const PodKey kPodKeys[] = {
    {"name", &D::name, 0, 0, "", "What reports call it."},
    {"chip.compute", &D::compute, 1e6, 1e18, "",
     "Operations per second of a chip, an addition and a multiplication counted as two.",
     kComputeUnits},
    {"chip.efficiency", &D::efficiency, 0.01, 1, "1", "Share of that which matrix products reach.",
     kShareUnits},
    {"chip.memory", &D::memory_bytes, 1024, 0x1p50, "", "Memory of a chip.", kSizeUnits},
    {"chip.memory_bandwidth", &D::memory_bandwidth, 1e3, 1e15, "",
     "Bytes per second between a chip and its memory.", kRateUnits},
    {"links.bandwidth", &D::link_bandwidth, 1e3, 1e15, "",
     "Of a link between two chips in one direction.", kRateUnits},
    {"links.latency", &D::link_latency, 0, 1, "0 s", "Of a step to the next chip of a ring.",
     kTimeUnits},
    {"links.ways", &D::link_ways, 1, 2, "2", "Directions of a ring that are used at once."},
    {"mesh.pods", &D::pods, 1, 1024, "1",
     "Pods; each has the whole network and a share of the batch."},
    {"mesh.model", &D::model_rings, 1, 4096, "",
     "Chips on each ring of the model axis: they share the matrices of a layer."},
    {"mesh.data", &D::data_rings, 1, 4096, "",
     "Chips on each ring of the data axis: they share the batch of a pod."},
    {"network.hosts", &D::hosts, 1, 1048576, "1",
     "Hosts of a pod, each with its own way to the other pods."},
    {"network.bandwidth", &D::network_bandwidth, 1e3, 1e15, "1 GB/s",
     "Of a host to other pods, each way.", kRateUnits},
    {"network.exchange",
     &D::exchange,
     0,
     0,
     "at_end",
     "When pods exchange gradients: behind the last layer, or each layer as soon as it can.",
     {},
     kExchanges},
    {"transformer.width", &D::width, 1, 262144, "", "Elements of a token between layers."},
    {"transformer.layers", &D::layers, 1, 1024, "", "Layers."},
    {"transformer.heads", &D::heads, 1, 4096, "", "Heads of queries."},
    {"transformer.kv_heads", &D::kv_heads, 1, 4096, "",
     "Heads of keys and values; not shared out over the model axis."},
    {"transformer.head_width", &D::head_width, 1, 4096, "", "Elements of a head."},
    {"transformer.feed_forward", &D::feed_forward, 1, 4194304, "",
     "Elements between the matrices of the feed-forward part."},
    {"transformer.gated",
     &D::gated,
     0,
     0,
     "false",
     "Whether that part has a third matrix, for a gate (SwiGLU).",
     {},
     kFlags},
    {"transformer.vocabulary", &D::vocabulary, 1, 16777216, "",
     "Rows of the table of tokens, which input and output share."},
    {"batch.sequences", &D::sequences, 1, 16777216, "", "Sequences of a step, of all pods."},
    {"batch.length", &D::length, 1, 16777216, "", "Tokens of a sequence."},
    {"training.sharding",
     &D::sharding,
     0,
     0,
     "fully_sharded",
     "How weights lie on the data axis: a share each, gathered for each layer; or all on each "
     "chip.",
     {},
     kShardings},
    {"training.recompute",
     &D::recompute,
     0,
     0,
     "true",
     "Whether a layer is computed forward again before it is computed backward, so that only its "
     "input is kept.",
     {},
     kFlags},
    {"training.overlap_model_axis",
     &D::overlap_model_axis,
     0,
     0,
     "false",
     "Whether what crosses the model axis hides under the layer's products.",
     {},
     kFlags},
    {"training.weight_bytes", &D::weight_bytes, 1, 8, "2",
     "Bytes of a weight on the wire and in products."},
    {"training.gradient_bytes", &D::gradient_bytes, 1, 8, "2", "Bytes of a gradient on the wire."},
    {"training.state_bytes", &D::state_bytes, 0, 64, "8",
     "Bytes for each weight that a chip keeps besides, for the optimizer."},
};

const PodKey* FindPodKey(std::string_view path) {
  const auto key = std::find_if(std::begin(kPodKeys), std::end(kPodKeys),
                                [path](const PodKey& k) { return k.path == path; });
  return key == std::end(kPodKeys) ? nullptr : key;
}

/// Names in a block; the top level is the empty path.
std::vector<std::string_view> PodKeysOf(std::string_view block) {
  std::vector<std::string_view> names;
  for (const PodKey& key : kPodKeys) {
    std::string_view rest = key.path;
    if (!block.empty()) {
      if (!rest.starts_with(block) || rest.size() <= block.size() || rest[block.size()] != '.') {
        continue;
      }
      rest.remove_prefix(block.size() + 1);
    }
    rest = rest.substr(0, rest.find('.'));
    if (std::find(names.begin(), names.end(), rest) == names.end()) names.push_back(rest);
  }
  return names;
}

bool IsPodBlock(std::string_view path) {
  return std::any_of(std::begin(kPodKeys), std::end(kPodKeys), [path](const PodKey& key) {
    return key.path.size() > path.size() && key.path.starts_with(path) &&
           key.path[path.size()] == '.';
  });
}

/// A number with the unit that suits it best.
std::string PodNumber(const PodKey& key, double value) {
  const PodUnit* best = nullptr;
  for (const PodUnit& unit : key.units) {
    const bool fits = value >= unit.factor * (1 - 1e-9);
    if (best == nullptr || (fits && (value < best->factor || unit.factor > best->factor))) {
      best = &unit;
    }
  }
  if (best == nullptr || best->name.empty()) return fmt::format("{:g}", value);
  return fmt::format("{:g} {}", value / best->factor, best->name);
}

std::string LegalPodValues(const PodKey& key) {
  if (!key.words.empty()) return fmt::format("{}", fmt::join(key.words, " or "));
  if (std::holds_alternative<std::string D::*>(key.member)) {
    return "a lower-case letter, then letters, digits and underscores";
  }
  if (!key.units.empty() && !key.units[0].name.empty()) {
    return fmt::format("a number with unit, {} to {}", PodNumber(key, key.low),
                       PodNumber(key, key.high));
  }
  if (!key.units.empty()) return fmt::format("a number from {:g} to {:g}", key.low, key.high);
  const std::string numbers = fmt::format("whole number{} from {:.0f} to {:.0f}",
                                          key.member.index() == 3 ? "s" : "", key.low, key.high);
  return key.member.index() == 3 ? fmt::format("a list of 1 to {} {}", kMostRings, numbers)
                                 : "a " + numbers;
}

std::string QuotePod(std::string_view text) {
  constexpr size_t kLongest = 40;
  std::string out = "`";
  for (const char c : text.substr(0, kLongest)) out += c == '\n' || c == '\r' ? ' ' : c;
  return out + (text.size() > kLongest ? "...`" : "`");
}

/// What stands behind a key: text, or items of a list, and where.
struct GivenText {
  SourceLocation at;
  std::string text;
  std::vector<std::pair<SourceLocation, std::string>> items;
  bool is_list = false;
};

class PodReader {
 public:
  explicit PodReader(std::string file) : file_(std::move(file)) {}

  Result<PodDescription> Read(std::string_view text, const std::vector<PodChange>& changes) {
    const Result<YamlNode> root = ParseYaml(text, file_);
    if (!root) return root.errors();
    if (root->kind == YamlNode::Kind::kNull) {
      return Diagnostic(DiagnosticCode::kSpecEmpty, {file_, 0, 0}, "the description has no keys",
                        "start from models/pod/palm.yaml");
    }
    if (root->kind != YamlNode::Kind::kMap) {
      return Diagnostic(DiagnosticCode::kSpecWrongType, Place(*root),
                        "a pod's description is a block of keys",
                        "start from models/pod/palm.yaml");
    }
    ReadBlock("", *root);
    for (const PodChange& change : changes) ReadChange(change);
    for (const PodKey& key : kPodKeys) {
      const auto given = texts_.find(key.path);
      if (given != texts_.end()) {
        ReadValue(key, given->second);
      } else if (!spoiled_.contains(key.path)) {
        ReadDefault(key);
      }
    }
    if (errors_.empty()) CheckRules();
    if (!errors_.empty()) return errors_;
    return pod_;
  }

 private:
  SourceLocation Place(const YamlNode& node) const { return {file_, node.line, node.column}; }

  void Refuse(DiagnosticCode code, const SourceLocation& at, std::string message,
              std::string hint) {
    errors_.push_back({code, at, std::move(message), std::move(hint)});
  }

  /// All keys in a block that cannot be read: they are not missing as well.
  void Spoil(std::string_view path) {
    for (const PodKey& key : kPodKeys) {
      if (key.path == path || (key.path.starts_with(path) && key.path[path.size()] == '.')) {
        spoiled_.insert(key.path);
      }
    }
  }

  void ReadBlock(const std::string& block, const YamlNode& map) {
    std::map<std::string, int> seen;
    for (size_t i = 0; i < map.keys.size() && i < map.items.size(); ++i) {
      const YamlNode& key = map.keys[i];
      const YamlNode& node = map.items[i];
      const std::string path = block.empty() ? key.text : fmt::format("{}.{}", block, key.text);
      const auto [earlier, is_new] = seen.emplace(key.text, key.line);
      if (!is_new) {
        Refuse(DiagnosticCode::kSpecDuplicateKey, Place(key),
               fmt::format("{} is given twice", QuotePod(path)),
               fmt::format("the first one is in line {}; keep one of them", earlier->second));
        continue;
      }
      if (IsPodBlock(path)) {
        if (node.kind == YamlNode::Kind::kMap) {
          ReadBlock(path, node);
        } else {
          Spoil(path);
          Refuse(DiagnosticCode::kSpecWrongType, Place(node),
                 fmt::format("{} is no block of keys", QuotePod(path)),
                 fmt::format("its keys: {}", fmt::join(PodKeysOf(path), ", ")));
        }
        continue;
      }
      const PodKey* known = FindPodKey(path);
      if (known == nullptr) {
        RefuseUnknown(block, key.text, Place(key));
        continue;
      }
      ReadText(*known, node);
    }
  }

  void RefuseUnknown(std::string_view block, std::string_view name, const SourceLocation& at) {
    const std::vector<std::string_view> siblings = PodKeysOf(block);
    const std::string_view near = NearestWord(name, siblings);
    Refuse(DiagnosticCode::kSpecUnknownKey, at,
           fmt::format(
               "unknown key {}",
               QuotePod(block.empty() ? std::string(name) : fmt::format("{}.{}", block, name))),
           near.empty() ? fmt::format("legal keys: {}", fmt::join(siblings, ", "))
                        : fmt::format("did you mean `{}`?", near));
  }

  void ReadText(const PodKey& key, const YamlNode& node) {
    GivenText text;
    text.at = Place(node);
    bool plain = node.kind == YamlNode::Kind::kScalar;
    if (node.kind == YamlNode::Kind::kList) {
      plain = text.is_list = true;
      for (const YamlNode& item : node.items) {
        plain = plain && item.kind == YamlNode::Kind::kScalar;
        text.items.emplace_back(Place(item), item.text);
      }
    }
    text.text = node.text;
    if (!plain || text.is_list != (key.member.index() == 3 && text.is_list)) {
      Spoil(key.path);
      Refuse(DiagnosticCode::kSpecWrongType, text.at,
             fmt::format("`{}` has a value of another type", key.path),
             fmt::format("legal: {}", LegalPodValues(key)));
      return;
    }
    texts_[key.path] = std::move(text);
  }

  void ReadChange(const PodChange& change) {
    const SourceLocation at = {fmt::format("{}={}", change.path, change.value), 0, 0};
    const PodKey* key = FindPodKey(change.path);
    if (key == nullptr) {
      const size_t dot = change.path.rfind('.');
      std::string block = dot == std::string::npos ? "" : change.path.substr(0, dot);
      if (!block.empty() && !IsPodBlock(block)) block.clear();
      RefuseUnknown(block, block.empty() ? change.path : change.path.substr(dot + 1), at);
      return;
    }
    spoiled_.erase(key->path);
    GivenText text;
    text.at = at;
    text.text = change.value;
    texts_[key->path] = std::move(text);
  }

  void ReadDefault(const PodKey& key) {
    if (key.default_text.empty()) {
      Refuse(DiagnosticCode::kSpecMissingKey, {file_, 0, 0},
             fmt::format("`{}` is missing", key.path),
             fmt::format("legal: {}", LegalPodValues(key)));
      return;
    }
    GivenText text;
    text.text = key.default_text;
    ReadValue(key, text);
  }

  void ReadValue(const PodKey& key, const GivenText& text) {
    std::visit([&](auto member) { Set(key, text, member); }, key.member);
  }

  void Set(const PodKey& key, const GivenText& text, std::string D::*member) {
    if (!IsIdentifier(text.text)) {
      Refuse(DiagnosticCode::kSpecBadName, text.at,
             fmt::format("{} is no name", QuotePod(text.text)),
             fmt::format("legal: {}", LegalPodValues(key)));
    }
    pod_.*member = text.text;
  }

  /// The number of the word.
  size_t Word(const PodKey& key, const GivenText& text) {
    const auto word = std::find(key.words.begin(), key.words.end(), text.text);
    if (word != key.words.end()) return static_cast<size_t>(word - key.words.begin());
    Refuse(DiagnosticCode::kSpecBadName, text.at,
           fmt::format("`{}` cannot be {}", key.path, QuotePod(text.text)),
           fmt::format("legal: {}", LegalPodValues(key)));
    return 0;
  }
  void Set(const PodKey& key, const GivenText& text, bool D::*member) {
    pod_.*member = Word(key, text) != 0;
  }
  void Set(const PodKey& key, const GivenText& text, PodSharding D::*member) {
    pod_.*member = static_cast<PodSharding>(Word(key, text));
  }
  void Set(const PodKey& key, const GivenText& text, PodExchange D::*member) {
    pod_.*member = static_cast<PodExchange>(Word(key, text));
  }

  uint64_t Whole(const PodKey& key, const SourceLocation& at, const std::string& text) {
    const Quantity number = ParseQuantity(text, KeyKind::kCount);
    if (number.state != Quantity::State::kValue && number.state != Quantity::State::kHuge &&
        number.state != Quantity::State::kNegative) {
      Refuse(DiagnosticCode::kSpecWrongType, at,
             fmt::format("`{}` is {}, not a whole number", key.path, QuotePod(text)),
             fmt::format("legal: {}", LegalPodValues(key)));
      return 1;
    }
    const bool legal = number.state == Quantity::State::kValue &&
                       static_cast<double>(number.value) >= key.low &&
                       static_cast<double>(number.value) <= key.high;
    if (!legal) RefuseRange(key, at, text);
    return legal ? number.value : 1;
  }
  void RefuseRange(const PodKey& key, const SourceLocation& at, const std::string& text) {
    Refuse(DiagnosticCode::kSpecOutOfRange, at,
           fmt::format("`{}` of {} is out of range", key.path, QuotePod(text)),
           fmt::format("legal: {}", LegalPodValues(key)));
  }
  void Set(const PodKey& key, const GivenText& text, uint64_t D::*member) {
    pod_.*member = Whole(key, text.at, text.text);
  }

  void Set(const PodKey& key, const GivenText& text, std::vector<uint64_t> D::*member) {
    std::vector<std::pair<SourceLocation, std::string>> items = text.items;
    if (!text.is_list) {  // 16x16
      for (size_t begin = 0; begin <= text.text.size();) {
        const size_t end = std::min(text.text.find('x', begin), text.text.size());
        items.emplace_back(text.at, text.text.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    if (items.empty() || items.size() > kMostRings) {
      Refuse(DiagnosticCode::kSpecOutOfRange, text.at,
             fmt::format("`{}` has {} rings", key.path, items.size()),
             fmt::format("legal: {}", LegalPodValues(key)));
      return;
    }
    for (const auto& [at, item] : items) (pod_.*member).push_back(Whole(key, at, item));
  }

  void Set(const PodKey& key, const GivenText& text, double D::*member) {
    const std::string_view all = text.text;
    const size_t digits = std::min(all.find_first_not_of("0123456789."), all.size());
    double number = 0;
    const auto [end, error] = std::from_chars(all.data(), all.data() + digits, number);
    if (digits == 0 || error != std::errc() || end != all.data() + digits) {
      Refuse(DiagnosticCode::kSpecWrongType, text.at,
             fmt::format("`{}` is {}, not a number", key.path, QuotePod(text.text)),
             fmt::format("legal: {}", LegalPodValues(key)));
      return;
    }
    std::string_view unit = all.substr(digits);
    if (unit.starts_with(' ')) unit.remove_prefix(1);
    const auto known = std::find_if(key.units.begin(), key.units.end(),
                                    [unit](const PodUnit& u) { return u.name == unit; });
    if (known == key.units.end()) {
      std::vector<std::string_view> names;
      for (const PodUnit& u : key.units) names.push_back(u.name);
      Refuse(DiagnosticCode::kSpecBadUnit, text.at,
             unit.empty() ? fmt::format("`{}` has no unit", key.path)
                          : fmt::format("`{}` has the unknown unit {}", key.path, QuotePod(unit)),
             names[0].empty() ? "legal: a number without unit"
                              : fmt::format("legal units: {}", fmt::join(names, ", ")));
      return;
    }
    const double value = number * known->factor;
    if (!(value >= key.low && value <= key.high)) {
      RefuseRange(key, text.at, text.text);
      return;
    }
    pod_.*member = value;
  }

  SourceLocation PlaceOf(std::string_view path) const {
    const auto given = texts_.find(path);
    return given != texts_.end() ? given->second.at : SourceLocation{file_, 0, 0};
  }

  /// `value` of the key at `path` is to be shared by `takers`.
  void Divides(std::string_view path, uint64_t value, uint64_t takers, std::string_view who) {
    if (value % takers == 0) return;
    const uint64_t below = value / takers * takers;
    Refuse(DiagnosticCode::kPodDivision, PlaceOf(path),
           fmt::format("`{}` of {} cannot be shared by {} {}", path, value, takers, who),
           below == 0 ? fmt::format("the smallest multiple of {} is {}", takers, takers)
                      : fmt::format("the nearest multiples of {} are {} and {}", takers, below,
                                    below + takers));
  }

  /// What keys must be to each other.
  void CheckRules() {
    const auto too_many = [](const std::vector<uint64_t>& rings, uint64_t chips) {
      for (const uint64_t ring : rings) {
        if (ring > kMostPodChips / chips) return true;
        chips *= ring;
      }
      return false;
    };
    std::vector<uint64_t> all = pod_.model_rings;
    all.insert(all.end(), pod_.data_rings.begin(), pod_.data_rings.end());
    if (too_many(all, pod_.pods)) {
      Refuse(DiagnosticCode::kSpecOutOfRange, PlaceOf("mesh.data"), "`mesh` has too many chips",
             fmt::format("mesh.pods * mesh.model * mesh.data is at most {}", kMostPodChips));
      return;
    }
    const uint64_t model = pod_.model_chips(), data = pod_.data_chips();
    Divides("transformer.heads", pod_.heads, model, "chips of `mesh.model`");
    Divides("transformer.feed_forward", pod_.feed_forward, model, "chips of `mesh.model`");
    if (pod_.sharding == PodSharding::kFullySharded) {
      Divides("transformer.width", pod_.width, data, "chips of `mesh.data`");
    }
    Divides("batch.sequences", pod_.sequences, pod_.pods * data,
            "data shards (`mesh.pods` * `mesh.data`)");
    if (pod_.pods > 1) {
      if (!texts_.contains("network.hosts") || !texts_.contains("network.bandwidth")) {
        Refuse(DiagnosticCode::kPodContradiction, PlaceOf("mesh.pods"),
               fmt::format("{} pods without a network between them", pod_.pods),
               "give network.hosts and network.bandwidth");
      } else if (model * data % pod_.hosts != 0) {
        Refuse(DiagnosticCode::kPodDivision, PlaceOf("network.hosts"),
               fmt::format("{} hosts cannot share the {} chips of a pod", pod_.hosts, model * data),
               "a divisor of mesh.model * mesh.data");
      }
    }
    if (pod_.heads % pod_.kv_heads != 0) {
      Refuse(
          DiagnosticCode::kPodContradiction, PlaceOf("transformer.kv_heads"),
          fmt::format("{} heads of keys and values for {} of queries", pod_.kv_heads, pod_.heads),
          "a divisor of transformer.heads");
    }
  }

  const std::string file_;
  PodDescription pod_;
  std::map<std::string_view, GivenText> texts_;
  std::set<std::string_view> spoiled_;
  Diagnostics errors_;
};

uint64_t PodProduct(const std::vector<uint64_t>& rings) {
  uint64_t product = 1;
  for (const uint64_t ring : rings) product *= ring;
  return product;
}

}  // namespace

uint64_t PodDescription::model_chips() const { return PodProduct(model_rings); }
uint64_t PodDescription::data_chips() const { return PodProduct(data_rings); }

Result<PodDescription> ReadPod(std::string_view text, const std::string& file,
                               const std::vector<PodChange>& changes) {
  return PodReader(file).Read(text, changes);
}

std::string PodReference() {
  std::string text = "| key | meaning | legal | default |\n| --- | --- | --- | --- |\n";
  for (const PodKey& key : kPodKeys) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", key.path, key.summary, LegalPodValues(key),
                        key.default_text.empty() ? "required" : key.default_text);
  }
  return text;
}

}  // namespace npugen
