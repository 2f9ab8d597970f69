#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# compare_estimates.sh BASE NEW [-s "SPEC..."] MODEL...: cycles that two builds of npugen estimate
# for models on all presets (or those given), cold and with cached parameters, and their ratio. Those
# that became slower are marked.
# Models that a spec cannot hold are left out. OUT=FILE keeps the table of BASE for the next time.
set -u
base=$1 new=$2
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
specs=$(ls "$root"/specs/{edge,nano,quad,edge_tpu_v1,edge_tpu_v2,edge_tpu_v3}.yaml)
if [ "$1" = -s ]; then specs=$2; shift 2; fi
cache=${OUT:-$(mktemp -d)}
mkdir -p "$cache"

# Prints "COLD CACHED".
cycles() {
  timeout 1200 "$1" estimate "$2" "$3" 2>/dev/null | awk '
    / cycles, / && !cold { cold = $1 }
    /^cold:/ { cold = $2; for (i = 1; i <= NF; ++i) if ($i == "cached:") cached = $(i + 1) }
    END { print cold ? cold : "-", cached ? cached : cold ? cold : "-" }'
}

worse=0
printf '%-14s %-24s %11s %11s %7s %11s %11s %7s\n' spec model cold new ratio cached new ratio
for spec in $specs; do
  for model in "$@"; do
    name=$(basename "$model" .tflite)
    [ "$name" = model ] && name=$(basename "$(dirname "$model")")
    kept=$cache/$(basename "$spec" .yaml).$name
    [ -s "$kept" ] || cycles "$base" "$spec" "$model" > "$kept"
    read -r cold cached < "$kept"
    read -r new_cold new_cached < <(cycles "$new" "$spec" "$model")
    awk -v spec="$(basename "$spec" .yaml)" -v name="$name" -v a="$cold" -v b="$new_cold" \
      -v c="$cached" -v d="$new_cached" 'BEGIN {
        if (a == "-" && b == "-") exit 0
        mark = (b == "-" || b > a * 1.0005 || d > c * 1.0005) ? "  SLOWER" : ""
        printf "%-14s %-24s %11s %11s %7.4f %11s %11s %7.4f%s\n", spec, name, a, b,
          (a > 0 ? b / a : 0), c, d, (c > 0 ? d / c : 0), mark
        exit mark != ""
      }' || worse=1
  done
done
exit $worse
