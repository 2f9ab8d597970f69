#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests models/fetch.sh against a mirror on the disk that has two of the networks, one of them damaged at first:
#     fetch_test.sh SOURCE_FOLDER WORK_FOLDER
set -euo pipefail
source=$1
work=$2
fail() { echo "fetch_test: $*" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
export NPUGEN_MODELS_URL=file://$work/mirror
fetch=$source/models/fetch.sh

[ "$("$fetch" --list | wc -l)" = 10 ] || fail "the list does not have 10 networks"
"$fetch" --list | grep -v 'Apache-2.0' && fail "a network without its licence"
mirror_of() { "$fetch" --list | awk -v name="$1" '$1 == name { print $3 }' | sed 's|^file://||'; }
for name in hello_world micro_speech; do
  mkdir -p "$(dirname "$(mirror_of $name)")"
  cp "$source/tests/data/reference/$name/model.tflite" "$(mirror_of $name)"
done
echo more >>"$(mirror_of micro_speech)"

status=0
"$fetch" "$work/out" >"$work/log" 2>&1 || status=$?
[ $status = 1 ] || fail "status $status where networks are missing"
cmp "$work/out/hello_world/model.tflite" "$source/tests/data/reference/hello_world/model.tflite"
grep -q 'Apache-2.0' "$work/out/hello_world/SOURCE" || fail "no licence beside the network"
[ ! -e "$work/out/micro_speech" ] || fail "a damaged file was kept"
[ ! -e "$work/out/resnet8_cifar10" ] || fail "a folder without a network stays"
grep -q 'missing: 9 of 10' "$work/log" || fail "the missing networks are not counted"
grep -q 'micro_speech: what .* another SHA-256' "$work/log" || fail "the damaged file is not named"
grep -q 'resnet8_cifar10: .* cannot be fetched' "$work/log" || fail "a missing file is not named"

cp "$source/tests/data/reference/micro_speech/model.tflite" "$(mirror_of micro_speech)"
"$fetch" "$work/out" >"$work/log" 2>&1 || true
grep -q 'hello_world: there' "$work/log" || fail "what is there is fetched again"
grep -q 'micro_speech: fetched' "$work/log" || fail "what was damaged is not fetched again"
echo changed >"$work/out/hello_world/model.tflite"
"$fetch" "$work/out" >"$work/log" 2>&1 || true
grep -q 'hello_world: fetched' "$work/log" || fail "a file that was changed is kept"
echo "fetch_test: good"
