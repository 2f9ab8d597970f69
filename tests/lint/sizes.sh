#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says what has outgrown its form, and which documents name files that are not there: sizes.sh SOURCE_FOLDER.
#   - a file of rtl/ has at most 500 lines
#   - a function has at most 100 lines, or a comment before it gives the reason: "// Long: ..."
#   - a path in `backquotes` of a document begins with a folder of the project and exists
set -euo pipefail
cd "$1"
status=0
say() {
  echo "$1"
  status=1
}

while read -r lines file; do
  [ "$file" = total ] || [ "$lines" -le 500 ] || say "$file has $lines lines, 500 are the most"
done < <(find rtl -name '*.sv' -print0 | xargs -0 wc -l)

while read -r place; do
  say "$place"
done < <(find cli generator sw verif \( -name '*.cc' -o -name '*.c' -o -name '*.h' \) ! -name '*_test.cc' -print0 |
  xargs -0 awk '
    FNR == 1 { start = 0; reason = 0 }
    /^\/\/ Long: / { reason = FNR }
    !start && /^[A-Za-z].*[{]$/ && !/^(namespace|struct|class|enum|union|extern) / {
      start = FNR
      excused = reason && FNR - reason < 12
    }
    /^}/ {
      if (start && $0 !~ /^};/ && FNR - start > 100 && !excused)
        printf "%s:%d: a function of %d lines, 100 are the most without a reason\n", FILENAME, start, FNR - start + 1
      start = 0
    }')

folders='cli|constraints|docs|generator|models|rtl|specs|sw|tests|verif'
while IFS=: read -r file path; do
  # Patterns, names that stand for others, and files of an emission are not held.
  case $path in docs/registers.md | constraints/npu.sdc | *[\*\<\{\ \$,]* | *NAME* | *NPU* | *...*) continue ;; esac
  path=${path%/}
  path=${path%%:*}
  [ -e "$path" ] || compgen -G "$path.*" > /dev/null || say "$file names $path, which does not exist"
done < <(grep -oHE "\`($folders)/[^\`]+\`" README.md CONTRIBUTING.md docs/*.md rtl/README.md generator/README.md | tr -d '`' | sort -u)
exit $status
