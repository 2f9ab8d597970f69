#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Area of npu_popcount in Yosys: LUT6 (synth_xilinx), LUT4 (synth_ice40), NAND2 equivalents (OSU 0.18),
# printed tree and, with a second line, the simulation view's $countones.
#
#   popcount_area.sh RTL_LIBRARY SOURCE BITS...      RTL_LIBRARY: build/npugen_rtl_library
set -euo pipefail
library=$(realpath "$1") cells=$(realpath "$2")/rtl/cells
shift 2
liberty=${LIBERTY:-/usr/share/qflow/tech/osu018/osu018_stdcells.lib}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# What generator/synth puts in the place of npu_full_adder.
head='module npu_full_adder #(parameter Width = 1) (
  input [Width-1:0] a_i, b_i, c_i, output [Width-1:0] sum_o, carry_o);'
printf '(* blackbox *)\n%s\nendmodule\n' "$head" > box.v
printf '%s\n  FAX1 adders [Width-1:0] (.A(a_i), .B(b_i), .C(c_i), .YC(carry_o), .YS(sum_o));\nendmodule\n' \
  "$head" > map.v

luts() { awk '/Number of cells/{sum = 0} / (SB_)?LUT[1-6] /{sum += $2} END {print sum + 0}'; }
count() {  # view name, options of read_verilog, sources
  local read="read_verilog -sv $2"
  local lut6 lut4 area
  lut6=$(yosys -p "$read -DNPU_LUT6 $3 $cells/npu_carry_row.sv; synth_xilinx -flatten -noiopad -top npu_popcount; stat" |
    luts)
  lut4=$(yosys -p "$read -DNPU_LUT4 $3 $cells/npu_carry_row.sv; synth_ice40 -top npu_popcount; stat" | luts)
  area=$(yosys -p "$read $3 box.v; read_liberty -lib $liberty; hierarchy -check -top npu_popcount; techmap -map map.v
    synth -top npu_popcount -noalumacc; abc -liberty $liberty -script +strash;ifraig;dc2;dch,-f;amap,-m
    opt_clean; stat -liberty $liberty" | awk '/Chip area/{print $NF}')
  awk -v view="$1" -v n="$bits" -v six="$lut6" -v four="$lut4" -v area="$area" 'BEGIN {
    printf "| %d | %s | %d (%.2f) | %d (%.2f) | %.0f (%.2f) |\n",
           n, view, six, six / n, four, four / n, area / 24, area / 24 / n }'
}
echo '| bits | view | LUT6 (per bit) | LUT4 (per bit) | GE (per bit) |'
echo '| --- | --- | --- | --- | --- |'
for bits in "$@"; do
  "$library" out "$bits"
  sed -e 's/^`ifndef SYNTHESIS/`ifndef PRINTED_VIEW/' out/npu_popcount.sv > popcount.sv
  count printed -DPRINTED_VIEW popcount.sv
  count '`$countones`' "" popcount.sv
done
