#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Area and timing of a lane of 16 bytes with floating point, beside one without, and of division:
# lane_area.sh BUILD SOURCE [--timing]
set -euo pipefail
build=$(realpath "$1") source=$(realpath "$2")
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/npugen_rtl_library" "$work" 128
"$build/npugen" emit "$source/specs/edge.yaml" -o "$work/edge" > /dev/null
cells=("$source"/rtl/npu_assert.svh "$source"/rtl/cells/{npu_full_adder,npu_ram_1r1w}.sv)
for part in dot_lane float_lane fp32_divide; do
  cp "$source/tests/synth/lanes/${part}_top.sv" "$work/npu_top.sv"
  files=("$work/npu_top.sv")
  case $part in
    dot_lane) files+=("$work"/edge/rtl/npu_dot_{lane,products}.sv) ;;
    float_lane) files+=("$source"/rtl/lanes/npu_float_{accumulate,align,lane,operand,products}.sv "$work"/npu_{float_tree,byte_multiplier}.sv) ;;
    fp32_divide) files+=("$source"/rtl/lanes/npu_fp32_divide.sv) ;;
  esac
  echo "== npu_$part"
  "$build/module_synth" "$@" "${cells[@]}" "${files[@]}"
done
