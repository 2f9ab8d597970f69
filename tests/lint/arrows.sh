#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says which includes point against the arrows of docs/architecture.md: arrows.sh SOURCE_FOLDER [RULES].
# A line of the rules is a folder and the folders whose headers it may include; its own are always allowed. It may name
# folders of lines above it only, so folders cannot include each other; single headers may be any. RULES is a file with other
# rules, for the test of this script.
set -euo pipefail
cd "$1"
rules='
generator/support
generator/arch       generator/support
generator/spec       generator/support
generator/config     generator/support generator/arch generator/spec
generator/plan       generator/support generator/arch generator/spec generator/config
generator/emit       generator/support generator/arch generator/spec generator/config generator/plan
generator/synth      generator/support generator/arch generator/spec generator/config generator/plan generator/emit
generator            generator/
sw/numerics          generator/
sw/model             generator/
sw/transformer       generator/ sw/numerics sw/model
sw/stream            generator/
sw/timing            generator/ sw/stream
sw/collective        generator/
sw/driver            sw/compiler/program_format.h sw/compiler/network_format.h
sw/compiler/lower    generator/ sw/model
sw/compiler/encode   generator/ sw/model sw/stream sw/compiler/lower
sw/compiler/plan     generator/ sw/model sw/timing sw/compiler/lower sw/compiler/encode
sw/compiler/schedule generator/ sw/timing sw/compiler/lower sw/compiler/encode
sw/compiler/tile     generator/ sw/model sw/compiler/lower sw/compiler/encode sw/compiler/plan
sw/compiler          generator/ sw/model sw/stream sw/timing sw/driver
sw/float             generator/ sw/stream sw/compiler
sw/training          generator/ sw/numerics sw/model sw/stream sw/compiler sw/float
sw/generation        generator/ sw/numerics sw/stream sw/compiler sw/float sw/transformer
sw/firmware          sw/driver sw/compiler/program_format.h
sw/linux             sw/driver
sw/runtime           generator/ sw/compiler sw/model sw/driver
verif                generator/ sw/
cli                  generator/ sw/ verif/
'
[ $# -lt 2 ] || rules=$(< "$2")
wrong=0
# What a line names must stand above it.
cycles=$(awk 'NF { folder[++rows] = $1; line[rows] = $0 }
  END {
    for (row = 1; row <= rows; ++row) {
      count = split(line[row], words)
      for (word = 2; word <= count; ++word) {
        if (words[word] ~ /\./) continue
        for (later = row + 1; later <= rows; ++later) {
          if (index(folder[later] "/", words[word]) == 1)
            print "tests/lint/arrows.sh: " folder[row] " may include " folder[later] ", which stands below it"
        }
      }
    }
  }' <<< "$rules")
[ -z "$cycles" ] || { echo "$cycles"; wrong=1; }
# Of each include, by the longest folder of the rules that holds its file.
wrong_includes=$(grep -rEo '#include "(generator|sw|verif|cli|tests)/[^"]*"' --include='*.cc' --include='*.h' --include='*.c' \
    generator sw verif cli | sed -E 's/:#include "(.*)"/ \1/' |
  awk -v rules="$rules" '
    BEGIN {
      rows = split(rules, lines, "\n")
      for (row = 1; row <= rows; ++row) {
        count = split(lines[row], words)
        if (count == 0) continue
        known[words[1]] = 1
        allowed[words[1], 0] = count
        for (word = 1; word <= count; ++word) allowed[words[1], word] = words[word]
      }
    }
    {
      folder = $1
      while (sub("/[^/]*$", "", folder) && !(folder in known)) {}
      if (!(folder in known)) {
        print $1 ": tests/lint/arrows.sh has no rule for its folder"
        next
      }
      for (word = 1; word <= allowed[folder, 0]; ++word) {
        if (index($2, allowed[folder, word]) == 1) next
      }
      print $1 " includes " $2 ": against the arrows of docs/architecture.md"
    }')
[ -z "$wrong_includes" ] || { echo "$wrong_includes"; wrong=1; }
exit $wrong
