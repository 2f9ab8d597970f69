`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// A CXL device's link layer alone, for its area and timing (link_area.sh).
module npu_top (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         up_i,
  output wire         reinit_o,
  input  wire         reinit_done_i,
  input  wire         rx_valid_i,
  input  wire         rx_first_i,
  input  wire [127:0] rx_data_i,
  input  wire [15:0]  rx_crc_i,
  output wire         tx_valid_o,
  output wire         tx_first_o,
  output wire [127:0] tx_data_o,
  output wire [15:0]  tx_crc_o,
  input  wire [15:0]  timeout_i,
  output wire [1:0]   state_o,
  output wire [1:0]   cause_o,
  output wire         valid_o,
  input  wire         ready_i,
  output wire         chunk_o,
  output wire [127:0] data_o,
  input  wire         ndr_valid_i,
  output wire         ndr_ready_o,
  input  wire [28:0]  ndr_i,
  input  wire         drs_valid_i,
  output wire         drs_ready_o,
  input  wire [29:0]  drs_i,
  input  wire         word_valid_i,
  output wire         word_ready_o,
  input  wire [127:0] word_i,
  output wire [6:0]   events_o
);
  npu_cxl_link u_link (
    .clk_i, .rst_ni, .up_i, .reinit_o, .reinit_done_i, .rx_valid_i, .rx_first_i, .rx_data_i,
    .rx_crc_i, .tx_valid_o, .tx_first_o, .tx_data_o, .tx_crc_o, .timeout_i, .state_o, .cause_o,
    .valid_o, .ready_i, .chunk_o, .data_o, .ndr_valid_i, .ndr_ready_o, .ndr_i, .drs_valid_i,
    .drs_ready_o, .drs_i, .word_valid_i, .word_ready_o, .word_i, .events_o
  );
endmodule : npu_top
`default_nettype wire
