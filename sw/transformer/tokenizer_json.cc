// SPDX-License-Identifier: Apache-2.0
// tokenizer.json of Hugging Face: byte pair encoding with the steps before it that Llama's and
// GPT-2's families take.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "sw/model/describe.h"
#include "sw/transformer/merge_tokenizer.h"
#include "sw/transformer/read_transformer.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

/// Numbers of tokens may have gaps of so many in all.
constexpr size_t kMostUnusedTokens = 1024;
constexpr JsonDialect kTokenizerJson = {Code::kTokenizer,
                                        Code::kTokenizer,
                                        Code::kTokenizer,
                                        Code::kTokenizer,
                                        size_t{64} << 20,
                                        16,
                                        "docs/transformers.md names what is read"};

/// Reads one file; the first errors stay in `fields`.
class TokenizerJson {
 public:
  explicit TokenizerJson(const std::string& file) : fields(file, kTokenizerJson) {}

  bool Fail(const std::string& message, const std::string& hint) {
    fields.Fail(Code::kTokenizer, message, hint);
    return false;
  }
  static bool Given(const Json& object, const char* key) {
    return IsObject(object) && Has(object, key) && !IsNull(At(object, key));
  }
  static bool Truth(const Json& object, const char* key) {
    return Given(object, key) && IsTrue(At(object, key));
  }
  std::string TypeOf(const Json& value) {
    return Given(value, "type") && IsText(At(value, "type")) ? Text(At(value, "type"))
                                                             : std::string("?");
  }
  /// A text of a key; nothing with an error.
  std::optional<std::string> Words(const Json& object, const char* key) {
    if (Given(object, key) && IsText(At(object, key))) return Text(At(object, key));
    Fail(fmt::format("\"{}\" is no text", key), "a text");
    return std::nullopt;
  }

  /// Calls `one` for a step, or for each step of a sequence of them.
  template <typename One>
  bool Steps(const Json& value, const char* list, One one) {
    if (TypeOf(value) != "Sequence") return one(value);
    if (!Given(value, list) || !IsList(At(value, list))) {
      return Fail(fmt::format("a sequence without \"{}\"", list), "a list of steps");
    }
    for (size_t i = 0; i < Size(At(value, list)); ++i) {
      if (!one(Element(At(value, list), i))) return false;
    }
    return true;
  }

  bool Normalizer(const Json& value) {
    const std::string type = TypeOf(value);
    TextChange change;
    if (type == "NFC") {
      change.kind = TextChange::Kind::kNormalFormC;
    } else if (type == "Prepend") {
      change.kind = TextChange::Kind::kPrepend;
      const auto text = Words(value, "prepend");
      if (!text) return false;
      change.to = *text;
    } else if (type == "Replace" && Given(value, "pattern")) {
      const auto from = Words(At(value, "pattern"), "String");
      const auto to = from ? Words(value, "content") : std::nullopt;
      if (!to) return false;
      if (from->empty()) return Fail("an empty text is replaced", "a text");
      change.from = *from;
      change.to = *to;
    } else {
      return Fail(fmt::format("normalizer {}", PrintableName(type)), "NFC, Prepend or Replace");
    }
    vocabulary.changes.push_back(std::move(change));
    return true;
  }

  bool Metaspace(const Json& value) {
    if (Given(value, "replacement") && !Is(At(value, "replacement"), "\xe2\x96\x81")) {
      return Fail("blanks are replaced by another character than U+2581", "U+2581");
    }
    const std::string mark(kBlankMark);
    const bool never = Given(value, "prepend_scheme") && Is(At(value, "prepend_scheme"), "never");
    const bool no_prefix =
        Given(value, "add_prefix_space") && !IsTrue(At(value, "add_prefix_space"));
    vocabulary.changes.push_back({TextChange::Kind::kReplace, " ", mark});
    if (!never && !no_prefix) {
      vocabulary.changes.push_back({TextChange::Kind::kPrepend, mark, mark});
    }
    if (!Given(value, "split") || IsTrue(At(value, "split"))) {
      vocabulary.cuts.push_back(fmt::format("{0}?[^{0}]*", mark));
    }
    vocabulary.strips_first = true;
    return true;
  }

  bool PreTokenizer(const Json& value) {
    const std::string type = TypeOf(value);
    if (type == "Metaspace") return Metaspace(value);
    if (type == "Digits") {
      vocabulary.cuts.push_back(Truth(value, "individual_digits") ? R"(\p{N})" : R"(\p{N}+)");
      return true;
    }
    if (type == "ByteLevel") {
      vocabulary.bytes = true;
      if (Truth(value, "add_prefix_space")) {
        vocabulary.changes.push_back({TextChange::Kind::kPrepend, " ", " "});
      }
      if (!Given(value, "use_regex") || Truth(value, "use_regex")) {
        vocabulary.cuts.emplace_back(kGpt2Cut);
      }
      return true;
    }
    if (type == "Split" && Given(value, "pattern") && Given(value, "behavior") &&
        Is(At(value, "behavior"), "Isolated") && !Truth(value, "invert")) {
      const auto pattern = Words(At(value, "pattern"), "Regex");
      if (pattern) vocabulary.cuts.push_back(*pattern);
      return pattern.has_value();
    }
    return Fail(fmt::format("pre-tokenizer {}", PrintableName(type)),
                "ByteLevel, Metaspace, Digits, or Split by a Regex whose matches are isolated");
  }

