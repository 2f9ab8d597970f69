// SPDX-License-Identifier: Apache-2.0
// Assertions, written once in a module and given a body by the tool that reads it.
//
// A property is checked at the rising edge of `clock` while `live` is high, on the values before
// the edge. The defaults are the names that clock and reset have in every module. An English rule
// stands above each property. There are three bodies:
//   simulation  immediate assertions; the default
//   formal      with FORMAL, which Yosys defines for `read_verilog -formal`: the same as
//               properties to be proved, and assumptions and covers
//   none        with SYNTHESIS, or with NPU_NO_ASSERTIONS, which makes simulation faster
//
//   NPU_ASSERT(name, condition)          the module keeps `condition`
//   NPU_ASSUME(name, condition)          its surroundings keep it: a simulation checks that
//   NPU_ASSERT_STABLE(name, valid, ready, data, cleared)
//                                        the module keeps `valid` and `data` until the cycle in
//                                        which `ready` or `cleared` is 1; in that of `cleared` it
//                                        owes nothing any more. `cleared` can be left out
//   NPU_ASSUME_STABLE(...)               its surroundings keep them
//   NPU_ASSERT_GROWS(name, value, cleared)
//                                        `value` never becomes less, but after `cleared`
//   NPU_COVER(name, condition)           happens in some run: for proofs only
`ifndef NPU_ASSERT_SVH
`define NPU_ASSERT_SVH

`ifdef SYNTHESIS
`ifndef NPU_NO_ASSERTIONS
`define NPU_NO_ASSERTIONS
`endif
`endif

`ifdef NPU_NO_ASSERTIONS
// Body: none.
`define NPU_ASSERT(name, condition, clock = clk_i, live = rst_ni)
`define NPU_ASSUME(name, condition, clock = clk_i, live = rst_ni)
`define NPU_ASSERT_STABLE(name, valid, ready, data, cleared = 1'b0, clock = clk_i, live = rst_ni)
`define NPU_ASSUME_STABLE(name, valid, ready, data, cleared = 1'b0, clock = clk_i, live = rst_ni)
`define NPU_ASSERT_GROWS(name, value, cleared = 1'b0, clock = clk_i, live = rst_ni)
`define NPU_COVER(name, condition, clock = clk_i, live = rst_ni)
`else
`ifdef FORMAL
// Body: formal.
`define NPU_ASSUMED assume
`define NPU_COVER(name, condition, clock = clk_i, live = rst_ni) \
  if (1) begin : name \
    always_ff @(posedge clock) begin \
      if (live) cover (condition); \
    end \
  end
`else
// Body: simulation. A count of two bits is always below 4: that its range says so already is no
// fault of a property, hence the pragmas below.
`define NPU_ASSUMED assert
`define NPU_COVER(name, condition, clock = clk_i, live = rst_ni)
`endif

`define NPU_ASSERT(name, condition, clock = clk_i, live = rst_ni) \
  if (1) begin : name \
    always_ff @(posedge clock) begin \
      /* verilator lint_off CMPCONST */ \
      if (live) assert (condition); \
      /* verilator lint_on CMPCONST */ \
    end \
  end

`define NPU_ASSUME(name, condition, clock = clk_i, live = rst_ni) \
  if (1) begin : name \
    always_ff @(posedge clock) begin \
      /* verilator lint_off CMPCONST */ \
      if (live) `NPU_ASSUMED (condition); \
      /* verilator lint_on CMPCONST */ \
    end \
  end

`define NPU_ASSERT_STABLE(name, valid, ready, data, cleared = 1'b0, clock = clk_i, live = rst_ni) \
  if (1) begin : name \
    logic                   npu_waits_q = 1'b0; \
    logic [$bits(data)-1:0] npu_data_q; \
    always_ff @(posedge clock) begin \
      npu_waits_q <= live && (valid) && !(ready) && !(cleared); \
      npu_data_q  <= data; \
      if (npu_waits_q && live && !(cleared)) begin \
        assert ((valid) && (data) == npu_data_q); \
      end \
    end \
  end

`define NPU_ASSUME_STABLE(name, valid, ready, data, cleared = 1'b0, clock = clk_i, live = rst_ni) \
  if (1) begin : name \
    logic                   npu_waits_q = 1'b0; \
    logic [$bits(data)-1:0] npu_data_q; \
    always_ff @(posedge clock) begin \
      npu_waits_q <= live && (valid) && !(ready) && !(cleared); \
      npu_data_q  <= data; \
      if (npu_waits_q && live && !(cleared)) begin \
        `NPU_ASSUMED ((valid) && (data) == npu_data_q); \
      end \
    end \
  end

`define NPU_ASSERT_GROWS(name, value, cleared = 1'b0, clock = clk_i, live = rst_ni) \
  if (1) begin : name \
    logic                    npu_known_q = 1'b0; \
    logic [$bits(value)-1:0] npu_value_q; \
    always_ff @(posedge clock) begin \
      npu_known_q <= live && !(cleared); \
      npu_value_q <= value; \
      if (npu_known_q && live) assert ((value) >= npu_value_q); \
    end \
  end
`endif

`endif
