`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Fields of CXL flits that no public source confirms: all of them stand here (docs/cxl.md,
// section 8). The name puts the package in front of the modules that use it.
/* verilator lint_off UNUSEDPARAM */  // where no CXL link is below the top
package npu_cxl_bits;
  // Of a control flit's slot 0: where it says what it is (sub-type, LLCTRL), and the codes.
  localparam int unsigned ControlAt = 32;
  localparam logic [7:0] Llcrd = 8'h10, RetryIdle = 8'h01, RetryReq = 8'h11, RetryAck = 8'h21,
                         RetryFrame = 8'h31, Init = 8'h8c;
  localparam logic [3:0] Retry = 4'd1;  // LLCTRL

  // Its payload: a word of 32 bits. In RETRY.Req and RETRY.Ack a number and NumRetry.
  localparam int unsigned WordAt = 64, NumberAt = 64, NumRetryAt = 72;
  localparam logic [31:0] InitWord = 32'd1;

  function automatic logic [31:0] req_word(
    input logic [4:0] reinits,
    input logic [4:0] retries,
    input logic [7:0] number
  );
    req_word = {14'd0, reinits, retries, number};
  endfunction

  function automatic logic [31:0] ack_word(input logic [4:0] retries, input logic [7:0] number);
    ack_word = {19'd0, retries, number};
  endfunction

  // LLCRD: bit 3 of the acks stands in the header, the others in the payload.
  function automatic logic [31:0] acks_word(input logic [7:0] acks);
    acks_word = {24'd0, acks & 8'hf7};
  endfunction

  function automatic logic [7:0] acks_of(input logic [7:0] word, input logic ak);
    acks_of = (word & 8'hf7) | {4'd0, ak, 3'd0};
  endfunction

  // Answers: NDR has {dev_load 2, ld_id 4, tag 16, meta_value 2, meta_field 2, opcode 3} behind
  // valid, DRS poison, too, behind the tag.
  function automatic logic [29:0] ndr(input logic valid, input logic [28:0] fields);
    ndr = {fields, valid};
  endfunction

  function automatic logic [39:0] drs(input logic valid, input logic [29:0] fields);
    drs = {9'd0, fields, valid};
  endfunction

  // What a device knows.
  function automatic logic known_req(input logic [3:0] opcode);
    known_req = opcode <= 4'd4 || opcode == 4'd8 || opcode == 4'd9;
  endfunction

  function automatic logic known_rwd(input logic [3:0] opcode);
    known_rwd = opcode == 4'd1 || opcode == 4'd2;
  endfunction
endpackage : npu_cxl_bits
/* verilator lint_on UNUSEDPARAM */
`default_nettype wire
