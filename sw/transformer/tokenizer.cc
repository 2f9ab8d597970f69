// SPDX-License-Identifier: Apache-2.0
// Vocabularies of characters and of scored pieces.
#include "sw/transformer/tokenizer.h"

#include <fmt/core.h>

#include <bit>
#include <cmath>
#include <queue>
#include <unordered_map>
#include <utility>

#include "sw/model/describe.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

Diagnostic TokenizerError(const std::string& file, std::string message, std::string hint) {
  return {Code::kTokenizer, SourceLocation{file}, std::move(message), std::move(hint)};
}

Diagnostic NoToken(std::string_view character, size_t at) {
  return {Code::kPrompt, SourceLocation(),
          fmt::format("no token has the character \"{}\" at byte {} of the prompt",
                      PrintableName(std::string(character)), at),
          "characters of the model's tokenizer"};
}

class CharacterTokenizer : public Tokenizer {
 public:
  explicit CharacterTokenizer(std::string characters) : characters_(std::move(characters)) {}
  uint32_t size() const override { return static_cast<uint32_t>(characters_.size()); }
  Result<std::vector<uint32_t>> Encode(std::string_view text) const override {
    std::vector<uint32_t> tokens;
    for (size_t at = 0; at < text.size(); ++at) {
      const size_t token = characters_.find(text[at]);
      if (token == std::string::npos) {
        return NoToken(text.substr(at, CharacterBytes(text.substr(at))), at);
      }
      tokens.push_back(static_cast<uint32_t>(token));
    }
    return tokens;
  }
  std::string Decode(uint32_t token, bool) const override {
    return token < characters_.size() ? characters_.substr(token, 1) : std::string();
  }

 private:
  std::string characters_;
};

class ScoreTokenizer : public Tokenizer {
 public:
  ScoreTokenizer(std::vector<ScoredToken> tokens, std::optional<uint32_t> begin)
      : tokens_(std::move(tokens)), begin_(begin) {
    for (uint32_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].is_text) numbers_.emplace(tokens_[i].text, i);
    }
  }
  uint32_t size() const override { return static_cast<uint32_t>(tokens_.size()); }

  Result<std::vector<uint32_t>> Encode(std::string_view text) const override {
    std::vector<uint32_t> tokens;
    if (text.empty()) return tokens;
    // A text begins with a blank, as if it stood among others.
    if (const auto blank = numbers_.find(" "); blank != numbers_.end()) {
      tokens.push_back(blank->second);
    }
    for (size_t at = 0; at < text.size();) {
      const std::string character(text.substr(at, CharacterBytes(text.substr(at))));
      if (const auto found = numbers_.find(character); found != numbers_.end()) {
        tokens.push_back(found->second);
      } else {
        for (const char byte : character) {
          const auto token =
              numbers_.find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte)));
          if (token == numbers_.end()) return NoToken(character, at);
          tokens.push_back(token->second);
        }
      }
      at += character.size();
    }
    return JoinTokens(std::move(tokens), [this](uint32_t left, uint32_t right) {
      const auto found = numbers_.find(tokens_[left].text + tokens_[right].text);
      return found == numbers_.end()
                 ? std::nullopt
                 : std::optional(TokenJoin{-double{tokens_[found->second].score}, found->second});
    });
  }

  std::string Decode(uint32_t token, bool first) const override {
    if (token >= tokens_.size() || !tokens_[token].is_text) return {};
    const std::string& text = tokens_[token].text;
    if (const auto byte = ByteOfToken(text)) return std::string(1, static_cast<char>(*byte));
    return first && text.starts_with(' ') ? text.substr(1) : text;
  }
  std::optional<uint32_t> begin() const override { return begin_; }

 private:
  std::vector<ScoredToken> tokens_;
  std::optional<uint32_t> begin_;
  std::unordered_map<std::string, uint32_t> numbers_;
};

}  // namespace

size_t CharacterBytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t bytes = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
  if (bytes > text.size()) return 1;
  for (size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 1;
  }
  return bytes;
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  std::string result;
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != std::string::npos; at = found + from.size()) {
    result.append(text, at, found - at).append(to);
  }
  return result.append(text, at, std::string::npos);
}

std::optional<uint8_t> ByteOfToken(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  uint32_t value = 0;
  for (const char digit : text.substr(3, 2)) {
    const bool decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'A' || digit > 'F')) return std::nullopt;
    value = 16 * value + static_cast<uint32_t>(decimal ? digit - '0' : digit - 'A' + 10);
  }
  return static_cast<uint8_t>(value);
}

