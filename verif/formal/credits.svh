// SPDX-License-Identifier: Apache-2.0
// proof of cells/npu_credits.sv
// variant Width=3
// variant Width=10
// steps 2
// cover 12
// fault what is told counts though it is old: s/ \&\& told > available_q//
// fault what is told counts though it is nonsense: s/told_valid_i \&\& !told\[Width-1\] \&\&/told_valid_i \&\&/
// fault what is spent in the cycle in which more is told is not counted: s/kept - (spend_i/told_valid_i ? kept : kept - (spend_i/
// fault what is told counts from the wrong place: s/told = told_i - used_q/told = told_i - used_q + Width'(spend_i)/

// An honest far side: it has room for Room words at the start, and for more as it lets words go. Wide
// enough never to wrap in a proof by induction: only differences count, and these stay small.
localparam int unsigned WideW = Width + 8;

logic [WideW-1:0] granted_q;  // it ever had room for
logic [WideW-1:0] used_wide_q;
(* anyseq *) logic [WideW-1:0] late;   // what it tells is as old as that
(* anyseq *) logic             lets_go;
logic                          honest_q = 1'b1;  // it never told anything else
logic [WideW-1:0]              told_wide;

assign told_wide = granted_q - late;

always_ff @(posedge clk_i) begin
  if (!rst_ni || clear_i) begin
    granted_q   <= WideW'(2 ** (Width - 1) - 1);
    used_wide_q <= '0;
    honest_q    <= 1'b1;
  end else begin
    // It lets go what was used and has not been let go.
    if (lets_go && granted_q - used_wide_q != WideW'(2 ** (Width - 1) - 1)) begin
      granted_q <= granted_q + WideW'(1);
    end
    if (spend_i) used_wide_q <= used_wide_q + WideW'(spend_amount_i);
    // Told late by less than half of the range.
    if (told_valid_i && (told_i != told_wide[Width-1:0] || 32'(late) >= 2 ** (Width - 1))) begin
      honest_q <= 1'b0;
    end
  end
end

// The model agrees with the cell, and room is from nothing to all of it.
`NPU_ASSERT(UsedAgrees, used_wide_q[Width-1:0] == used_q)
`NPU_ASSERT(RoomInRange, granted_q - used_wide_q < WideW'(2 ** (Width - 1)) || !honest_q)

// Never more is spent than there ever was room for, whenever it was told.
`NPU_ASSERT(NeverMoreThanGranted, !honest_q || WideW'(available_q) <= granted_q - used_wide_q)

// What is told takes nothing away.
logic [Width-1:0] least_q;
logic             known_q = 1'b0;
always_ff @(posedge clk_i) begin
  known_q <= rst_ni && !clear_i;
  least_q <= available_q - (spend_i ? spend_amount_i : Width'(0));
end
`NPU_ASSERT(NothingTakenAway, !known_q || available_q >= least_q)

`NPU_COVER(ToldLate, honest_q && told_valid_i && late != '0 && told_wide > used_wide_q)
`NPU_COVER(SpentAndGranted, honest_q && used_wide_q != '0 && available_q != '0 && lets_go)
