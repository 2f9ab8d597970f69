# SPDX-License-Identifier: Apache-2.0
# OpenSTA: paths of a mapped netlist. Prints lines that npugen reads:
#   PERIOD kind nanoseconds                       the shortest period that is met
#   TARGET nanoseconds worst_slack
#   PATH slack startpoint endpoint                the worst path to each endpoint at the target, worst first
read_liberty @LIBERTY@
@MEMORIES@
read_verilog npu_top.v
link_design npu_top

proc npu_paths {period margin outside count} {
  uplevel #0 [list set npu_period $period]
  uplevel #0 [list set npu_margin $margin]
  uplevel #0 [list set npu_outside $outside]
  uplevel #0 {source npu.sdc}
  uplevel #0 {source library.sdc}
  return [find_timing_paths -path_delay max -group_count $count]
}

proc npu_worst {period margin outside} {
  set worst 1e9
  foreach path [npu_paths $period $margin $outside 1] {
    set slack [get_property $path slack]
    if {$slack < $worst} { set worst $slack }
  }
  return $worst
}

# The slack of a latch that borrows from the next phase is 0 over a range of periods, so the search comes from below: there
# slack is negative, and lengthening the period by what is missing never goes too far, as no path gains more than that.
proc npu_shortest {kind start margin outside} {
  set period [expr {$start / 8}]
  for {set i 0} {$i < 40} {incr i} {
    set slack [npu_worst $period $margin $outside]
    if {$slack > -0.002} { break }
    set period [expr {$period - $slack}]
  }
  puts [format "PERIOD %s %.4f" $kind $period]
  return $period
}

set shortest [npu_shortest registers @PERIOD@ 0.0 0.0]
set shortest [npu_shortest constrained @PERIOD@ @MARGIN@ @OUTSIDE@]
set paths [npu_paths @PERIOD@ @MARGIN@ @OUTSIDE@ 1000000]
set worst 1e9
foreach path $paths {
  set slack [get_property $path slack]
  if {$slack < $worst} { set worst $slack }
  puts "PATH $slack [get_full_name [get_property $path startpoint]] [get_full_name [get_property $path endpoint]]"
}
puts "TARGET @PERIOD@ $worst"
# For people: the worst paths gate by gate.
puts "CHECKS"
report_checks -path_delay max -fields {slew cap input_pins net} -digits 3 -group_count 10 -path_group clk
