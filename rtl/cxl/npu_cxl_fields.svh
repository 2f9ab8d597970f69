// SPDX-License-Identifier: Apache-2.0
// Fields of CXL flits that no public source confirms (docs/cxl.md, section 7): all of them stand here.
`ifndef NPU_CXL_FIELDS_SVH
`define NPU_CXL_FIELDS_SVH

// Of a control flit's slot 0: what it is (sub-type, LLCTRL), and the codes.
`define NPU_CXL_CONTROL 39:32
`define NPU_CXL_LLCRD 8'h10
`define NPU_CXL_RETRY_IDLE 8'h01
`define NPU_CXL_RETRY_REQ 8'h11
`define NPU_CXL_RETRY_ACK 8'h21
`define NPU_CXL_RETRY_FRAME 8'h31
`define NPU_CXL_INIT 8'h8c
`define NPU_CXL_IS_RETRY(slot) (slot[35:32] == 4'd1)

// Payloads: RETRY.Req and RETRY.Ack, acks of LLCRD. A word of 32 bits stands at bit 64.
`define NPU_CXL_NUMBER 71:64
`define NPU_CXL_NUM_RETRY 76:72
`define NPU_CXL_ACKS(slot) {slot[71:68], slot[2], slot[66:64]}
`define NPU_CXL_REQ_WORD(reinits, retries, number) {14'd0, reinits, retries, number}
`define NPU_CXL_ACK_WORD(retries, number) {19'd0, retries, number}
`define NPU_CXL_ACKS_WORD(acks) {24'd0, acks[7:4], 1'b0, acks[2:0]}
`define NPU_CXL_INIT_WORD 32'd1

// Answers: NDR is {dev_load 2, ld_id 4, tag 16, meta_value 2, meta_field 2, opcode 3}, DRS has poison
// behind the tag; valid is in front of both.
`define NPU_CXL_NDR(valid, fields) {fields, valid}
`define NPU_CXL_DRS(valid, fields) {9'd0, fields, valid}

// What a device knows.
`define NPU_CXL_KNOWN_REQ(opcode) (opcode <= 4'd4 || opcode == 4'd8 || opcode == 4'd9)
`define NPU_CXL_KNOWN_RWD(opcode) (opcode == 4'd1 || opcode == 4'd2)
`endif
