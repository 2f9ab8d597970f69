// SPDX-License-Identifier: Apache-2.0
// proof of bus/npu_axi_read_mux.sv
// needs bus/npu_epochs.sv
// variant BusBytes=4 AddrW=32 Bursts=3
// steps 2
// cover 10
// fault the load always goes first: s/(!fetch_ar_valid_i || !last_q)/1'b1/
// fault an address that waits is changed: s/held_q <= !m_axi_arready_i/held_q <= 1'b0/
// fault the fetch takes the beats of the load: s/m_axi_rvalid_i \&\& m_axi_rid_i\[0\] \&\& wanted/m_axi_rvalid_i \&\& wanted/

// While one requester asks, at most one address of the other is accepted.
logic accepted;
logic fetch_passed_q, load_passed_q;  // the other one's address was, since this one asks

assign accepted = m_axi_arvalid_o && m_axi_arready_i;

always_ff @(posedge clk_i) begin
  fetch_passed_q <= rst_ni && fetch_ar_valid_i && !fetch_ar_ready_o &&
                    (fetch_passed_q || (accepted && choice));
  load_passed_q  <= rst_ni && load_ar_valid_i && !load_ar_ready_o &&
                    (load_passed_q || (accepted && !choice));
end

`NPU_ASSERT(FetchIsNext, !(fetch_passed_q && choice))
`NPU_ASSERT(LoadIsNext, !(load_passed_q && !choice))

// An address that was shown and not accepted is still there, and where one requester passed the
// other, the address that is held is the other's.
`NPU_ASSERT(HeldIsShown, !held_q || m_axi_arvalid_o)
`NPU_ASSERT(FetchIsHeld, !fetch_passed_q || held_q != last_q)
`NPU_ASSERT(LoadIsHeld, !load_passed_q || held_q == last_q)

// What the bus shows is what the chosen one asks for.
`NPU_ASSERT(ShowsTheChosen, !m_axi_arvalid_o ||
            (m_axi_arid_o[0] ? load_ar_valid_i && m_axi_araddr_o == load_ar_addr_i
                             : fetch_ar_valid_i && m_axi_araddr_o == fetch_ar_addr_i))

`NPU_COVER(FetchWaits, fetch_passed_q && accepted)
`NPU_COVER(LoadWaits, load_passed_q && accepted)
`NPU_COVER(DropsOldBeat, m_axi_rvalid_i && m_axi_rready_o && !fetch_r_valid_o && !load_r_valid_o)
