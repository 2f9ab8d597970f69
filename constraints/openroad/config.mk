# @LICENSE@
# @TOP@ in OpenROAD-flow-scripts: set PLATFORM to a platform of the flow, and let macros of that
# platform take the place of npu_ram_1rw and npu_ram_1r1w (docs/ppa.md of npugen).
# @BANNER@
export DESIGN_NICKNAME = @NAME@
export DESIGN_NAME = @TOP@
export NPU_HOME ?= $(dir $(lastword $(MAKEFILE_LIST)))../..
export VERILOG_FILES =@SOURCES@
export VERILOG_INCLUDE_DIRS = $(NPU_HOME)/rtl
export VERILOG_DEFINES = -DSYNTHESIS
export SDC_FILE = $(NPU_HOME)/constraints/npu.sdc
export SYNTH_HIERARCHICAL = 1
export CORE_UTILIZATION = 50
export PLACE_DENSITY_LB_ADDON = 0.10
