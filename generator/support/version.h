// SPDX-License-Identifier: Apache-2.0
// The version that every emitted banner and manifest carries.
#pragma once

#include <string_view>

namespace npugen {

inline constexpr std::string_view kToolVersion = "0.1.0";

}  // namespace npugen
