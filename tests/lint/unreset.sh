#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The flip-flops and memories without reset against their list: a new one fails by name.
#
#   unreset.sh NPUGEN SOURCE PRINTER   compares with SOURCE/rtl/unreset.txt; PRINTER: npugen_rtl_library
#
# Yosys simulates emissions with all inputs but clock and reset unknown, 8 cycles in reset, from an
# unknown state. What is unknown then is not reset. The specs reach every branch of the RTL that has
# registers of its own. Clocks are gated, so a gate that is shut in reset shows as well.
set -euo pipefail
npugen=$1 source=$2 printer=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# It spends half of its time in malloc.
allocator=$(find /usr/lib -maxdepth 2 -name libjemalloc.so.2 -print -quit)
yosys() { LD_PRELOAD=$allocator command yosys "$@"; }

cat > "$work/narrow.yaml" << 'SPEC'
npu: {grid: {x: 2, y: 1}, axi: {data_width: 32, address_width: 32, outstanding: 4}}
pe: {memory: 32 KiB, banks: 4, bank_width: 8, cores: 2}
core: {memory: 16 KiB, banks: 2, bank_width: 8, lanes: 3, accumulators: 5}
lane: {simd: 5, stages: 2}
controller: {instruction_memory: 64, parameter_buffer: 16, activation_buffer: 16}
units: {bnn: {enabled: true}, dma: {strides: true, store_bounds: true, wide_fill: true, im2col: true, swizzle: true, transpose: true},
        residual: true, postprocess_width: 2, lookup_ports: 1}
SPEC
cp "$source/specs/nano.yaml" "$work/nano.yaml"
sed 's/bnn: {enabled: true} /residual: true\n  bnn: {enabled: true, residual: true} /' \
  "$source/specs/edge_bnn.yaml" > "$work/wide.yaml"
sed 's/^units:/units:\n  bnn: {enabled: true, skip_window: 4}/' "$work/nano.yaml" > "$work/skip.yaml"

sed 's/^units:/units:\n  data_types: [int8, bf16, fp8_e4m3, fp8_e5m2]\n  vector_lanes: 4/; s/stages: [12]/stages: 6/; s/postprocess_width: [12]\b/postprocess_width: 4/' "$work/nano.yaml" > "$work/float.yaml"

# Unknown flip-flops and memories of FILE, whose top is TOP. Yosys gives each instance a module of its own, whose attribute
# names the one in the source.
unknown() {
  awk -v top="$2" '
       /^attribute .hdlname/ {name = $3; gsub(/[\\"]/, "", name)}
       /^module / {module = name; instance = substr($2, 2, length(top)) == top; if (substr($2, 2) == top) module = top; name = ""}
       /^  attribute .init/ {unknown = $3 ~ /x/}
       /^  wire / {if (unknown && instance) print module "." substr($NF, 2); unknown = 0}
       /^  memory / && $NF ~ /^\\/ && instance {print module "." substr($NF, 2)}' "$1"
}

{
for spec in narrow nano skip wide float; do
  "$npugen" emit "$work/$spec.yaml" -o "$work/$spec" > /dev/null
  (cd "$work/$spec" &&
    yosys -q -p "read_verilog -sv $(grep '\.sv$' filelist.f | tr '\n' ' ')
                 hierarchy -check -top npu_top; proc; opt_clean; uniquify
                 sim -clock clk_i -resetn rst_ni -rstlen 8 -n 8 -w
                 write_rtlil ../$spec.il" > ../yosys.log 2>&1) || { cat "$work/yosys.log"; exit 1; }
  unknown "$work/$spec.il" npu_top
done
# Links, which no emission has yet.
"$printer" "$work/printed"
yosys -q -p "read_verilog -sv -I$source/rtl $work/printed/npu_crc.sv $(echo "$source"/rtl/{link/*,cells/npu_{credits,packet_fifo,ram_1r1w,replay}}.sv)
             hierarchy -check -top npu_link; proc; opt_clean; uniquify
             sim -clock clk_i -resetn rst_ni -rstlen 8 -n 8 -w
             write_rtlil $work/link.il" > "$work/yosys.log" 2>&1 || { cat "$work/yosys.log"; exit 1; }
unknown "$work/link.il" npu_link
yosys -q -p "read_verilog -sv -I$source/rtl $work/printed/npu_crc_cxl.sv $(echo "$source"/rtl/{cxl/*,cells/npu_{credits,packet_fifo,ram_1r1w,ram_fifo,replay}}.sv)
             hierarchy -check -top npu_cxl_link; proc; opt_clean; uniquify
             sim -clock clk_i -resetn rst_ni -rstlen 8 -n 8 -w
             write_rtlil $work/cxl.il" > "$work/yosys.log" 2>&1 || { cat "$work/yosys.log"; exit 1; }
unknown "$work/cxl.il" npu_cxl_link
} | sed 's/\[[0-9]*\]//g' | sort -u > "$work/found"

# Lines of the list: module, reason, names.
awk -F' *[|] *' '/^npu_/ {n = split($3, names, " "); for (i = 1; i <= n; i++) print $1 "." names[i]}' \
  "$source/rtl/unreset.txt" | sort > "$work/listed"
status=0
for name in $(comm -23 "$work/found" "$work/listed"); do
  echo "$name has no reset, and no line of rtl/unreset.txt says why it needs none"
  status=1
done
for name in $(comm -13 "$work/found" "$work/listed") $(uniq -d "$work/listed"); do
  echo "$name is reset, gone or named twice: remove it from rtl/unreset.txt"
  status=1
done
exit $status
