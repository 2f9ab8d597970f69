#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says which sources do not name the licence in their first three lines: spdx.sh SOURCE_FOLDER.
set -euo pipefail
cd "$1"
missing=$(find cli constraints generator rtl specs sw tests verif setup.sh Makefile CMakeLists.txt unity.cmake \
    \( -path tests/data -o -path tests/bad_specs \) -prune -o -type f \
    \( -name '*.cc' -o -name '*.h' -o -name '*.c' -o -name '*.def' -o -name '*.sv' -o -name '*.svh' \
       -o -name '*.S' -o -name '*.ld' -o -name '*.sh' -o -name '*.yaml' -o -name '*.cmake' -o -name '*.sdc' \
       -o -name '*.ys' -o -name '*.tcl' -o -name '*.f' -o -name CMakeLists.txt -o -name Makefile \) -print0 |
  xargs -0 awk '
    FNR <= 3 && /SPDX-License-Identifier: Apache-2.0|# @LICENSE@/ { named[FILENAME] = 1 }
    FNR == 3 { nextfile }
    END { for (i = 1; i < ARGC; ++i) if (!(ARGV[i] in named)) print ARGV[i] }')
[ -z "$missing" ] && exit 0
printf 'These files lack the line "SPDX-License-Identifier: Apache-2.0":\n%s\n' "$missing"
exit 1
