// SPDX-License-Identifier: Apache-2.0
// Prints the reference of the spec.
#pragma once

#include <string>

namespace npugen {

/// The reference docs/spec.md: every key, every rule between keys, every error.
std::string SpecReference();

}  // namespace npugen
