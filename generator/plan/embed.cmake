# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C++ file that holds the texts of SOURCES (a comma-separated list) for rtl_library.h.
string(REPLACE "," ";" SOURCES "${SOURCES}")
set(code "// Embedded at build time from rtl/.\n#include \"generator/plan/rtl_library.h\"\n\n")
string(APPEND code "namespace npugen {\nnamespace {\n\nconstexpr RtlSource kSources[] = {\n")
foreach(source IN LISTS SOURCES)
  file(READ "${source}" text)
  get_filename_component(name "${source}" NAME)
  string(APPEND code "    {\"${name}\", R\"npugen_rtl(${text})npugen_rtl\"},\n")
endforeach()
string(APPEND code "};\n\n}  // namespace\n\n")
string(APPEND code "std::span<const RtlSource> RtlLibrary() { return kSources; }\n\n}  // namespace npugen\n")
file(WRITE "${OUTPUT}" "${code}")
