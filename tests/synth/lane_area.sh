#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Area and timing of a lane of 16 bytes with floating point, beside one without: lane_area.sh BUILD SOURCE [--timing]
set -euo pipefail
build=$(realpath "$1") source=$(realpath "$2")
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$build/npugen_rtl_library" "$work" 128
"$build/npugen" emit "$source/specs/edge.yaml" -o "$work/edge" > /dev/null
cells=("$source"/rtl/npu_assert.svh "$source"/rtl/cells/{npu_full_adder,npu_ram_1r1w}.sv)
for lane in dot float; do
  cp "$source/tests/synth/lanes/${lane}_lane_top.sv" "$work/npu_top.sv"
  files=("$work/npu_top.sv")
  case $lane in
    dot) files+=("$work"/edge/rtl/npu_dot_{lane,products}.sv) ;;
    float) files+=("$source"/rtl/lanes/npu_float_*.sv "$work"/npu_{float_tree,byte_multiplier}.sv) ;;
  esac
  echo "== npu_${lane}_lane"
  "$build/module_synth" "$@" "${cells[@]}" "${files[@]}"
done
