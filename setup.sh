#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian 12 packages that npugen needs: nothing when all are there, and nothing else ever.
set -euo pipefail

packages=(
  build-essential cmake ninja-build ccache git        # build
  libfmt-dev libyaml-cpp-dev libcli11-dev nlohmann-json3-dev libflatbuffers-dev libonnx-dev libprotobuf-dev nettle-dev
  libgtest-dev libunicorn-dev                         # tests
  libjemalloc2                                        # makes verilator and yosys twice as fast
  verilator yosys qflow-tech-osu018 opensta           # simulation, area, timing
  z3                                                  # proofs, with yosys-smtbmc of yosys
  gcc-riscv64-unknown-elf                             # bare-metal driver and firmware
  clang-format                                        # make format, make check
  libxml2-utils device-tree-compiler                  # tests of the descriptions of an emission
)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "npugen needs these Debian packages: ${missing[*]}"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Run ./setup.sh as root, or install sudo." >&2; exit 1; }
  sudo=(sudo)
fi
"${sudo[@]}" apt-get update -q
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
