#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says which includes point against the arrows of docs/architecture.md: arrows.sh SOURCE_FOLDER.
# A line is a folder and the folders whose headers it may include; its own are always allowed.
set -euo pipefail
cd "$1"
rules='
generator/support
generator/arch       generator/support
generator/spec       generator/support generator/config
generator/config     generator/support generator/arch generator/spec
generator/plan       generator/support generator/arch generator/spec generator/config
generator/emit       generator/support generator/arch generator/spec generator/config generator/plan
generator/synth      generator/
sw/model             generator/
sw/stream            generator/
sw/timing            generator/ sw/stream
sw/driver            sw/compiler/program_format.h
sw/compiler/lower    generator/ sw/model
sw/compiler/encode   generator/ sw/model sw/stream sw/compiler/lower
sw/compiler/plan     generator/ sw/model sw/timing sw/compiler/lower sw/compiler/encode
sw/compiler/schedule generator/ sw/timing sw/compiler/lower sw/compiler/encode
sw/compiler/tile     generator/ sw/model sw/compiler/lower sw/compiler/encode sw/compiler/plan
sw/compiler          generator/ sw/model sw/stream sw/timing sw/driver
sw/firmware          sw/driver sw/compiler/program_format.h
sw/runtime           generator/ sw/compiler sw/model sw/driver
generator            generator/
verif                generator/ sw/
cli                  generator/ sw/ verif/
'
wrong=0
while read -r file include; do
  # The longest folder of the rules that holds the file.
  rule=$(awk -v file="$file" 'NF && index(file, $1 "/") == 1 && length($1) > length(best) {
    best = $1; line = $0 } END { print line }' <<< "$rules")
  [ -n "$rule" ] || { echo "$file: tests/lint/arrows.sh has no rule for its folder"; wrong=1; continue; }
  read -r -a allowed <<< "$rule"
  for prefix in "${allowed[@]}"; do
    [[ $include == "$prefix"* ]] && continue 2
  done
  echo "$file includes $include: against the arrows of docs/architecture.md"
  wrong=1
done < <(grep -rEo '#include "(generator|sw|verif|cli|tests)/[^"]*"' --include='*.cc' --include='*.h' --include='*.c' \
           generator sw verif cli | sed -E 's/:#include "(.*)"/ \1/')
exit $wrong
