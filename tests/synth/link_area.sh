#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Area and timing of one end of a link: link_area.sh BUILD SOURCE [--timing]
set -euo pipefail
build=$(realpath "$1") source=$(realpath "$2")
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/npugen_rtl_library" "$work"
cp "$source/tests/synth/links/link_top.sv" "$work/npu_top.sv"
"$build/module_synth" "$@" "$source/rtl/npu_assert.svh" "$work"/npu_{top,crc}.sv "$source"/rtl/link/*.sv \
  "$source"/rtl/cells/npu_{credits,packet_fifo,ram_1r1w,replay}.sv