  bool AddToken(const Json& number, std::string text, bool is_text, bool is_added) {
    const auto id = fields.ToInteger(
        number, fmt::format("the number of token \"{}\"", PrintableName(text)), 0, most_id_);
    if (!id) return false;
    if (vocabulary.tokens.size() <= static_cast<size_t>(*id)) {
      vocabulary.tokens.resize(static_cast<size_t>(*id) + 1, {std::string(), false, true});
      taken_.resize(vocabulary.tokens.size(), false);
    }
    MergeVocabulary::Token& token = vocabulary.tokens[static_cast<size_t>(*id)];
    // Lists of added tokens name again what the vocabulary has.
    if (taken_[static_cast<size_t>(*id)] && (!is_added || token.text != text)) {
      return Fail(fmt::format("token {} is there twice", *id), "each number once");
    }
    token = {std::move(text), is_text, is_added};
    taken_[static_cast<size_t>(*id)] = true;
    return true;
  }

  bool Merges(const Json& list) {
    for (size_t i = 0; i < Size(list); ++i) {
      const Json& merge = Element(list, i);
      if (IsList(merge) && Size(merge) == 2 && IsText(Element(merge, 0)) &&
          IsText(Element(merge, 1))) {
        vocabulary.merges.emplace_back(Text(Element(merge, 0)), Text(Element(merge, 1)));
        continue;
      }
      const size_t blank = IsText(merge) ? Text(merge).find(' ') : std::string::npos;
      if (blank == std::string::npos) {
        return Fail(fmt::format("merge {} is {}", i, KindOf(merge)),
                    "two tokens as a list, or with a blank between them");
      }
      vocabulary.merges.emplace_back(Text(merge).substr(0, blank), Text(merge).substr(blank + 1));
    }
    return true;
  }

  bool Vocabulary(const Json& root) {
    const Json* model = fields.Find(root, "model", "a model of type BPE");
    if (model == nullptr) return false;
    if (!IsObject(*model) || (TypeOf(*model) != "BPE" && TypeOf(*model) != "?")) {
      return Fail(fmt::format("a model of type {}", PrintableName(TypeOf(*model))), "BPE");
    }
    const Json* tokens = fields.Find(*model, "vocab", "an object of tokens and numbers");
    const Json* merges = fields.Find(*model, "merges", "a list of merges");
    if (tokens == nullptr || merges == nullptr) return false;
    const bool added = Given(root, "added_tokens");
    if (!IsObject(*tokens) || !IsList(*merges) || (added && !IsList(At(root, "added_tokens")))) {
      return Fail("\"vocab\", \"merges\" or \"added_tokens\" is of another type",
                  "an object and two lists");
    }
    vocabulary.byte_tokens = Truth(*model, "byte_fallback");
    vocabulary.whole_words = Truth(*model, "ignore_merges");
    const size_t count = Size(*tokens) + (added ? Size(At(root, "added_tokens")) : 0);
    most_id_ = static_cast<int64_t>(std::min<size_t>(count + kMostUnusedTokens, kMostTokens) - 1);
    for (const auto& [text, number] : Items(*tokens)) {
      if (!AddToken(*number, text, true, false)) return false;
    }
    for (size_t i = 0; added && i < Size(At(root, "added_tokens")); ++i) {
      const Json& token = Element(At(root, "added_tokens"), i);
      const auto text = Words(token, "content");
      if (!text || !Given(token, "id")) return Fail("an added token without \"id\"", "a number");
      if (!AddToken(At(token, "id"), *text, !Truth(token, "special"), true)) return false;
    }
    return Merges(*merges);
  }

  /// The token that a template puts in front of a text.
  bool Begin(const Json& value) {
    if (TypeOf(value) != "TemplateProcessing") return true;
    if (!Given(value, "single") || !IsList(At(value, "single")) || Size(At(value, "single")) == 0) {
      return true;
    }
    const Json& first = Element(At(value, "single"), 0);
    if (!Given(first, "SpecialToken")) return true;
    const auto name = Words(At(first, "SpecialToken"), "id");
    if (!name) return false;
    const auto found = std::find_if(vocabulary.tokens.begin(), vocabulary.tokens.end(),
                                    [&](const auto& token) { return token.text == *name; });
    if (found == vocabulary.tokens.end()) {
      return Fail(fmt::format("texts begin with \"{}\", which is no token", PrintableName(*name)),
                  "a token");
    }
    vocabulary.begin = static_cast<uint32_t>(found - vocabulary.tokens.begin());
    return true;
  }

  bool Read(const Json& root) {
    if (!IsObject(root)) return Fail(KindOf(root), "an object");
    if (!Vocabulary(root)) return false;
    if (Given(root, "normalizer")) {
      if (!Steps(At(root, "normalizer"), "normalizers",
                 [this](const Json& step) { return Normalizer(step); })) {
        return false;
      }
      // Who writes a blank in front of texts takes it away again.
      for (const TextChange& change : vocabulary.changes) {
        vocabulary.strips_first |= change.kind == TextChange::Kind::kPrepend;
      }
    }
    if (Given(root, "pre_tokenizer") &&
        !Steps(At(root, "pre_tokenizer"), "pretokenizers",
               [this](const Json& step) { return PreTokenizer(step); })) {
      return false;
    }
    return !Given(root, "post_processor") ||
           Steps(At(root, "post_processor"), "processors",
                 [this](const Json& step) { return Begin(step); });
  }

  JsonFields fields;
  MergeVocabulary vocabulary;

 private:
  int64_t most_id_ = 0;
  std::vector<bool> taken_;
};

}  // namespace

Result<std::shared_ptr<const Tokenizer>> ReadMergeTokenizer(std::string_view json,
                                                            const std::string& file) {
  const auto tree = ParseJson(json, file, kTokenizerJson);
  if (!tree) return tree.errors();
  TokenizerJson reader(file);
  if (!reader.Read(**tree) || !reader.fields.errors.empty()) return reader.fields.errors;
  return MakeMergeTokenizer(std::move(reader.vocabulary), file);
}

}  // namespace npugen
