// SPDX-License-Identifier: Apache-2.0
// Checks of what npugen itself must have got right. Unlike assert() they stand in every build: a
// release must not go on with a wrong result either.
#pragma once

#include <source_location>
#include <string_view>

namespace npugen {

/// Says what went wrong and where (error X001), and ends the program with that error's status.
[[noreturn]] void InternalError(std::string_view what,
                                std::source_location where = std::source_location::current());

/// Ends the program with InternalError(`what`) unless `holds`.
inline void Check(bool holds, std::string_view what,
                  std::source_location where = std::source_location::current()) {
  if (!holds) [[unlikely]]
    InternalError(what, where);
}

}  // namespace npugen
