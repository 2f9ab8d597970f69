#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lints RTL with Verilator and reads it into Yosys.
#
#   lint.sh library NPUGEN SOURCE PRINTER   unprocessed rtl/, which has all features, with the printed files of the
#                                           edge_bnn emission, and those of floating point by PRINTER (npugen_rtl_library);
#                                           the synthesis view of an emission with every feature but these
#   lint.sh verilator NPUGEN SPEC     a spec's emission, from inside its folder, by its own file list
#   lint.sh synthesis NPUGEN SPEC     the same with the synthesis view and one PE
#   lint.sh words NPUGEN SPEC LINT    npugen_sv_lint on a spec's emission
#   lint.sh yosys NPUGEN SPEC         hierarchy and check of the emission; no latch but in clock gates
#   lint.sh links NPUGEN SOURCE PRINTER     npu_link and npu_cxl_link, which no emission has yet, in both tools and both views
set -euo pipefail
mode=$1 npugen=$2 subject=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Both spend half of their time in malloc.
allocator=$(find /usr/lib -maxdepth 2 -name libjemalloc.so.2 -print -quit)
verilator() { LD_PRELOAD=$allocator command verilator "$@"; }
yosys() { LD_PRELOAD=$allocator command yosys "$@"; }

case $mode in
  library)
    # With every feature.
    sed 's/^units:/units:\n  residual: true\n  dma: {strides: true, store_bounds: true, wide_fill: true, im2col: true, swizzle: true, transpose: true}/; s/enabled: true/enabled: true, residual: true/' \
      "$subject/specs/edge_bnn.yaml" > "$work/edge.yaml"
    "$npugen" emit "$work/edge.yaml" -o "$work/edge" > /dev/null
    "$4" "$work/printed"
    verilator --lint-only -Wall --assert "+incdir+$subject/rtl" --top-module npu_top "$work"/printed/npu_isa_pkg.sv "$work/edge/rtl/npu_cfg_pkg.sv" \
      "$work"/edge/rtl/npu_{regs,popcount,dot_products}.sv "$work"/printed/npu_{float_tree,byte_multiplier,significand_product}.sv \
      "$subject"/rtl/*.sv "$subject"/rtl/*/*.sv
    "$0" synthesis "$npugen" "$work/edge.yaml"
    ;;
  verilator)
    "$npugen" emit "$subject" -o "$work/out" > /dev/null
    cd "$work/out" && verilator --lint-only -Wall --assert --top-module npu_top -f filelist.f
    ;;
  synthesis)
    # One PE has every module that has a view for synthesis; a grid of them takes minutes and 11 GB.
    sed -E 's/^( *grid:).*/\1 {x: 1, y: 1}/' "$subject" > "$work/one.yaml"
    "$npugen" emit "$work/one.yaml" -o "$work/out" > /dev/null
    cd "$work/out" && verilator --lint-only -Wall -DSYNTHESIS --top-module npu_top -f filelist.f
    ;;
  words)
    "$npugen" emit "$subject" -o "$work/out" > /dev/null
    "$4" "$work"/out/rtl/*.sv
    ;;
  yosys)
    "$npugen" emit "$subject" -o "$work/out" > /dev/null
    cd "$work/out"
    yosys -q -p "read_verilog -sv $(grep '\.sv$' filelist.f | tr '\n' ' '); hierarchy -check -top npu_top; proc; check -assert; select -assert-none t:\$dlatch npu_clock_gate/* %d"
    ;;
  links)
    "$4" "$work/printed"
    cells=("$subject"/rtl/cells/npu_{credits,packet_fifo,ram_1r1w,replay}.sv)
    link=("$work"/printed/npu_crc.sv "$subject"/rtl/link/*.sv "${cells[@]}")
    cxl=("$work"/printed/npu_crc_cxl.sv "$subject"/rtl/cxl/*.sv "${cells[@]}" "$subject"/rtl/cells/npu_ram_fifo.sv)
    for top in npu_link npu_cxl_link; do
      files=("${link[@]}")
      [ $top = npu_link ] || files=("${cxl[@]}")
      for view in -DSIMULATION -DSYNTHESIS; do
        verilator --lint-only -Wall --assert $view "+incdir+$subject/rtl" --top-module $top "${files[@]}"
      done
      yosys -q -p "read_verilog -sv -I$subject/rtl ${files[*]}; hierarchy -check -top $top; proc; check -assert; select -assert-none t:\$dlatch"
    done
    ;;
  *)
    echo "lint.sh: unknown mode $mode" >&2
    exit 2
    ;;
esac
