`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// The life of a job as the host sees it: doorbell, end, error, reset.
//
// A doorbell write starts a job when none runs and no error stands. finished_i ends it; error_i
// ends it first: halt_o holds until the bus is quiet, then the error is reported and stands until
// a reset. A reset halts in the same way, then holds clear_o for some cycles.
//
// A job whose memory windows reach beyond the addresses is refused: it runs without the command
// fetch, and refused_o says why in the next cycle.
//@ if npu.axi.watchdog
// So is one whose doorbell finds an address of the machine before on a bus that does not accept it
// (forget_i). Where the bus does not answer (expired_i), nobody waits for it any more.
//@ endif
`include "npu_assert.svh"
module npu_job #(
  //@ if npu.memory_clear
  parameter int unsigned ClearRows = 16384,  //@ = npu.clear_cycles
  //@ endif
  parameter int unsigned AddrW     = 64,     //@ = npu.axi.address_width  -- 32..64 bits
  localparam int unsigned Windows = npu_isa_pkg::WindowCount
) (
  input  wire               clk_i,
  input  wire               rst_ni,
  // register block
  input  wire               control_we_i,      // write strobes
  input  wire               control_reset_i,   // control.reset
  //@ if npu.memory_clear
  input  wire               control_clear_i,   // control.clear
  //@ endif
  input  wire               doorbell_we_i,
  output wire [31:0]        status_o,
  output wire [31:0]        irq_set_o,         // pulses: bit 0 done, bit 1 error
  output wire [31:0]        error_info_o,
  output wire [63:0]        error_address_o,
  input  wire [Windows-1:0] window_bad_i,      // it reaches beyond the addresses
  // machine
  input  wire               quiet_i,           // no bus transaction is under way
  input  wire               finished_i,        // END is complete
  //@ if npu.axi.watchdog
  input  wire               expired_i,         // pulse: the bus does not answer
  input  wire               forget_i,          // no burst may begin: npu_epochs
  output wire               waits_o,           // it matters: active, or halted by a reset
  //@ endif
  output wire               start_o,           // pulse: a job starts
  output wire               fetch_start_o,     // pulse: and is not refused
  output wire               running_o,
  output wire               active_o,          // running, or halted by an error
  output wire               halt_o,            // begin no command and no bus transaction
  output wire               clear_o,           // forget everything
  //@ if npu.memory_clear
  output wire               wipe_o,            // write 0 to all memories, a row a cycle
  output wire [23:0]        wipe_row_o,
  //@ endif
  // the job is refused, for this reason
  output wire               refused_o,
  output wire [7:0]         refused_code_o,
  output wire [AddrW-1:0]   refused_address_o,
  // the error of this cycle
  input  wire               error_i,
  input  wire [7:0]         error_code_i,
  input  wire [3:0]         error_engine_i,
  input  wire [15:0]        error_tag_i,
  input  wire [AddrW-1:0]   error_address_i
);
  typedef enum logic [2:0] {
    StIdle,
    StRun,
    StHalt,       // an error was found, the bus is not quiet yet
    StError,      // waits for a reset
    StResetHalt,  // a reset was asked for, the bus is not quiet yet
    StClear       // clear_o
  } state_e;

  wire         clk;  // stands still while nothing here changes
  state_e      state_q;
  logic [1:0]  pause_q;               // counts quiet cycles while halted, then cycles of StClear
  logic        done_q;                // the last job ended without error
  logic        start, reset, running, halted, settled, failed_job;
  logic        given_up;              // do not wait for the bus
  logic        wiping;                // StClear goes on
  logic [Windows-1:0] bad_windows_q;  // of a job that was refused
  logic [1:0]  bad_window;
  logic [7:0]  error_code_q;
  logic [3:0]  error_engine_q;
  logic [15:0] error_tag_q;
  logic [AddrW-1:0] error_address_q;

  //@ if npu.memory_clear
  assign reset      = control_we_i && (control_reset_i || control_clear_i);
  //@ endif
  //@ unless npu.memory_clear: assign reset      = control_we_i && control_reset_i;
  assign start      = state_q == StIdle && doorbell_we_i && !reset;
  assign running    = state_q == StRun;
  assign halted     = state_q != StIdle && state_q != StRun;
  // A master may still be about to react to halt_o: it must be quiet for a while.
  assign settled    = (quiet_i || given_up) && pause_q == '1;
  assign failed_job = state_q == StHalt && settled && !reset;

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || reset || start || halted || (running && (error_i || finished_i))),
    .clk_o   (clk)
  );

  always_ff @(posedge clk) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      done_q  <= 1'b0;
      pause_q <= '0;
    end else begin
      case (state_q)
        StIdle: begin
          if (reset) state_q <= StResetHalt;
          else if (start) state_q <= StRun;
        end
        StRun: begin
          if (reset) state_q <= StResetHalt;
          else if (error_i) state_q <= StHalt;
          else if (finished_i) state_q <= StIdle;
        end
        StHalt: begin
          if (reset) state_q <= StResetHalt;
          else if (settled) state_q <= StError;
        end
        StError: if (reset) state_q <= StResetHalt;
        StResetHalt: if (settled) state_q <= StClear;
        StClear: if (pause_q == '1 && !wiping) state_q <= StIdle;
        default: state_q <= StIdle;
      endcase

      if (!halted || state_q == StError) pause_q <= '0;
      else if (state_q != StClear && ((!quiet_i && !given_up) || reset)) pause_q <= '0;
      else if (!wiping || pause_q != '1) pause_q <= pause_q + 2'd1;

      if (start || reset) done_q <= 1'b0;
      else if (running && finished_i && !error_i) done_q <= 1'b1;
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_ni) bad_windows_q <= '0;
    else bad_windows_q <= start ? window_bad_i : '0;
  end

  always_comb begin
    bad_window = '0;
    for (int unsigned w = 0; w < Windows; w++) begin
      if (bad_windows_q[Windows-1-w]) bad_window = 2'(Windows - 1 - w);
    end
  end

  //@ if npu.axi.watchdog
  logic given_up_q;
  logic stands_q;  // the address that forget_i is about stands on the bus

  always_ff @(posedge clk_i) begin
    if (!rst_ni || start || clear_o) given_up_q <= 1'b0;
    else if (expired_i || stands_q) given_up_q <= 1'b1;
    stands_q <= rst_ni && start && forget_i;
  end
  assign given_up          = given_up_q;
  assign waits_o           = active_o || state_q == StResetHalt;
  assign fetch_start_o     = start && window_bad_i == '0 && !forget_i;
  assign refused_o         = bad_windows_q != '0 || stands_q;
  assign refused_code_o    = (bad_windows_q != '0) ? npu_isa_pkg::ErrWindowRange
                                                   : npu_isa_pkg::ErrBusTimeout;
  //@ endif
  //@ unless npu.axi.watchdog: assign given_up          = 1'b0;
  //@ unless npu.axi.watchdog: assign fetch_start_o     = start && window_bad_i == '0;
  //@ unless npu.axi.watchdog: assign refused_o         = bad_windows_q != '0;
  //@ unless npu.axi.watchdog: assign refused_code_o    = npu_isa_pkg::ErrWindowRange;
  assign refused_address_o = AddrW'(bad_window);

  //@ if npu.memory_clear
  // Rows are cleared while clear_o holds everything else.
  localparam int unsigned RowW = $clog2(ClearRows + 1);
  logic            wipe_q;
  logic [RowW-1:0] row_q;

  always_ff @(posedge clk) begin
    if (!rst_ni) wipe_q <= 1'b0;
    else if (control_we_i && control_clear_i) wipe_q <= 1'b1;
    else if (wipe_o && row_q == RowW'(ClearRows - 1)) wipe_q <= 1'b0;
    if (!wipe_o || (control_we_i && control_clear_i)) row_q <= '0;
    else row_q <= row_q + RowW'(1);
  end
  assign wipe_o     = state_q == StClear && wipe_q && pause_q == '1;
  assign wipe_row_o = 24'(row_q);
  assign wiping     = wipe_q || (control_we_i && control_clear_i);
  //@ endif
  //@ unless npu.memory_clear: assign wiping = 1'b0;

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_o) begin
      error_code_q    <= '0;
      error_engine_q  <= '0;
      error_tag_q     <= '0;
      error_address_q <= '0;
    end else if (running && error_i && !reset) begin
      error_code_q    <= error_code_i;
      error_engine_q  <= error_engine_i;
      error_tag_q     <= error_tag_i;
      error_address_q <= error_address_i;
    end
  end

  assign status_o        = {28'b0, state_q == StResetHalt || state_q == StClear,
                            state_q == StError, done_q, active_o};
  assign irq_set_o       = {30'b0, failed_job, running && finished_i && !error_i && !reset};
  assign error_info_o    = {error_tag_q, 4'b0, error_engine_q, error_code_q};
  assign error_address_o = 64'(error_address_q);
  assign start_o         = start;
  assign running_o       = running;
  assign active_o        = running || state_q == StHalt;
  assign halt_o          = halted;
  assign clear_o         = state_q == StClear;

  // The state is a known one.
  `NPU_ASSERT(StateIsKnown, 32'(state_q) <= 32'(StClear))

  // A job ends once: well or with an error.
  `NPU_ASSERT(EndsOnce, irq_set_o[1:0] != 2'b11)

  // The machine is cleared when the bus is quiet, or nobody waits for it any more.
  `NPU_ASSERT(ClearsQuiet, !clear_o || pause_q != '0 || quiet_i || given_up)
endmodule : npu_job
`default_nettype wire
