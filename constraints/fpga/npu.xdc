# @LICENSE@
# Timing constraints of @TOP@ for Vivado, in nanoseconds. Pins are the board's: add
# `set_property PACKAGE_PIN` lines, or put the NPU into a block design.
# @BANNER@
create_clock -name clk -period @PERIOD@ [get_ports clk_i]
set_input_delay -clock clk @OUTSIDE@ [get_ports {@INPUTS@}]
set_output_delay -clock clk @OUTSIDE@ [get_ports {@OUTPUTS@}]
