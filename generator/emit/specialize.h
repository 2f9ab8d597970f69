// SPDX-License-Identifier: Apache-2.0
// Makes a file of the RTL library the file of one configuration.
//
// These comment directives exist:
//     parameter int unsigned Lanes = 16,  //@ = core.lanes  -- per core
// replaces the default by the configuration's value (the text after `--` stays as remark), and
//     //@ if units.bnn.enabled
//     ...
//     //@ endif
// removes the region when the feature is off; it may end with other code for this case:
//     //@ else
//     //@:  code
// where the first four columns are blanks in the emission (code behind an indented `//@:` stands
// where the directive does). One line alone is removed by
//     wire plane;  //@ if units.bnn.enabled
// And
//     //@ unless units.bnn.enabled: assign plane_q = 1'b0;
// becomes the code behind the colon then. Keys are those of ConfigValues(), features the flags
// of the schema. So the unprocessed file is itself legal SystemVerilog.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/config/config_values.h"
#include "generator/plan/rtl_library.h"

namespace npugen {

/// The specialized text with `banner` (a sentence) behind the opening comment. What is wrong with
/// the file's directives is appended to `problems`, as `file:line: what`.
std::string Specialize(const RtlSource& source, const std::vector<ConfigValue>& values,
                       std::string_view banner, std::vector<std::string>& problems);

}  // namespace npugen
