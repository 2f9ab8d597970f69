#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Area and timing of one end of a link: link_area.sh BUILD SOURCE link|cxl [--timing]
set -euo pipefail
build=$(realpath "$1") source=$(realpath "$2") which=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/npugen_rtl_library" "$work"
cp "$source/tests/synth/links/${which}_top.sv" "$work/npu_top.sv"
case $which in
  link) files=("$work/npu_crc.sv" "$source"/rtl/link/*.sv) ;;
  cxl) files=("$work/npu_crc_cxl.sv" "$source"/rtl/cxl/*.sv "$source"/rtl/cells/npu_ram_fifo.sv) ;;
  *) echo "link_area.sh: no $which" >&2; exit 2 ;;
esac
"$build/module_synth" "$@" "$source/rtl/npu_assert.svh" "${files[@]}" "$work/npu_top.sv" \
  "$source"/rtl/cells/npu_{credits,packet_fifo,ram_1r1w,replay}.sv
