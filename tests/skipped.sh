#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says which tests a run of ctest skipped, and why: skipped.sh LAST_TEST_LOG. The log has the output
# of all tests; GoogleTest ends a skipped one with `[  SKIPPED ] NAME (0 ms)` behind its reason.
set -euo pipefail
awk '
  /: Skipped$/ { getline reason; next }
  /^\[  SKIPPED \] .* \([0-9]+ ms\)$/ {
    if (reason == "") reason = "no reason is given"
    if (!(reason in names)) order[++reasons] = reason
    count[reason]++; total++
    names[reason] = names[reason] " " $4
    reason = ""
  }
  END {
    if (total == 0) { print "No test was skipped."; exit }
    printf "%d test%s skipped:\n", total, total == 1 ? " was" : "s were"
    for (r = 1; r <= reasons; ++r) {
      printf "  %d: %s\n", count[order[r]], order[r]
      line = "   "
      split(names[order[r]], list, " ")
      for (n = 1; n <= count[order[r]]; ++n) {
        if (length(line) + length(list[n]) > 99) { print line; line = "   " }
        line = line " " list[n]
      }
      print line
    }
  }' "$1"
