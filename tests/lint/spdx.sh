#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says which sources do not name the licence in their first three lines: spdx.sh SOURCE_FOLDER.
set -euo pipefail
cd "$1"
missing=$(find cli constraints generator rtl specs sw tests verif setup.sh Makefile CMakeLists.txt \
    \( -path tests/data -o -path tests/bad_specs \) -prune -o -type f \
    \( -name '*.cc' -o -name '*.h' -o -name '*.c' -o -name '*.def' -o -name '*.sv' -o -name '*.svh' \
       -o -name '*.S' -o -name '*.ld' -o -name '*.sh' -o -name '*.yaml' -o -name '*.cmake' -o -name '*.sdc' \
       -o -name '*.ys' -o -name '*.tcl' -o -name '*.f' -o -name CMakeLists.txt -o -name Makefile \) -print |
  while read -r file; do
    head -3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0\|# @LICENSE@' || echo "$file"
  done)
[ -z "$missing" ] && exit 0
printf 'These files lack the line "SPDX-License-Identifier: Apache-2.0":\n%s\n' "$missing"
exit 1
