`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Lets two requesters share one AXI read channel: bit 0 of the id is 0 for the command fetch and 1
// for the tensor load.
//
// Addresses alternate when both ask; one that was shown to the bus stays until it is accepted.
// Beats are routed by id and may come mixed. Nothing leads from the R channel back to the AR
// channel.
//@ if npu.axi.watchdog
//
// When the requesters are cleared with bursts under way (the bus does not answer), the beats that
// still come are dropped: bit 1 of the id is the epoch. An address that was shown stays until it is
// accepted; another one is dropped.
//@ endif
`include "npu_assert.svh"
module npu_axi_read_mux #(
  parameter int unsigned BusBytes = 16,  //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  //@ if npu.axi.watchdog
  parameter int unsigned Bursts   = 10,  // most bursts under way
  //@ endif
  parameter int unsigned AddrW    = 40   //@ = npu.axi.address_width  -- address bits
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  //@ if npu.axi.watchdog
  input  wire                   clear_i,
  output wire                   forget_o,   // no burst may begin: npu_epochs
  //@ endif
  // fetch: aligned address, beats - 1; keeps both while valid and not ready
  input  wire                   fetch_ar_valid_i,
  output wire                   fetch_ar_ready_o,
  input  wire  [AddrW-1:0]      fetch_ar_addr_i,
  input  wire  [7:0]            fetch_ar_len_i,
  output wire                   fetch_r_valid_o,
  input  wire                   fetch_r_ready_i,
  output wire  [8*BusBytes-1:0] fetch_r_data_o,
  output wire  [1:0]            fetch_r_resp_o,
  output wire                   fetch_r_last_o,
  // load: the same
  input  wire                   load_ar_valid_i,
  output wire                   load_ar_ready_o,
  input  wire  [AddrW-1:0]      load_ar_addr_i,
  input  wire  [7:0]            load_ar_len_i,
  output wire                   load_r_valid_o,
  input  wire                   load_r_ready_i,
  output wire  [8*BusBytes-1:0] load_r_data_o,
  output wire  [1:0]            load_r_resp_o,
  output wire                   load_r_last_o,
  // bus
  output wire                   m_axi_arvalid_o,
  input  wire                   m_axi_arready_i,
  output wire  [1:0]            m_axi_arid_o,
  output wire  [AddrW-1:0]      m_axi_araddr_o,
  output wire  [7:0]            m_axi_arlen_o,
  output wire  [2:0]            m_axi_arsize_o,
  output wire  [1:0]            m_axi_arburst_o,
  input  wire                   m_axi_rvalid_i,
  output wire                   m_axi_rready_o,
  input  wire  [1:0]            m_axi_rid_i,
  input  wire  [8*BusBytes-1:0] m_axi_rdata_i,
  input  wire  [1:0]            m_axi_rresp_i,
  input  wire                   m_axi_rlast_i
);
  if (BusBytes < 4 || BusBytes > 64 || (BusBytes & (BusBytes - 1)) != 0) begin : gen_bad
    $error("npu_axi_read_mux: BusBytes must be 4, 8, 16, 32 or 64");
  end

  logic held_q;  // the address shown was not accepted: do not change it
  logic last_q;  // requester shown last
  logic choice;  // 0: fetch, 1: load

  assign choice = held_q ? last_q : (load_ar_valid_i && (!fetch_ar_valid_i || !last_q));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q <= 1'b0;
      last_q <= 1'b0;
    end else if (m_axi_arvalid_o) begin
      held_q <= !m_axi_arready_i;
      last_q <= choice;
    end
  end

  //@ if npu.axi.watchdog
  logic epoch, forget, wanted;

  npu_epochs #(
    .Bursts(Bursts)
  ) u_epochs (
    .clk_i,
    .rst_ni,
    .clear_i,
    .shown_i    (m_axi_arvalid_o),
    .accepted_i (m_axi_arvalid_o && m_axi_arready_i),
    .ended_i    (m_axi_rvalid_i && m_axi_rready_o && m_axi_rlast_i),
    .ended_old_i(m_axi_rid_i[1] != epoch),
    .epoch_o    (epoch),
    .forget_o   (forget)
  );
  assign forget_o         = forget;
  assign wanted           = m_axi_rid_i[1] == epoch && !forget;
  assign m_axi_arid_o     = {epoch, choice};
  assign fetch_ar_ready_o = choice ? clear_i : m_axi_arready_i;
  assign load_ar_ready_o  = choice ? m_axi_arready_i : clear_i;
  assign fetch_r_valid_o  = m_axi_rvalid_i && !m_axi_rid_i[0] && wanted;
  assign load_r_valid_o   = m_axi_rvalid_i && m_axi_rid_i[0] && wanted;
  assign m_axi_rready_o   = !wanted || (m_axi_rid_i[0] ? load_r_ready_i : fetch_r_ready_i);
  //@ endif
  //@ unless npu.axi.watchdog: assign m_axi_arid_o     = {1'b0, choice};
  //@ unless npu.axi.watchdog: assign fetch_ar_ready_o = !choice && m_axi_arready_i;
  //@ unless npu.axi.watchdog: assign load_ar_ready_o  = choice && m_axi_arready_i;
  //@ unless npu.axi.watchdog: assign fetch_r_valid_o  = m_axi_rvalid_i && !m_axi_rid_i[0];
  //@ unless npu.axi.watchdog: assign load_r_valid_o   = m_axi_rvalid_i && m_axi_rid_i[0];
  //@ unless npu.axi.watchdog: assign m_axi_rready_o   = m_axi_rid_i[0] ? load_r_ready_i : fetch_r_ready_i;

  assign m_axi_arvalid_o  = choice ? load_ar_valid_i : fetch_ar_valid_i;
  assign m_axi_araddr_o   = choice ? load_ar_addr_i : fetch_ar_addr_i;
  assign m_axi_arlen_o    = choice ? load_ar_len_i : fetch_ar_len_i;
  assign m_axi_arsize_o   = 3'($clog2(BusBytes));
  assign m_axi_arburst_o  = 2'b01;

  assign fetch_r_data_o  = m_axi_rdata_i;
  assign fetch_r_resp_o  = m_axi_rresp_i;
  assign fetch_r_last_o  = m_axi_rlast_i;
  assign load_r_data_o   = m_axi_rdata_i;
  assign load_r_resp_o   = m_axi_rresp_i;
  assign load_r_last_o   = m_axi_rlast_i;

  logic unused_id;
  assign unused_id = m_axi_rid_i[1];

  // An address that the bus has not accepted stays, with its length and its id.
  `NPU_ASSERT_STABLE(AddressStays, m_axi_arvalid_o, m_axi_arready_i,
                     {m_axi_araddr_o, m_axi_arlen_o, m_axi_arid_o})

  // So does what the requesters show.
  `NPU_ASSUME_STABLE(FetchAddressStays, fetch_ar_valid_i, fetch_ar_ready_o,
                     {fetch_ar_addr_i, fetch_ar_len_i})
  `NPU_ASSUME_STABLE(LoadAddressStays, load_ar_valid_i, load_ar_ready_o,
                     {load_ar_addr_i, load_ar_len_i})

  // A beat goes to one requester at most, and to none that did not ask for it.
  `NPU_ASSERT(BeatToItsOwner, !(fetch_r_valid_o && load_r_valid_o) &&
              !(fetch_r_valid_o && m_axi_rid_i[0]) && !(load_r_valid_o && !m_axi_rid_i[0]))
endmodule : npu_axi_read_mux
`default_nettype wire
