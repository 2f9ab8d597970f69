// SPDX-License-Identifier: Apache-2.0
// Reads YAML of unknown origin into a plain tree with places.
#include "generator/spec/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <sstream>
#include <utility>

namespace npugen {
namespace {

Diagnostic At(DiagnosticCode code, const std::string& file, int line, int column,
              std::string message, std::string hint) {
  return {code, {file, line, column}, std::move(message), std::move(hint)};
}

/// Bytes of the UTF-8 sequence at the front of `text`, 0 if there is none.
size_t Utf8Length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80                   ? 1
                        : lead >= 0xc2 && lead < 0xe0 ? 2
                        : lead >= 0xe0 && lead < 0xf0 ? 3
                        : lead >= 0xf0 && lead < 0xf5 ? 4
                                                      : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  return length;
}

/// The first byte that no text file contains.
std::optional<Diagnostic> FindBinary(std::string_view text, const std::string& file) {
  int line = 1;
  int column = 1;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool is_control = (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
    const size_t length = is_control ? 0 : Utf8Length(text.substr(i));
    if (length == 0) {
      return At(DiagnosticCode::kSpecNotText, file, line, column,
                fmt::format("byte 0x{:02x} does not belong into a text file", c),
                "a spec is YAML text in UTF-8");
    }
    i += length;
    ++column;
    if (c == '\n') {
      ++line;
      column = 1;
    }
  }
  return std::nullopt;
}

/// Tabs in the indentation, and nesting. The estimate of the depth may be too large (it does not
/// know quotes), never too small: the YAML library recurses once per level.
std::optional<Diagnostic> CheckLayout(std::string_view text, const std::string& file) {
  std::vector<size_t> indents = {0};
  int brackets = 0;
  int line_number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++line_number;

    const size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos || line[first] == '#') continue;
    const size_t tab = line.substr(0, first).find('\t');
    if (tab != std::string_view::npos) {
      return At(DiagnosticCode::kSpecSyntax, file, line_number, static_cast<int>(tab) + 1,
                "a tab in the indentation", "indent with spaces");
    }
    while (indents.back() > first) indents.pop_back();
    if (indents.back() < first) indents.push_back(first);

    int markers = 0;  // compact nesting: "- - - x"
    bool at_start = true;
    for (size_t i = first; i < line.size(); ++i) {
      const char c = line[i];
      if (c == '#' && i > 0 && (line[i - 1] == ' ' || line[i - 1] == '\t')) break;
      if (c == '[' || c == '{') ++brackets;
      if ((c == ']' || c == '}') && brackets > 0) --brackets;
      if (c == '-' || c == '?' || c == ':') {
        if (at_start) ++markers;
      } else if (c != ' ' && c != '\t') {
        at_start = false;
      }
      if (static_cast<int>(indents.size()) - 1 + brackets + markers > kMaxSpecDepth) {
        return At(DiagnosticCode::kSpecTooLarge, file, line_number, static_cast<int>(i) + 1,
                  fmt::format("nested more than {} levels deep", kMaxSpecDepth),
                  "a spec has at most three levels of keys");
      }
    }
  }
  return std::nullopt;
}

/// Builds the tree from the library's events; keeps the first error and then ignores events.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string file) : file_(std::move(file)) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    RefuseAnchor(mark, anchor);
    Add(Make(YamlNode::Kind::kNull, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "an alias", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    YamlNode node = Make(YamlNode::Kind::kScalar, mark);
    node.text = value;
    Add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

  const std::optional<Diagnostic>& error() const { return error_; }
  YamlNode TakeRoot() { return std::move(root_); }

 private:
  static YamlNode Make(YamlNode::Kind kind, const YAML::Mark& mark) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Refuse(const YAML::Mark& mark, std::string_view what, std::string_view hint) {
    if (error_) return;
    error_ = At(DiagnosticCode::kSpecFeature, file_, mark.line + 1, mark.column + 1,
                fmt::format("specs do not have {}", what), std::string(hint));
  }
  void RefuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) Refuse(mark, "anchors", "write the value out at each place");
  }
  void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    // "?" marks plain scalars, "!" quoted ones; both are no tags of the user.
    if (!tag.empty() && tag != "?" && tag != "!") Refuse(mark, "tags", "remove the tag");
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    RefuseAnchor(mark, anchor);
    RefuseTag(mark, tag);
    if (ExpectsKey()) Refuse(mark, "keys that are lists or blocks", "a key is one word");
    if (!error_) open_.push_back(Make(kind, mark));
  }
  void Close() {
    if (error_ || open_.empty()) return;
    YamlNode node = std::move(open_.back());
    open_.pop_back();
    Add(std::move(node));
  }
  bool ExpectsKey() const {
    return !open_.empty() && open_.back().kind == YamlNode::Kind::kMap &&
           open_.back().keys.size() == open_.back().items.size();
  }
  void Add(YamlNode node) {
    if (error_) return;
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (ExpectsKey()) {
      open_.back().keys.push_back(std::move(node));
    } else {
      YamlNode& parent = open_.back();
      if (node.kind == YamlNode::Kind::kNull && parent.kind == YamlNode::Kind::kMap) {
        // The library places a missing value at whatever follows it.
        node.line = parent.keys.back().line;
        node.column = parent.keys.back().column;
      }
      parent.items.push_back(std::move(node));
    }
  }

  std::string file_;
  std::optional<Diagnostic> error_;
  std::vector<YamlNode> open_;
  YamlNode root_;
};

}  // namespace

Result<YamlNode> ParseYaml(std::string_view text, const std::string& file) {
  if (text.size() > kMaxSpecBytes) {
    return At(DiagnosticCode::kSpecTooLarge, file, 0, 0,
              fmt::format("the file has more than {} KiB", kMaxSpecBytes / 1024),
              "a spec has a few dozen lines; is this the right file?");
  }
  if (std::optional<Diagnostic> binary = FindBinary(text, file)) return *binary;
  if (std::optional<Diagnostic> layout = CheckLayout(text, file)) return *layout;

  TreeBuilder builder(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return YamlNode();
    if (builder.error()) return *builder.error();
    YamlNode root = builder.TakeRoot();
    TreeBuilder second(file);
    if (parser.HandleNextDocument(second)) {
      const YamlNode other = second.TakeRoot();
      return At(DiagnosticCode::kSpecFeature, file, other.line, other.column,
                "specs do not have several documents in one file", "one file describes one NPU");
    }
    return root;
  } catch (const YAML::Exception& error) {
    if (builder.error()) return *builder.error();
    const bool known = !error.mark.is_null();
    return At(DiagnosticCode::kSpecSyntax, file, known ? error.mark.line + 1 : 0,
              known ? error.mark.column + 1 : 0, error.msg,
              "a spec is made of lines `key: value`, indented with spaces");
  } catch (const std::exception& error) {
    return At(DiagnosticCode::kSpecSyntax, file, 0, 0, error.what(),
              "a spec is made of lines `key: value`, indented with spaces");
  }
}

}  // namespace npugen
