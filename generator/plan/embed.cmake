# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C++ file that holds the texts of SOURCES for the function FUNCTION of generator/plan/HEADER, which
# gives a span of TYPE. SOURCES is a comma-separated list of FILE or NAME=FILE; without a NAME files are called by their
# path below ROOT, or (no ROOT) by their name.
string(REPLACE "," ";" SOURCES "${SOURCES}")
set(code "// Embedded at build time.\n#include \"generator/plan/${HEADER}\"\n\n")
string(APPEND code "namespace npugen {\nnamespace {\n\nconstexpr ${TYPE} kSources[] = {\n")
foreach(source IN LISTS SOURCES)
  if(source MATCHES "^([^=]+)=(.+)$")
    set(name "${CMAKE_MATCH_1}")
    set(source "${CMAKE_MATCH_2}")
  elseif(ROOT)
    file(RELATIVE_PATH name "${ROOT}" "${source}")
  else()
    get_filename_component(name "${source}" NAME)
  endif()
  file(READ "${source}" text)
  string(APPEND code "    {\"${name}\", R\"npugen_rtl(${text})npugen_rtl\"},\n")
endforeach()
string(APPEND code "};\n\n}  // namespace\n\n")
string(APPEND code "std::span<const ${TYPE}> ${FUNCTION}() { return kSources; }\n\n}  // namespace npugen\n")
file(WRITE "${OUTPUT}" "${code}")
