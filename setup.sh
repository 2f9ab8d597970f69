#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that npugen needs: nothing when all are there, and nothing else ever.
#
#     ./setup.sh build   # to build the program
#     ./setup.sh tools   # what the program calls: simulation (run, demo), area and timing (synth)
#     ./setup.sh test    # all of that, and what only tests need
#     ./setup.sh         # the same
#     ./setup.sh --list build|tools|test   # the names of these packages; installs nothing
#
# Where there is no apt, it says what to install, and changes nothing.
set -euo pipefail

build=(
  build-essential cmake ninja-build
  libfmt-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev libflatbuffers-dev libonnx-dev libprotobuf-dev
  nettle-dev libicu-dev
)
tools=(
  verilator ccache zlib1g-dev                         # simulation; ccache makes further builds short
  yosys qflow-tech-osu018 opensta                     # area, netlists, timing
  libjemalloc2                                        # makes verilator and yosys twice as fast
)
tests=(
  git libgtest-dev libunicorn-dev
  z3                                                  # proofs, with yosys-smtbmc of yosys
  gcc-riscv64-unknown-elf                             # bare-metal driver and firmware
  clang-format                                        # make format, make check
  libxml2-utils device-tree-compiler                  # tests of the descriptions of an emission
  libopenmpi-dev openmpi-bin                          # simulated pods on several processes
)

list=no
if [ "${1:-}" = --list ]; then
  list=yes
  shift
fi
case "${1:-test}" in
  build) packages=("${build[@]}") ;;
  tools) packages=("${tools[@]}") ;;
  test) packages=("${build[@]}" "${tools[@]}" "${tests[@]}") ;;
  *) echo "usage: $0 [--list] [build|tools|test]" >&2; exit 2 ;;
esac
if [ $list = yes ]; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  cat >&2 <<END
This machine has no apt, so that nothing is installed. npugen needs, under whatever names they have here,
  to build:  a C++20 compiler (GCC 12 or later), CMake 3.25, Ninja, and with their headers fmt, yaml-cpp, CLI11 2,
             nlohmann-json 3, FlatBuffers, ONNX, Protobuf, Nettle, ICU
  to simulate (run, demo):      Verilator 5 (5.006 is the fast one), zlib; ccache and jemalloc help
  for area and timing (synth):  Yosys, OpenSTA, the cell library OSU 0.18 of qflow
  for the tests:                GoogleTest, Unicorn, Z3, riscv64-unknown-elf-gcc, clang-format, xmllint, dtc,
                                OpenMPI (its tests are left out without it)
What is missing, CMake says next. (Debian's names: $0 --list)
END
  exit 0
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "npugen needs these Debian packages: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "Run ./setup.sh as root, or install sudo: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  }
  sudo=(sudo)
fi
"${sudo[@]}" apt-get update -q
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
