#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests setup.sh with programs of its own in the place of apt: setup_test.sh SOURCE_FOLDER WORK_FOLDER
set -euo pipefail
setup=$1/setup.sh
work=$2
fail() { echo "setup_test: $*" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work/none" "$work/fake"

# What the program needs has nothing of the tests in it.
build=$("$setup" --list build)
all=$("$setup" --list test)
for package in libgtest-dev libunicorn-dev gcc-riscv64-unknown-elf z3 verilator yosys; do
  grep -qx "$package" <<<"$build" && fail "$package is no part of building the program"
  grep -qx "$package" <<<"$all" || fail "$package is missing for the tests"
done
"$setup" --list nothing 2>/dev/null && fail "a group that there is not"

# Without apt it says what to install, and goes on.
for tool in bash cat env; do ln -s "$(command -v $tool)" "$work/none/$tool"; done
PATH=$work/none bash "$setup" build >"$work/log" 2>&1 || fail "it ends with an error where there is no apt"
grep -q 'no apt' "$work/log" && grep -q 'yaml-cpp' "$work/log" || fail "it does not say what to install"

# With apt it asks for what is missing, and only for that.
for tool in bash cat env grep; do ln -s "$(command -v $tool)" "$work/fake/$tool"; done
cat >"$work/fake/dpkg-query" <<'END'
#!/usr/bin/env bash
[ "${!#}" = libfmt-dev ] || printf 'install ok installed'
END
cat >"$work/fake/apt-get" <<END
#!/usr/bin/env bash
echo "\$*" >>$work/asked
END
printf '#!/usr/bin/env bash\necho 0\n' >"$work/fake/id"
chmod +x "$work/fake/dpkg-query" "$work/fake/apt-get" "$work/fake/id"
PATH=$work/fake bash "$setup" build >"$work/log" 2>&1 || fail "it does not install"
grep -q -- '--no-install-recommends libfmt-dev$' "$work/asked" || fail "it asks for more than is missing"
echo "setup_test: good"
