// SPDX-License-Identifier: Apache-2.0
// The schema of a spec: one table of keys that drives reading, messages and the reference.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/spec/key_numbers.h"

namespace npugen {

/// What kind of value a key has.
enum class KeyKind {
  kBlock,  ///< a mapping of further keys
  kName,   ///< an identifier
  kCount,  ///< a whole number
  kBytes,  ///< a size: whole number or number with B, KiB, MiB
  kHertz,  ///< a frequency: number with Hz, kHz, MHz, GHz
  kFlag,   ///< true or false
  kWords,  ///< a list of words, each from `words`
};

enum class KeyPresence {
  kRequired,
  kDefault,  ///< `default_value` where the key is missing
  kDerived,  ///< computed from other keys where the key is missing, as `default_text` says
};

/// One key of a spec.
struct KeyInfo {
  std::string_view path;  ///< such as `npu.axi.data_width`
  KeyKind kind;
  KeyPresence presence = KeyPresence::kDefault;
  uint64_t default_value = 0;
  uint64_t low = 0;   ///< smallest legal value
  uint64_t high = 0;  ///< largest legal value
  bool power_of_two = false;
  std::string_view unit = {};  ///< of a count, such as `lanes`
  std::string_view summary = {};
  uint32_t KeyNumbers::*member = nullptr;  ///< where the value goes, if it is a plain number
  std::string_view default_text = {};      ///< for derived defaults
  /// For flags and words: why the other values are refused today.
  std::string_view only_because = {};
  std::string_view word = {};  ///< the word that kWords always has
  /// The words that it may have besides, all or none of them: the value is 1 or 0.
  std::span<const std::string_view> more_words = {};

  /// A feature that leaves no trace where it is off: neither name nor value nor hash.
  bool HiddenWhenOff() const;

  /// The last part of the path.
  std::string_view Name() const;
  /// The path of the block that holds the key; empty at the top.
  std::string_view Parent() const;
};

/// All keys, each block before its members; the order of the reference and of the canonical text.
std::span<const KeyInfo> AllKeys();
/// The key of that path, or null.
const KeyInfo* FindKey(std::string_view path);
/// Names of the keys in a block; the top level is the empty path.
std::vector<std::string_view> KeysOf(std::string_view block);

/// `a power of two from 32 to 512 (bits)`.
std::string LegalValues(const KeyInfo& key);
/// A value as a user would write it.
std::string FormatValue(const KeyInfo& key, uint64_t value);

}  // namespace npugen
