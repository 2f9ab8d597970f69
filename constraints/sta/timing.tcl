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

# Slack falls as the period does, in pieces of straight lines: the secant finds where it is 0.
proc npu_shortest {kind start margin outside} {
  set one $start
  set slack_one [npu_worst $one $margin $outside]
  set other [expr {$one - $slack_one}]
  for {set i 0} {$i < 8} {incr i} {
    set slack_other [npu_worst $other $margin $outside]
    if {abs($slack_other) < 0.002 || abs($other - $one) < 1e-6} { break }
    set slope [expr {($slack_one - $slack_other) / ($one - $other)}]
    if {$slope < 0.2} { set slope 1.0 }
    set one $other
    set slack_one $slack_other
    set other [expr {$other - $slack_other / $slope}]
  }
  puts [format "PERIOD %s %.4f" $kind $other]
  return $other
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
