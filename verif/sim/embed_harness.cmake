# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C++ file with the texts of SOURCES (comma-separated paths below ROOT).
string(REPLACE "," ";" SOURCES "${SOURCES}")
set(code "// Embedded at build time from verif/sim.\n#include \"verif/sim/harness_sources.h\"\n\n")
string(APPEND code "namespace npugen {\nnamespace {\n\nconstexpr HarnessSource kSources[] = {\n")
foreach(source IN LISTS SOURCES)
  file(READ "${ROOT}/${source}" text)
  string(APPEND code "    {\"${source}\", R\"npugen_sim(${text})npugen_sim\"},\n")
endforeach()
string(APPEND code "};\n\n}  // namespace\n\n")
string(APPEND code
  "std::span<const HarnessSource> HarnessSources() { return kSources; }\n\n}  // namespace npugen\n")
file(WRITE "${OUTPUT}" "${code}")
