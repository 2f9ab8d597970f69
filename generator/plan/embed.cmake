# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C++ file that defines FUNCTION of rtl_library.h: the texts of SOURCES, a comma-separated list of
# files, or of NAME=FILE where the name is not the file's own.
string(REPLACE "," ";" SOURCES "${SOURCES}")
set(code "// Embedded at build time.\n#include \"generator/plan/rtl_library.h\"\n\n")
string(APPEND code "namespace npugen {\nnamespace {\n\nconstexpr RtlSource kSources[] = {\n")
foreach(source IN LISTS SOURCES)
  if(source MATCHES "^([^=]+)=(.+)$")
    set(name "${CMAKE_MATCH_1}")
    set(source "${CMAKE_MATCH_2}")
  else()
    get_filename_component(name "${source}" NAME)
  endif()
  file(READ "${source}" text)
  string(APPEND code "    {\"${name}\", R\"npugen_rtl(${text})npugen_rtl\"},\n")
endforeach()
string(APPEND code "};\n\n}  // namespace\n\n")
string(APPEND code "std::span<const RtlSource> ${FUNCTION}() { return kSources; }\n\n}  // namespace npugen\n")
file(WRITE "${OUTPUT}" "${code}")
