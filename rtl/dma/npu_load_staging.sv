`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Staging of LOAD: beats on the way to core memory and to PE memory, in a buffer each, and how much
// room the requests under way leave in them.
//
// A beat counts from its request until it is realigned. Requests without room are allowed: their
// beats then wait on the bus.
module npu_load_staging #(
  parameter int unsigned BusBytes         = 16,  //@ = npu.axi.bytes  -- bytes of a beat
  parameter int unsigned ParameterBuffer  = 64,  //@ = controller.parameter_buffer  -- beats
  parameter int unsigned ActivationBuffer = 64,  //@ = controller.activation_buffer  -- beats
  parameter int unsigned Outstanding      = 8,   //@ = npu.axi.outstanding  -- bursts in flight
  parameter int unsigned MaxBurst         = 32   //@ = npu.axi.burst  -- beats, 1..256
) (
  input  wire                   clk_i,
  input  wire                   rst_ni,
  input  wire                   clear_i,
  // requests: request_beats_i are requested; whether a burst of beats_i or
  // limit_i more, the smaller one, or one more have room
  input  wire                   request_core_i,   // they are for core memory
  input  wire  [8:0]            request_beats_i,  // 0: none
  input  wire  [8:0]            beats_i,
  input  wire  [8:0]            limit_i,
  output wire                   room_o,
  output wire                   word_room_o,
  // beats
  input  wire                   valid_i,
  input  wire                   core_i,
  input  wire  [8*BusBytes-1:0] data_i,
  output wire                   core_ready_o,     // room in the buffer of core memory,
  output wire                   pe_ready_o,       // of PE memory
  // to realignment: from the buffer that it asks for
  input  wire                   take_core_i,
  output wire                   valid_o,
  input  wire                   ready_i,
  output wire  [8*BusBytes-1:0] data_o,
  output wire                   moving_o          // a beat is between a buffer's memory and its end
);
  localparam int unsigned MaxBuffer =
      (ParameterBuffer > ActivationBuffer) ? ParameterBuffer : ActivationBuffer;
  localparam int unsigned RoomW = $clog2(MaxBuffer + (Outstanding + 1) * MaxBurst + 1);

  logic                  parameter_valid, activation_valid, parameter_empty, activation_empty, pop;
  logic [8*BusBytes-1:0] parameter_data, activation_data;
  logic [RoomW-1:0]      parameter_used_q, activation_used_q;  // beats requested, not yet realigned

  // A sum of its own: Yosys 0.23 keeps the carry of one that stands in a comparison.
  logic [RoomW-1:0] parameter_wanted, activation_wanted;
  logic [RoomW-1:0] parameter_most, activation_most;
  assign parameter_wanted  = parameter_used_q + RoomW'(beats_i);
  assign activation_wanted = activation_used_q + RoomW'(beats_i);
  assign parameter_most    = parameter_used_q + RoomW'(limit_i);
  assign activation_most   = activation_used_q + RoomW'(limit_i);

  assign room_o      = request_core_i ? parameter_wanted <= RoomW'(ParameterBuffer) ||
                                        parameter_most <= RoomW'(ParameterBuffer)
                                      : activation_wanted <= RoomW'(ActivationBuffer) ||
                                        activation_most <= RoomW'(ActivationBuffer);
  assign word_room_o = request_core_i ? parameter_used_q < RoomW'(ParameterBuffer) :
                                        activation_used_q < RoomW'(ActivationBuffer);

  npu_ram_fifo #(
    .Width(8 * BusBytes),
    .Depth(ParameterBuffer)
  ) u_parameter_buffer (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(valid_i && core_i),
    .ready_o(core_ready_o),
    .data_i,
    .valid_o(parameter_valid),
    .ready_i(ready_i && take_core_i),
    .data_o (parameter_data),
    .empty_o(parameter_empty)
  );

  npu_ram_fifo #(
    .Width(8 * BusBytes),
    .Depth(ActivationBuffer)
  ) u_activation_buffer (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i(valid_i && !core_i),
    .ready_o(pe_ready_o),
    .data_i,
    .valid_o(activation_valid),
    .ready_i(ready_i && !take_core_i),
    .data_o (activation_data),
    .empty_o(activation_empty)
  );

  assign valid_o  = take_core_i ? parameter_valid : activation_valid;
  assign data_o   = take_core_i ? parameter_data : activation_data;
  assign pop      = valid_o && ready_i;
  assign moving_o = (!parameter_valid && !parameter_empty) ||
                    (!activation_valid && !activation_empty);

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      parameter_used_q  <= '0;
      activation_used_q <= '0;
    end else begin
      parameter_used_q  <= parameter_used_q + (request_core_i ? RoomW'(request_beats_i) : '0) -
                           RoomW'(pop && take_core_i);
      activation_used_q <= activation_used_q + (request_core_i ? '0 : RoomW'(request_beats_i)) -
                           RoomW'(pop && !take_core_i);
    end
  end

  logic unused_beats;  // upper bits, with small buffers
  assign unused_beats = ^{request_beats_i, beats_i, limit_i};
endmodule : npu_load_staging
`default_nettype wire
