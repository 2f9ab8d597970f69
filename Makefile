# SPDX-License-Identifier: Apache-2.0
# The front door. `make help` lists what there is to do; CMake does the work under build/.
SHELL := /bin/bash
.DEFAULT_GOAL := help

BUILD  ?= build
PREFIX ?= /usr/local
JOBS   ?= $(shell nproc)
NPUGEN := $(BUILD)/npugen

.PHONY: help setup models install package configure configure-tests build demo test test-asan test-specs test-jobs test-netlists test-streams test-boxes test-mutants formal bench golden format check clean

help:  ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST) \
	  | sed 's|$$(BUILD)|$(BUILD)|g'

setup:  ## install all Debian packages that are missing (asks apt; does nothing when all is there)
	@./setup.sh

# The program needs fewer packages than its tests: each target asks for what it needs.
define run_cmake
@cmake --preset release -B $(BUILD) > $(BUILD)-configure.log 2>&1 \
  || { cat $(BUILD)-configure.log; exit 1; }
@rm -f $(BUILD)-configure.log
endef

configure:
	@./setup.sh build
	$(run_cmake)

configure-tests: setup
	$(run_cmake)

build: configure  ## build the program, $(BUILD)/npugen
	@cmake --build $(BUILD) --target npugen -j $(JOBS)

install: build  ## install the program and its documents below $(PREFIX) (DESTDIR is honoured)
	@cmake --install $(BUILD) --prefix $(PREFIX)

package: build  ## a Debian package of the same, in $(BUILD)/package/
	@cpack -G DEB --config $(BUILD)/CPackConfig.cmake -B $(BUILD)/package

models:  ## fetch the networks of README's table from their public sources (models/fetch.sh)
	@models/fetch.sh

demo: build  ## spec to running NPU: generate edge_bnn, simulate it, run three networks on 360 images
	@./setup.sh tools
	@$(NPUGEN) demo --json $(BUILD)/demo.json --report $(BUILD)/demo.html

# Tests of the host side that take longer than all others together.
SLOW := Popcount|driver.mutants|FuzzTest|compiler.Ops|compiler.Blocks|generator.Emit|CliFiles

check: configure-tests  ## in two minutes: format, warnings, unit tests, lint, one network (CONTRIBUTING.md)
	@git ls-files '*.cc' '*.h' '*.c' | xargs clang-format --dry-run -Werror
	@cmake --build $(BUILD) --target check_tests -j $(JOBS)
	@ctest --test-dir $(BUILD) -L 'host|check' -E '$(SLOW)' --output-on-failure -j $(JOBS) --progress
	@$(NPUGEN) run specs/nano.yaml models/digits/digits_cnn_int8.tflite

test: configure-tests  ## build and run all tests
	@cmake --build $(BUILD) -j $(JOBS)
	@status=0; ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS) || status=$$?; \
	  tests/skipped.sh $(BUILD)/Testing/Temporary/LastTest.log; exit $$status

test-asan: setup  ## build and run the tests without simulation under address and undefined-behaviour sanitizers
	@cmake --preset asan -B $(BUILD)-asan > $(BUILD)-configure.log 2>&1 \
	  || { cat $(BUILD)-configure.log; exit 1; }
	@rm -f $(BUILD)-configure.log
	@cmake --build $(BUILD)-asan --target host_tests -j $(JOBS)
	@status=0; ctest --test-dir $(BUILD)-asan -L host --output-on-failure -j $(JOBS) || status=$$?; \
	  tests/skipped.sh $(BUILD)-asan/Testing/Temporary/LastTest.log; exit $$status

test-specs: configure-tests  ## 300 random legal specs, each emitted, linted, built and run (make test does 30)
	@cmake --build $(BUILD) --target system_specs_test -j $(JOBS)
	@NPUGEN_SPECS=300 $(BUILD)/system_specs_test --gtest_brief=1

test-jobs: configure-tests  ## 10,000 jobs in random order on each of three NPUs (make test does 2,000)
	@cmake --build $(BUILD) --target system_job_order_test -j $(JOBS)
	@NPUGEN_JOBS=10000 $(BUILD)/system_job_order_test --gtest_filter=*RandomOrders*

test-netlists: configure-tests  ## netlists of the unique modules of all presets against their RTL (make test does two)
	@cmake --build $(BUILD) --target system_module_netlist_test -j $(JOBS)
	@NPUGEN_CYCLES=4000 $(BUILD)/system_module_netlist_test

test-streams: configure-tests  ## 4,000 hostile streams on each of four NPUs, RTL against model (make test does 400)
	@cmake --build $(BUILD) --target system_hostile_test -j $(JOBS)
	@NPUGEN_STREAMS=4000 $(BUILD)/system_hostile_test --gtest_brief=1

test-boxes: configure-tests  ## 20,000 random boxes of each mode on the DMA's RTL (make test does 2,400 on each variant)
	@cmake --build $(BUILD) --target bench_dma_deep -j $(JOBS)
	@NPUGEN_BOXES=20000 $(BUILD)/verif/unit/dma_deep/bench --gtest_brief=1 --gtest_filter='*RandomBoxes*'

test-links: configure-tests  ## 1,000,000 packets over a wire with 40,000 injected errors, and goodput over 4,000,000 cycles (make test does 30,000 and 200,000)
	@cmake --build $(BUILD) --target bench_link_full -j $(JOBS)
	@NPUGEN_PACKETS=1000000 NPUGEN_CYCLES=4000000 $(BUILD)/verif/unit/link_full/bench --gtest_brief=1 --gtest_filter='*Nothing*:*Goodput*'

test-mutants: configure-tests  ## all mutants of driver and firmware (make test tries a third, by the day of the year)
	@cmake --build $(BUILD) --target driver_mutants driver_mutant_host system_firmware_test -j $(JOBS)
	@NPUGEN_ROTATION=all ctest --test-dir $(BUILD) -R mutants --output-on-failure

formal: configure-tests  ## prove cells by induction, and show that each proof finds its faults (verif/formal)
	@cmake --build $(BUILD) --target npugen_rtl_library -j $(JOBS)
	@JOBS=$(JOBS) verif/formal/prove.sh $(BUILD)/npugen_rtl_library .

bench: configure-tests  ## cycles, simulation rates, build times; writes docs/performance.md
	@cmake --build $(BUILD) --target npugen_bench -j $(JOBS)
	@$(BUILD)/npugen_bench --builds --write docs/performance.md

golden: configure-tests  ## rewrite the checked-in emissions and printed documents after an intended change
	@cmake --build $(BUILD) --target npugen_generator_tests -j $(JOBS)
	@NPUGEN_UPDATE_GOLDEN=1 $(BUILD)/npugen_generator_tests --gtest_brief=1
	@git status --short tests/golden docs/spec.md docs/errors.md docs/commands.md docs/operators.md

format:  ## format the C and C++ sources
	@git ls-files '*.cc' '*.h' '*.c' | xargs clang-format -i

clean:  ## remove $(BUILD)/ and $(BUILD)-asan/ (models and areas stay in the cache, ~/.cache/npugen)
	@rm -rf $(BUILD) $(BUILD)-asan
