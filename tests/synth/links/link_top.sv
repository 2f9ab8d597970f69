`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// One end of a link alone, for its area and timing (link_area.sh).
module npu_top (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         enable_i,
  input  wire [7:0]   session_i,
  input  wire [63:0]  hash_i,
  input  wire [15:0]  tick_cycles_i,
  output wire [1:0]   state_o,
  output wire [2:0]   cause_o,
  input  wire [1:0]   head_valid_i,
  output wire [1:0]   head_ready_o,
  input  wire [119:0] head_i,
  input  wire [1:0]   word_valid_i,
  output wire [1:0]   word_ready_o,
  input  wire [255:0] word_i,
  output wire [1:0]   valid_o,
  input  wire [1:0]   ready_i,
  output wire [255:0] data_o,
  output wire [1:0]   tx_kind_o,
  output wire [127:0] tx_data_o,
  input  wire [1:0]   rx_kind_i,
  input  wire [127:0] rx_data_i,
  output wire [4:0]   events_o
);
  npu_link u_link (
    .clk_i, .rst_ni, .enable_i, .session_i, .hash_i, .tick_cycles_i, .state_o, .cause_o,
    .head_valid_i, .head_ready_o, .head_i, .word_valid_i, .word_ready_o, .word_i,
    .valid_o, .ready_i, .data_o, .tx_kind_o, .tx_data_o, .rx_kind_i, .rx_data_i, .events_o
  );
endmodule : npu_top
`default_nettype wire
