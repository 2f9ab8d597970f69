`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Credits of one channel, at its sender: what the far side still has room for (docs/machine.md,
// section 7).
//
// The far side tells how much it has ever had room for, modulo 2^Width. What is told late, twice or
// in any order does no harm, and neither does nonsense: available_o is never more than was told.
`include "npu_assert.svh"
module npu_credits #(
  parameter int unsigned Width = 10  // bits of a number; at most half of its range is available
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             clear_i,      // the link begins anew: nothing was told or spent
  // what the far side tells
  input  wire             told_valid_i,
  input  wire [Width-1:0] told_i,
  // what is spent; at most available_o
  input  wire             spend_i,
  input  wire [Width-1:0] spend_amount_i,
  // 0 .. 2^(Width-1) - 1, as of the cycle before
  output wire [Width-1:0] available_o
);
  if (Width < 2) begin : gen_bad
    $error("npu_credits: Width must be at least 2");
  end

  logic [Width-1:0] used_q;       // ever spent, modulo 2^Width
  logic [Width-1:0] available_q;
  logic [Width-1:0] told, kept;   // available, as it is told; as it will be before what is spent

  assign told = told_i - used_q;
  assign kept = (told_valid_i && !told[Width-1] && told > available_q) ? told : available_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      used_q      <= '0;
      available_q <= '0;
    end else begin
      available_q <= kept - (spend_i ? spend_amount_i : Width'(0));
      if (spend_i) used_q <= used_q + spend_amount_i;
    end
  end

  assign available_o = available_q;

  // Nothing is spent that is not there.
  `NPU_ASSUME(SpendsWhatIsThere, clear_i || !spend_i || spend_amount_i <= available_q)

  // Credits are never negative, and never more than half of the range.
  `NPU_ASSERT(NeverNegative, !available_q[Width-1])
endmodule : npu_credits
`default_nettype wire
