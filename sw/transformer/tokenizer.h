// SPDX-License-Identifier: Apache-2.0
// From texts to tokens and back (docs/transformers.md, section 4).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Tokens there are: their numbers are below it.
  virtual uint32_t size() const = 0;
  /// The tokens of a text, without one that begins texts. Error: kPrompt for what no token has.
  virtual Result<std::vector<uint32_t>> Encode(std::string_view text) const = 0;
  /// The bytes of a token, which need not be whole characters; empty for tokens that are no text.
  /// `first`: no text is before it.
  virtual std::string Decode(uint32_t token, bool first) const = 0;
  /// The token that begins each text, if there is one.
  virtual std::optional<uint32_t> begin() const { return std::nullopt; }
};

/// Token i is character i of an ASCII text without a character twice. Error: kTokenizer.
Result<std::shared_ptr<const Tokenizer>> MakeCharacterTokenizer(const std::string& characters,
                                                                const std::string& file);

/// One token of a vocabulary with scores.
struct ScoredToken {
  std::string text;     ///< with blanks as such; "<0xNN>" is a byte
  float score = 0;      ///< higher ones are joined first
  bool is_text = true;  ///< false of tokens that no text becomes, such as the one that begins
};
/// Joins neighbours by score, as llama2.c and SentencePiece do. Error: kTokenizer.
Result<std::shared_ptr<const Tokenizer>> MakeScoreTokenizer(std::vector<ScoredToken> tokens,
                                                            std::optional<uint32_t> begin,
                                                            const std::string& file);
/// A tokenizer.bin of llama2.c. Error: kTokenizer.
Result<std::shared_ptr<const Tokenizer>> ReadScoreTokenizer(std::span<const uint8_t> bytes,
                                                            const std::string& file);

/// What two neighbours become.
struct TokenJoin {
  double order = 0;  ///< the lowest is joined first, of equals the leftmost
  uint32_t token = 0;
};
/// Joins neighbours until `join` has nothing for any of them; in n log n steps.
std::vector<uint32_t> JoinTokens(
    std::vector<uint32_t> tokens,
    const std::function<std::optional<TokenJoin>(uint32_t left, uint32_t right)>& join);

/// Bytes of the character of UTF-8 that `text`, which is not empty, begins with; 1 where it begins
/// with none.
size_t CharacterBytes(std::string_view text);
/// `text` with every `from`, which is not empty, replaced.
std::string Replaced(std::string text, std::string_view from, std::string_view to);
/// The byte that "<0xNN>" stands for.
std::optional<uint8_t> ByteOfToken(std::string_view text);
/// What SentencePiece writes for a blank, U+2581.
inline constexpr std::string_view kBlankMark = "\xe2\x96\x81";

}  // namespace npugen
