// SPDX-License-Identifier: Apache-2.0
// Vocabularies with a list of merges, as in tokenizer.json and in GGUF.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/transformer/tokenizer.h"

namespace npugen {

/// A change of the whole text before it is cut.
struct TextChange {
  enum class Kind : uint8_t { kReplace, kPrepend, kNormalFormC };
  Kind kind = Kind::kReplace;
  std::string from;  ///< kPrepend: what a text that begins with it needs nothing in front of
  std::string to;
};

struct MergeVocabulary {
  struct Token {
    std::string text;
    bool is_text = true;
    bool is_added = false;  ///< written as it is, not in the alphabet of bytes
  };
  std::vector<Token> tokens;
  std::vector<std::pair<std::string, std::string>> merges;  ///< the first ones are made first
  bool bytes = false;         ///< texts are bytes, in GPT-2's alphabet of printable characters
  bool byte_tokens = false;   ///< characters without a token become "<0xNN>"
  bool whole_words = false;   ///< a piece that is a token stays one
  bool strips_first = false;  ///< the blank of a text's first token is not part of the text
  std::vector<TextChange> changes;
  std::vector<std::string> cuts;  ///< regular expressions, each one cuts the pieces of the last
  std::optional<uint32_t> begin;
};

/// Error: kTokenizer for merges of what are no tokens, and for expressions that are none.
Result<std::shared_ptr<const Tokenizer>> MakeMergeTokenizer(MergeVocabulary vocabulary,
                                                            const std::string& file);

/// How GPT-2 cuts texts.
inline constexpr std::string_view kGpt2Cut =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// The expressions of a name of GGUF's.
std::optional<std::vector<std::string>> CutPatternOf(std::string_view name);

}  // namespace npugen
