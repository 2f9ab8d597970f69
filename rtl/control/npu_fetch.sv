`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// Command fetch: reads a stream from memory window 0, checks its header, delivers its entries.
//
// The first burst is on the bus three cycles after start_i. Up to SpecEntries entries are read
// before the header is known, inside the window but perhaps behind the end of the stream; those
// are dropped. The instruction memory holds whole bus beats (or entries, where beats are
// smaller), and a burst is issued only when it has room for it, so r_ready_o is always high. A
// stream that is not inside the window as a whole is refused before its first command is
// delivered.
`include "npu_assert.svh"
module npu_fetch #(
  parameter int unsigned BusBytes    = 64,     //@ = npu.axi.bytes  -- beat bytes: 4 .. 64
  parameter int unsigned AddrW       = 64,     //@ = npu.axi.address_width  -- 32..64 bits
  parameter int unsigned Depth       = 16384,  //@ = controller.instruction_memory  -- entries held
  parameter int unsigned BusBurst    = 256,    //@ = npu.axi.burst  -- most beats of a burst, 4..256
  parameter int unsigned MaxInFlight = 2,      // bursts under way; LOAD shares the bus
  parameter int unsigned SpecEntries = 32      // entries read before the header is known, 2..64
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  input  wire                  clear_i,           // as reset; only while quiet_o
  // control
  input  wire                  start_i,           // read the stream at offset_i; only while quiet_o
  input  wire [31:0]           offset_i,          // bytes in window 0
  input  wire [63:0]           config_hash_i,     // that the stream must have been made for
  input  wire                  halt_i,            // issue no burst, deliver nothing
  //@ if npu.axi.watchdog
  input  wire                  timeout_i,         // pulse: the bus does not answer
  //@ endif
  output wire                  quiet_o,           // no burst outstanding
  // window 0
  input  wire [63:0]           window_base_i,
  input  wire [31:0]           window_size_i,
  input  wire                  window_readable_i,
  // entries of the commands
  output wire                  entry_valid_o,
  input  wire                  entry_ready_i,
  output wire [127:0]          entry_o,
  output wire [27:0]           entry_left_o,      // entries to the end, this one included
  // bus, to npu_axi_read_mux
  output wire                  ar_valid_o,
  input  wire                  ar_ready_i,
  output wire [AddrW-1:0]      ar_addr_o,
  output wire [7:0]            ar_len_o,
  input  wire                  r_valid_i,
  output wire                  r_ready_o,
  input  wire [8*BusBytes-1:0] r_data_i,
  input  wire [1:0]            r_resp_i,
  input  wire                  r_last_i,
  // errors
  output wire                  error_valid_o,     // pulse; then stopped until start_i
  output wire [7:0]            error_code_o,
  output wire [AddrW-1:0]      error_address_o    // of the burst (bus errors) or of the stream
);
  wire clk;  // stands still while nothing here changes

  // A word of the instruction memory is BeatsPerWord beats or WordEntries entries; one is 1.
  localparam int unsigned BeatsPerWord = (BusBytes < 16) ? 16 / BusBytes : 1;
  localparam int unsigned WordEntries  = (BusBytes > 16) ? BusBytes / 16 : 1;
  localparam int unsigned WordW        = 128 * WordEntries;
  localparam int unsigned LogBus       = $clog2(BusBytes);
  localparam int unsigned LogBeats     = $clog2(BeatsPerWord);
  localparam int unsigned LogEntries   = $clog2(WordEntries);
  localparam int unsigned SelectW      = (WordEntries > 1) ? LogEntries : 1;
  localparam int unsigned Words        = (Depth + WordEntries - 1) / WordEntries;
  localparam int unsigned RoomW        = $clog2(Words + 1);
  // A burst fills at most half of the instruction memory and has at most 16 beats.
  localparam int unsigned MostBeats    = (BusBurst > 16) ? 16 : BusBurst;
  localparam int unsigned HalfWords    = (Words > 1) ? Words / 2 : 1;
  localparam int unsigned BurstWords   =
      (HalfWords * BeatsPerWord > MostBeats) ? MostBeats / BeatsPerWord : HalfWords;
  localparam int unsigned MaxBurst     = BurstWords * BeatsPerWord;
  localparam int unsigned PageBeats    = 4096 / BusBytes;
  localparam int unsigned PageW        = $clog2(PageBeats + 1);
  localparam int unsigned BeatsW       = 31;  // beats of 2^28 entries
  localparam int unsigned FlightW      = $clog2(MaxInFlight + 1);

  if (BusBytes < 4 || BusBytes > 64 || (1 << LogBus) != BusBytes || AddrW < 32 || AddrW > 64)
  begin : gen_bad_bus
    $error("npu_fetch: BusBytes must be 4, 8 .. 64 and AddrW 32..64");
  end
  if (Depth < 1 || BusBurst < 4 || MaxInFlight < 1 || SpecEntries < 2 || SpecEntries > 64)
  begin : gen_bad_depth
    $error("npu_fetch: Depth, MaxInFlight >= 1, BusBurst >= 4, SpecEntries 2..64");
  end

  typedef enum logic [1:0] {
    StIdle,
    StHeader0,  // first entry: magic, version, hash
    StHeader1,  // second entry: length
    StStream    // entries of the commands
  } state_e;

  // Beats that hold `entries` entries when the first one stands `lead` entries into its beat.
  function automatic logic [BeatsW-1:0] beats_of(input logic [27:0] entries,
                                                 input logic [SelectW-1:0] lead);
    logic [28:0] words;
    words = (29'(entries) + 29'(lead) + 29'(WordEntries - 1)) >> LogEntries;
    beats_of = BeatsW'(words) << LogBeats;
  endfunction

  // start
  logic [64:0]        first_addr;
  logic               bad_stream;
  logic [32:0]        rest;              // bytes of the window from the stream on
  logic [27:0]        spec_entries;
  logic [SelectW-1:0] lead;
  logic               start_q, bad_offset_q, bad_window_q, start;
  // requests
  logic [AddrW-1:0]   addr_q;            // next burst
  logic [BeatsW-1:0]  left_q;            // beats still to request
  logic [7:0]         requested_q;       // beats requested before the length is known
  logic               active_q, known_q;  // requests go on; the length is known
  logic [RoomW-1:0]   room_q;            // words that are neither filled nor requested
  logic [FlightW-1:0] flight_q;          // bursts
  logic               ar_valid_q;
  logic [AddrW-1:0]   ar_addr_q, after_addr;
  logic [3:0]         ar_len_q;
  logic [PageW-1:0]   page_left;
  logic [4:0]         burst, burst_page;
  logic [RoomW-1:0]   burst_words;
  logic               issue, wrapped;
  // responses
  logic [AddrW-1:0]   burst_addr_q;      // of the burst that is answered
  logic [3:0]         beat_q;            // beat in it
  logic               beat, beat_bad;
  logic               word_valid, word_ready;
  logic [WordW-1:0]   word_in, word;
  // entries
  state_e             state_q;
  logic [SelectW-1:0] select_q;
  logic [27:0]        entry_left_q, window_left_q;
  logic [SelectW-1:0] lead_q;
  logic [BeatsW-1:0]  stream_beats;
  logic [127:0]       entry;
  logic               at_length, taken, length_taken;
  logic               fifo_valid, fifo_ready;
  // errors
  logic [AddrW-1:0]   stream_addr_q, error_addr_q;
  logic               fail, bus_failed, error_valid_q;
  logic [7:0]         fail_code, error_code_q;
  logic               unused_bits;

  // Start, in two cycles: the address of the stream, then what of it may be read unseen. Then
  // requests go on as they do later.
  assign first_addr = {1'b0, window_base_i} + 65'(offset_i);
  assign rest       = {1'b0, window_size_i} - {1'b0, offset_i};

  always_ff @(posedge clk) begin
    start_q <= rst_ni && !clear_i && start_i;
    if (start_i) begin
      stream_addr_q <= first_addr[AddrW-1:0];
      window_left_q <= rest[31:4];
      bad_offset_q  <= offset_i[3:0] != '0 || window_base_i[3:0] != '0;
      bad_window_q  <= !window_readable_i || rest[32] || first_addr[64:AddrW] != '0;
    end
  end

  assign bad_stream   = bad_offset_q || bad_window_q || window_left_q[27:1] == '0;
  assign start        = start_q && !bad_stream && !halt_i;
  assign spec_entries = (window_left_q > 28'(SpecEntries)) ? 28'(SpecEntries) : window_left_q;
  assign lead         = (WordEntries > 1) ? stream_addr_q[4+:SelectW] : '0;

  // Requests.
  assign page_left   = PageW'(PageBeats) - PageW'(addr_q[11:LogBus]);
  assign burst_page  = (page_left < PageW'(MaxBurst)) ? 5'(page_left) : 5'(MaxBurst);
  assign burst       = (left_q < BeatsW'(burst_page)) ? 5'(left_q) : burst_page;
  assign burst_words = RoomW'(32'(burst) >> LogBeats);
  assign after_addr  = addr_q + (AddrW'(burst) << LogBus);
  // The address space ends with a page, so a burst cannot run over its end, only the stream can.
  assign wrapped     = after_addr == '0 && left_q != BeatsW'(burst);
  assign issue       = active_q && !halt_i && left_q != '0 && !at_length &&
                       (!ar_valid_q || ar_ready_i) && room_q >= burst_words &&
                       flight_q != FlightW'(MaxInFlight);
  assign stream_beats = beats_of(entry[27:0], lead_q);

  always_ff @(posedge clk) begin
    // An address that the bus has not accepted stays.
    if (!rst_ni) ar_valid_q <= 1'b0;
    else if (issue) ar_valid_q <= 1'b1;
    else if (ar_ready_i) ar_valid_q <= 1'b0;
    if (!rst_ni || clear_i) begin
      active_q   <= 1'b0;
      known_q    <= 1'b0;
      flight_q   <= '0;
      left_q     <= '0;
      room_q     <= RoomW'(Words);
    end else begin
      if (start) active_q <= 1'b1;
      else if (fail || halt_i) active_q <= 1'b0;
      if (start) known_q <= 1'b0;
      else if (length_taken) known_q <= 1'b1;
      flight_q <= flight_q + FlightW'(issue) - FlightW'(beat && r_last_i);
      if (start) room_q <= RoomW'(Words);
      else room_q <= room_q - (issue ? burst_words : '0) + RoomW'(fifo_valid && fifo_ready);
      if (start) left_q <= beats_of(spec_entries, lead);
      else if (issue) left_q <= left_q - BeatsW'(burst);
      else if (length_taken) begin
        left_q <= (stream_beats > BeatsW'(requested_q)) ? stream_beats - BeatsW'(requested_q) : '0;
      end
    end
  end

  always_ff @(posedge clk) begin
    if (start) addr_q <= {stream_addr_q[AddrW-1:LogBus], LogBus'(0)};
    else if (issue) addr_q <= after_addr;
    if (issue) begin
      ar_addr_q <= addr_q;
      ar_len_q  <= 4'(burst - 5'd1);
    end
    if (start) requested_q <= '0;
    else if (issue && !known_q) requested_q <= requested_q + 8'(burst);
  end

  // Responses. They come in the order of the requests, whose addresses follow one another.
  assign beat     = r_valid_i;
  assign beat_bad = beat && r_resp_i[1];

  always_ff @(posedge clk) begin
    if (start) begin
      burst_addr_q <= {stream_addr_q[AddrW-1:LogBus], LogBus'(0)};
      beat_q       <= '0;
    end else if (beat) begin
      beat_q <= r_last_i ? '0 : beat_q + 4'd1;
      if (r_last_i) burst_addr_q <= burst_addr_q + ((AddrW'(beat_q) + AddrW'(1)) << LogBus);
    end
  end

  if (BeatsPerWord > 1) begin : gen_narrow
    localparam int unsigned PartW = 128 - 8 * BusBytes;

    logic [PartW-1:0]    part_q;   // beats of the entry so far
    logic [LogBeats-1:0] index_q;  // beats in part_q

    always_ff @(posedge clk) begin
      if (start) index_q <= '0;
      else if (beat) index_q <= index_q + LogBeats'(1);
      if (beat) part_q <= PartW'({r_data_i, part_q} >> (8 * BusBytes));
    end

    assign word_valid = beat && index_q == '1;
    assign word_in    = {r_data_i, part_q};
  end else begin : gen_wide
    assign word_valid = beat;
    assign word_in    = r_data_i;
  end

  npu_front_fifo #(
    .Width(WordW),
    .Depth(Words)
  ) u_words (
    .clk_i   (clk),
    .rst_ni,
    .clear_i (clear_i || start_i),
    .valid_i (word_valid),
    .ready_o (word_ready),
    .data_i  (word_in),
    .valid_o (fifo_valid),
    .ready_i (fifo_ready),
    .data_o  (word)
  );

  // Entries of the words.
  assign at_length    = fifo_valid && state_q == StHeader1;
  assign entry        = word[128*32'(select_q)+:128];
  assign taken        = fifo_valid && !fail && !halt_i &&
                        (state_q == StHeader0 || state_q == StHeader1 ||
                         (state_q == StStream && entry_ready_i));
  assign length_taken = taken && at_length;
  assign fifo_ready   = taken && select_q == SelectW'(WordEntries - 1);

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) begin
      state_q <= StIdle;
    end else if (start) begin
      state_q  <= StHeader0;
      select_q <= lead;
    end else if (fail) begin
      state_q <= StIdle;
    end else if (taken) begin
      select_q <= (select_q == SelectW'(WordEntries - 1)) ? '0 : select_q + SelectW'(1);
      case (state_q)
        StHeader0: state_q <= StHeader1;
        StHeader1: state_q <= StStream;
        default: if (entry_left_q == 28'd1) state_q <= StIdle;
      endcase
    end
  end

  always_ff @(posedge clk) begin
    if (start) lead_q <= lead;
    if (length_taken) entry_left_q <= entry[27:0] - 28'(npu_isa_pkg::StreamHeaderEntries);
    else if (taken) entry_left_q <= entry_left_q - 28'd1;
  end

  // Errors, the bus first.
  //@ if npu.axi.watchdog
  assign bus_failed = beat_bad || timeout_i;
  //@ endif
  //@ unless npu.axi.watchdog: assign bus_failed = beat_bad;
  always_comb begin
    fail      = 1'b0;
    fail_code = npu_isa_pkg::ErrAxiRead;
    if (start_q) begin
      fail      = bad_stream && !halt_i;
      fail_code = bad_offset_q ? npu_isa_pkg::ErrBadField : npu_isa_pkg::ErrWindowBounds;
    end else if (beat_bad) begin
      fail = 1'b1;
    //@ if npu.axi.watchdog
    end else if (timeout_i) begin
      fail      = 1'b1;
      fail_code = npu_isa_pkg::ErrBusTimeout;
    //@ endif
    end else if (issue && wrapped) begin
      fail      = 1'b1;
      fail_code = npu_isa_pkg::ErrWindowBounds;
    end else if (fifo_valid && state_q == StHeader0) begin
      fail = 1'b1;
      if (entry[31:0] != npu_isa_pkg::StreamMagic) fail_code = npu_isa_pkg::ErrBadMagic;
      else if (entry[63:32] != npu_isa_pkg::CommandSetVersion) begin
        fail_code = npu_isa_pkg::ErrBadVersion;
      end else if (entry[127:64] != config_hash_i) fail_code = npu_isa_pkg::ErrBadHash;
      else fail = 1'b0;
    end else if (at_length) begin
      fail = 1'b1;
      if (entry[31:0] <= npu_isa_pkg::StreamHeaderEntries) fail_code = npu_isa_pkg::ErrBadLength;
      else if (entry[31:0] > 32'(window_left_q)) fail_code = npu_isa_pkg::ErrWindowBounds;
      else if (entry[127:32] != '0) fail_code = npu_isa_pkg::ErrBadField;
      else fail = 1'b0;
    end
  end

  always_ff @(posedge clk) begin
    if (!rst_ni || clear_i) error_valid_q <= 1'b0;
    else error_valid_q <= fail;
    if (fail) begin
      error_code_q <= fail_code;
      error_addr_q <= (bus_failed && !start_q) ? burst_addr_q : stream_addr_q;
    end
  end

  assign quiet_o         = !ar_valid_q && flight_q == '0;
  assign entry_valid_o   = fifo_valid && state_q == StStream && !halt_i;
  assign entry_o         = entry;
  assign entry_left_o    = entry_left_q;
  assign ar_valid_o      = ar_valid_q;
  assign ar_addr_o       = ar_addr_q;
  assign ar_len_o        = 8'(ar_len_q);
  assign r_ready_o       = 1'b1;
  assign error_valid_o   = error_valid_q;
  assign error_code_o    = error_code_q;
  assign error_address_o = error_addr_q;
  assign unused_bits     = ^{word_ready, r_resp_i[0], first_addr, rest[3:0]};

  npu_clock_gate u_gate (
    .clk_i,
    .enable_i(!rst_ni || clear_i || start_i || start_q || issue || (ar_valid_q && ar_ready_i) ||
              r_valid_i || taken || fail || error_valid_q || (halt_i && active_q)),
    .clk_o   (clk)
  );

  // A stream is asked for only while no burst is under way.
  `NPU_ASSUME(StartsQuiet, !start_i || quiet_o)

  // A beat that comes was asked for.
  `NPU_ASSUME(BeatsAreAskedFor, !r_valid_i || flight_q != '0)

  // An address that the bus has not accepted stays.
  `NPU_ASSERT_STABLE(AddressStays, ar_valid_o, ar_ready_i, {ar_addr_o, ar_len_o})

  // No burst crosses a border of 4 KiB.
  `NPU_ASSERT(BurstInPage, !ar_valid_o ||
              32'(ar_addr_o[11:0]) + ((32'(ar_len_o) + 32'd1) << LogBus) <= 32'd4096)

  // Every beat finds room: it was kept free when its burst was asked for.
  `NPU_ASSERT(RoomForBeats, !word_valid || word_ready)
  `NPU_ASSERT(CountsInRange, 32'(flight_q) <= MaxInFlight && 32'(room_q) <= Words)

  // An entry stays until it is taken.
  `NPU_ASSERT_STABLE(EntryStays, entry_valid_o, entry_ready_i, {entry_o, entry_left_o},
                     clear_i || halt_i || start_i || fail)

  // An entry is not behind the last one.
  `NPU_ASSERT(EntriesAreLeft, !entry_valid_o || entry_left_o != '0)
endmodule : npu_fetch
`default_nettype wire
