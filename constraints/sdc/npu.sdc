# @LICENSE@
# Timing constraints of @TOP@, in nanoseconds.
# @BANNER@
#
# A script may set these before it reads this file: the period, the part of it that skew, jitter and
# what is not modelled may take, and the part that the world outside has of a path through a port.

if {![info exists npu_period]} { set npu_period @PERIOD@ }
if {![info exists npu_margin]} { set npu_margin 0.05 }
if {![info exists npu_outside]} { set npu_outside 0.30 }

create_clock -name clk -period $npu_period [get_ports clk_i]
set_clock_uncertainty [expr {$npu_margin * $npu_period}] [get_clocks clk]

# A clock gate is a latch that is open while the clock is low, and an AND: its enable has the whole
# period.
set_clock_gating_check -setup 0.0 -hold 0.0 [get_clocks clk]

# All other ports belong to the clock.
set npu_outside_delay [expr {$npu_outside * $npu_period}]
set_input_delay $npu_outside_delay -clock clk [get_ports {@INPUTS@}]
set_output_delay $npu_outside_delay -clock clk [get_ports {@OUTPUTS@}]
