// SPDX-License-Identifier: Apache-2.0
// A spec as read: the value of each schema key, where it stands, and whether it can be used.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "generator/spec/schema.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// The value of one key.
struct SpecValue {
  uint64_t number = 0;  ///< bytes, hertz, count, or 0/1 of a flag
  std::string text;     ///< of names
  int line = 0;         ///< where the value stands; 0 when not given
  int column = 0;
  bool given = false;
  bool usable = true;  ///< false: missing or refused, so rules between keys skip it
};

/// The values of all keys but blocks.
class Spec {
 public:
  explicit Spec(std::string file);
  const std::string& file() const { return file_; }
  /// The path must be one of the schema's.
  const SpecValue& At(std::string_view path) const { return values_.at(path); }
  SpecValue& At(std::string_view path) { return values_.at(path); }

 private:
  std::string file_;
  std::map<std::string_view, SpecValue> values_;
};

/// What reading gives: all values that could be understood, and every error found on the way.
struct SpecReading {
  Spec spec;
  Diagnostics errors;
};

/// A key that gets another value than the text says, in the text's own notation (`128 KiB`).
struct SpecChange {
  std::string path;  ///< such as `core.lanes`
  std::string value;
};

/// Reads the text of a spec with `changes` to it; `file` names it in messages.
SpecReading ReadSpec(std::string_view text, const std::string& file,
                     const std::vector<SpecChange>& changes = {});

}  // namespace npugen
