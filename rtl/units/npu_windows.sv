`default_nettype none
// The memory windows of a job: taken over from the registers at the doorbell, so that writing the
// registers changes nothing until the next one, and checked there.
//
// The copies are written before each job and read only in jobs, so they need no reset.
module npu_windows #(
  parameter int unsigned AddrW = 40,  //@ = npu.axi.address_width  -- 32..64 bits
  localparam int unsigned Windows = npu_isa_pkg::WindowCount
) (
  input  wire                     clk_i,
  input  wire                     take_i,   // the doorbell
  // registers
  input  wire  [64*Windows-1:0]   base_i,
  input  wire  [32*Windows-1:0]   size_i,
  input  wire  [32*Windows-1:0]   flags_i,
  output logic [Windows-1:0]      bad_o,    // has bytes beyond the addresses of the bus
  // as taken over
  output wire  [64*Windows-1:0]   base_o,
  output wire  [32*Windows-1:0]   size_o,
  output wire  [32*Windows-1:0]   flags_o
);
  if (AddrW < 32 || AddrW > 64) begin : gen_bad
    $error("npu_windows: AddrW must be 32..64");
  end

  wire clk;  // stands still while nothing here changes

  logic [AddrW*Windows-1:0] base_q;
  logic [32*Windows-1:0]    size_q;
  logic [2*Windows-1:0]     flags_q;
  logic [65:0]              past;  // the first byte behind the window

  // A window may end where the addresses end.
  always_comb begin
    bad_o = '0;
    past  = '0;
    for (int unsigned w = 0; w < Windows; w++) begin
      past     = 66'(base_i[64*w+:64]) + 66'(size_i[32*w+:32]);
      bad_o[w] = size_i[32*w+:32] != '0 && past > (66'd1 << AddrW);
    end
  end

  for (genvar w = 0; w < Windows; w++) begin : gen_window
    always_ff @(posedge clk) begin
      if (take_i) begin
        base_q[AddrW*w+:AddrW] <= base_i[64*w+:AddrW];
        size_q[32*w+:32]       <= size_i[32*w+:32];
        flags_q[2*w+:2]        <= flags_i[32*w+:2];
      end
    end
  end

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(take_i),
    .clk_o   (clk)
  );

  for (genvar w = 0; w < Windows; w++) begin : gen_output
    assign base_o[64*w+:64]  = 64'(base_q[AddrW*w+:AddrW]);
    assign flags_o[32*w+:32] = 32'(flags_q[2*w+:2]);
  end
  assign size_o = size_q;

  logic unused_flags;
  assign unused_flags = ^flags_i;
endmodule : npu_windows
`default_nettype wire