std::vector<uint32_t> JoinTokens(
    std::vector<uint32_t> tokens,
    const std::function<std::optional<TokenJoin>(uint32_t left, uint32_t right)>& join) {
  constexpr size_t kNone = SIZE_MAX;
  struct Place {
    size_t before, behind;
    bool joined = false;  ///< into the one before
  };
  struct Candidate {
    double order;
    size_t left, right;
    uint32_t left_token, right_token, token;
    bool operator<(const Candidate& other) const {
      return order != other.order ? order > other.order : left > other.left;
    }
  };
  std::vector<Place> places(tokens.size());
  std::priority_queue<Candidate> candidates;
  const auto consider = [&](size_t left, size_t right) {
    if (left == kNone || right == kNone) return;
    if (const auto found = join(tokens[left], tokens[right])) {
      candidates.push({found->order, left, right, tokens[left], tokens[right], found->token});
    }
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    places[i] = {i == 0 ? kNone : i - 1, i + 1 == tokens.size() ? kNone : i + 1};
    if (i > 0) consider(i - 1, i);
  }
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    // What one of the two has become meanwhile stands in the queue on its own.
    if (places[best.left].joined || places[best.right].joined ||
        places[best.left].behind != best.right || tokens[best.left] != best.left_token ||
        tokens[best.right] != best.right_token) {
      continue;
    }
    tokens[best.left] = best.token;
    places[best.right].joined = true;
    const size_t behind = places[best.right].behind;
    places[best.left].behind = behind;
    if (behind != kNone) places[behind].before = best.left;
    consider(places[best.left].before, best.left);
    consider(best.left, behind);
  }
  std::vector<uint32_t> result;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (!places[i].joined) result.push_back(tokens[i]);
  }
  return result;
}

Result<std::shared_ptr<const Tokenizer>> MakeCharacterTokenizer(const std::string& characters,
                                                                const std::string& file) {
  for (size_t i = 0; i < characters.size(); ++i) {
    if (static_cast<unsigned char>(characters[i]) >= 128 || characters.find(characters[i]) != i) {
      return TokenizerError(file, fmt::format("character {} is there twice, or not ASCII", i),
                            "ASCII characters, each once");
    }
  }
  return std::shared_ptr<const Tokenizer>(std::make_shared<CharacterTokenizer>(characters));
}

Result<std::shared_ptr<const Tokenizer>> MakeScoreTokenizer(std::vector<ScoredToken> tokens,
                                                            std::optional<uint32_t> begin,
                                                            const std::string& file) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (std::isnan(tokens[i].score)) {
      return TokenizerError(file, fmt::format("the score of token {} is no number", i),
                            "a number for each token");
    }
  }
  return std::shared_ptr<const Tokenizer>(
      std::make_shared<ScoreTokenizer>(std::move(tokens), begin));
}

Result<std::shared_ptr<const Tokenizer>> ReadScoreTokenizer(std::span<const uint8_t> bytes,
                                                            const std::string& file) {
  constexpr size_t kTokenHeader = 8;
  size_t at = 4;  // behind the length of the longest token, of which nothing depends
  const auto word = [&](size_t place) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value |= uint32_t{bytes[place + i]} << 8 * i;
    return value;
  };
  std::vector<ScoredToken> tokens;
  if (bytes.size() <= at) return TokenizerError(file, "it has no tokens", "a tokenizer.bin");
  while (at < bytes.size()) {
    const size_t left = bytes.size() - at;
    if (left < kTokenHeader || word(at + 4) > left - kTokenHeader) {
      return TokenizerError(
          file, fmt::format("token {} at byte {} ends behind the file", tokens.size(), at),
          "a tokenizer.bin of llama2.c: a score, a length and bytes per token");
    }
    const uint32_t length = word(at + 4);
    tokens.push_back(
        {std::string(reinterpret_cast<const char*>(bytes.data()) + at + kTokenHeader, length),
         std::bit_cast<float>(word(at)), true});
    at += kTokenHeader + length;
  }
  // The unknown token and the two that begin and end texts.
  for (size_t i = 0; i < std::min<size_t>(3, tokens.size()); ++i) tokens[i].is_text = false;
  return MakeScoreTokenizer(std::move(tokens), 1, file);
}

}  // namespace npugen
