#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# compare_peer.sh NPUGEN README FOLDER... [-s SPEC]: cycles that `npugen estimate` gives for the
# networks in the folders (NAME.tflite) for which a table of README has a peer's cycles (column
# "peer", rows by NAME), the ratio of both, what limits the layers that take most, and the
# geometric mean of the ratios. Of the shared folder:
#   tests/compare_peer.sh build/npugen ../shared/perf/README.md ../shared/perf/models NETS
# where `OUT=NETS python3 ../shared/perf/nets.py` wrote NETS.
set -u
npugen=$1 readme=$2
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
spec=$root/specs/edge.yaml
folders=()
while [ $# -gt 0 ]; do
  if [ "$1" = -s ]; then spec=$2; shift 2; else folders+=("$1"); shift; fi
done

# "NAME PEER" of every row of a table that has a column "peer".
peers() {
  awk -F'|' '
    !/^\|/ { column = 0 }
    /^\|/ {
      for (i = 2; i < NF && !column; ++i) if ($i ~ /^ *peer *$/) column = i
      name = $2; cycles = $column
      sub(/:.*/, "", name); gsub(/[ ,]/, "", name); gsub(/[ ,]/, "", cycles)
      if (column && cycles ~ /^[0-9]+$/) print name, cycles
    }' "$readme"
}

printf '%-20s %11s %7s %11s %7s  %s\n' network cycles use peer ratio \
  'limited by (share of all cycles)'
peers | while read -r name peer; do
  for folder in "${folders[@]}"; do
    file=$folder/$name.tflite
    [ -e "$file" ] || continue
    timeout 1200 "$npugen" estimate "$spec" "$file" 2>/dev/null |
      awk -v name="$name" -v peer="$peer" '
      $1 == "total" { use = $4 }
      / cycles, / && !cycles { cycles = $1 }
      / of all / { limits = 1; next }
      limits && $2 ~ /%$/ {
        share = $2 + 0
        cause = substr($0, 16, 30); sub(/  .*/, "", cause)
        worth[cause] += share
      }
      END {
        text = ""
        for (n = 0; n < 3; ++n) {
          most = ""
          for (cause in worth) if (most == "" || worth[cause] > worth[most]) most = cause
          if (most == "") break
          text = text (n ? "; " : "") most sprintf(" %.0f %%", worth[most])
          delete worth[most]
        }
        if (cycles) {
          printf "%-20s %11d %7s %11d %7.2f  %s\n", name, cycles, use, peer, peer / cycles, text
        }
      }'
    break
  done
done | awk '{ print } { sum += log($5); ++n }
  END { if (n) printf "geometric mean of %d networks: %.3f\n", n, exp(sum / n) }'
