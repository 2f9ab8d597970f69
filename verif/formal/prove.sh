#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves cells by induction with yosys-smtbmc and z3, and shows that each proof finds its faults.
#
#   prove.sh NPUGEN_RTL_LIBRARY SOURCE [PROOF...]    all of SOURCE/verif/formal/*.svh, or those named
#
# A proof is SystemVerilog that is put before the end of a copy of a module, so that it sees the
# registers inside; it is proved together with the module's own assertions. Its first lines say:
#
#   // proof of FILE                 the module, below rtl/
#   // needs FILE...                 modules below it, likewise
#   // variant NAME=VALUE...         parameters; one line for each set of them
#   // connect WIRE SIGNAL           WIRE of the proof is a signal of an instance, such as u_gate.enable_i
#   // memory WIRE SIGNAL PARAMETER  WIRE has the words of a memory of an instance, the first one low
#   // steps N                       of the induction
#   // cover N                       cycles in which every cover must have happened
#   // fault WHAT: SED               an edit of the module with which the proof must fail
#
# For each variant the properties are proved for the first steps after reset, then by induction, and
# the covers are reached. With each fault the last variant must fail, within `cover` cycles after
# reset or in the induction. NPUGEN_SOLVER is another solver (boolector, yices).
set -euo pipefail
library=$1 source=$(cd "$2" && pwd)
shift 2
solver=${NPUGEN_SOLVER:-z3}
jobs=${JOBS:-$(nproc)}

# One task in a folder of its own: PROOF VARIANT FAULT (numbers from 1; fault 0: none).
prove_one() {
  local proof=$1 variant=$2 fault=$3
  local text=$source/verif/formal/$proof.svh
  local folder=$work/$proof.$variant.$fault
  mkdir "$folder"
  cd "$folder"
  local file module parameters steps cycles edit what
  file=$(sed -n 's|^// proof of ||p' "$text")
  module=$(basename "$file" .sv)
  parameters=$(sed -n 's|^// variant ||p' "$text" | sed -n "${variant}p")
  steps=$(sed -n 's|^// steps ||p' "$text")
  cycles=$(sed -n 's|^// cover ||p' "$text")
  local name="$proof ($parameters)"

  cp "$source/rtl/$file" original.sv
  if [ "$fault" != 0 ]; then
    what=$(sed -n 's|^// fault ||p' "$text" | sed -n "${fault}p")
    edit=${what#*: }
    what=${what%%: *}
    sed "$edit" "$source/rtl/$file" > original.sv
    if cmp -s original.sv "$source/rtl/$file"; then
      echo "FAILED  $proof: the edit of the fault \"$what\" changes nothing"
      return 1
    fi
  fi
  # Every run begins with a reset, which may come again. A module without a clock gets one.
  {
    echo '`include "npu_assert.svh"'
    sed "/^endmodule/,\$d" original.sv
    grep -q 'wire *clk_i' original.sv || echo "  logic clk_i, rst_ni;"
    echo "  logic proof_started_q = 1'b0;"
    echo "  always_ff @(posedge clk_i) proof_started_q <= 1'b1;"
    echo "  always_comb assume (proof_started_q || !rst_ni);"
    cat "$text"
    sed -n '/^endmodule/,$p' original.sv
  } > "$module.sv"

  local files="" setting="" needed  # packages stand in front of what uses them
  for needed in $(sed -n 's|^// needs ||p' "$text"); do files+="$source/rtl/$needed "; done
  files+="$module.sv"
  for needed in $parameters; do setting+=" -chparam ${needed%%=*} ${needed#*=}"; done
  {
    echo "read_verilog -sv -formal -I$source/rtl $work/npu_isa_pkg.sv $source/verif/formal/npu_clock_gate.sv $files"
    echo "hierarchy -check -top $module$setting; proc; flatten; memory_collect; memory_map"
    sed -n 's|^// connect \(.*\) \(.*\)|connect -set \1 \\\2|p' "$text"
    sed -n 's|^// memory ||p' "$text" | while read -r wire signal parameter; do
      local depth width i
      depth=$(tr ' ' '\n' <<< "$parameters" | sed -n "s/^$parameter=//p")
      width=$(tr ' ' '\n' <<< "$parameters" | sed -n "s/^Width=//p")
      for ((i = 0; i < depth; i++)); do
        echo "connect -set $wire [$(((i + 1) * width - 1)):$((i * width))] \\$signal[$i]"
      done
    done | sed 's/ \[\([0-9]*:[0-9]*\)\]/[\1]/'
    echo "opt; async2sync; setundef -undriven -anyseq"
    echo "dffunmap; opt_clean; write_smt2 -wires proof.smt2"
  } > proof.ys
  if ! yosys -q proof.ys > yosys.log 2>&1; then
    echo "FAILED  $name: Yosys"
    tail -5 yosys.log
    return 1
  fi
  smtbmc() { timeout 240 yosys-smtbmc --unroll --noprogress -s "$solver" "$@" proof.smt2; }
  if [ "$fault" != 0 ]; then
    if smtbmc -t "$cycles" > base.log 2>&1 && smtbmc -i -t "$steps" > induction.log 2>&1; then
      return 0
    fi
    grep -q 'Status: FAILED' base.log induction.log 2> /dev/null && touch "$work/found.$proof.$fault"
    return 0
  fi
  if ! smtbmc -t "$((steps + 1))" > base.log 2>&1; then
    echo "FAILED  $name: after reset"
    grep -h 'failed' base.log | head -3
    return 1
  fi
  if ! smtbmc -i -t "$steps" > induction.log 2>&1; then
    echo "FAILED  $name: induction"
    grep -h 'failed' induction.log | head -3
    return 1
  fi
  if ! smtbmc -c -t "$cycles" > cover.log 2>&1; then
    echo "FAILED  $name: a cover is not reached"
    grep -h -i 'unreached' cover.log | head -3
    return 1
  fi
  echo "proved  $name"
}

if [ "${PROVE_TASK:-}" ]; then
  prove_one $PROVE_TASK
  exit
fi

command -v "$solver" > /dev/null || { echo "prove.sh: no $solver: run make setup" >&2; exit 2; }
work=${PROVE_WORK:-$(mktemp -d)}
export work source solver
[ "${PROVE_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
"$library" "$work" > /dev/null
proofs=("$@")
if [ $# = 0 ]; then
  for text in "$source"/verif/formal/*.svh; do proofs+=("$(basename "$text" .svh)"); done
fi
for proof in "${proofs[@]}"; do
  text=$source/verif/formal/$proof.svh
  variants=$(grep -c '^// variant ' "$text")
  faults=$(grep -c '^// fault ' "$text")
  for ((v = 1; v <= variants; v++)); do
    echo "$proof $v 0"
  done
  for ((f = 1; f <= faults; f++)); do echo "$proof $variants $f"; done
done > "$work/tasks"
status=0
xargs -P "$jobs" -d '\n' -I{} env PROVE_TASK={} "$0" "$library" "$source" < "$work/tasks" || status=1
for proof in "${proofs[@]}"; do
  text=$source/verif/formal/$proof.svh
  faults=$(grep -c '^// fault ' "$text")
  for ((f = 1; f <= faults; f++)); do
    what=$(sed -n 's|^// fault \([^:]*\): .*|\1|p' "$text" | sed -n "${f}p")
    if [ -e "$work/found.$proof.$f" ]; then
      echo "found   $proof: $what"
    else
      echo "MISSED  $proof: $what"
      status=1
    fi
  done
done
exit $status
