`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// PE memory: banked, byte-addressed activation memory with unaligned vector ports for compute and
// an aligned port for the bus side.
//
// Where a word (address / WordBytes) lies says npu_bank_map. A vector access touches the bank of
// its first word and, when it crosses a word, the next one. Each bank serves one access per cycle,
// in this order: compute reads, bus write, bus read, compute write. A bus access refused MaxWait
// times goes first. Every access is granted whole or not at all. Compute reads come as groups of
// vectors of which no two read different rows of a bank (npu_fetch_queue). Word numbers beyond the
// memory wrap; the requesters check bounds.
//
//@ if units.residual
// The vector of a residual goes behind compute reads and before all others but such a bus access.
//
//@ endif
// Compute writes wait in a buffer from which one leaves per cycle, in any order: npu_write_buffer.
// When few entries are free, they go before the bus, and one that meets the reads before these.
`include "npu_assert.svh"
module npu_pe_memory #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes
  parameter int unsigned Banks     = 8,       //@ = pe.banks  -- power of two, at least 2
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes per bank word
  parameter int unsigned BusBytes  = 16,      //@ = npu.axi.bytes  -- at most WordBytes
  parameter int unsigned PostWidth = 16,      //@ = units.postprocess_width  -- bytes of a write
  parameter int unsigned Ports     = 4,       //@ = units.window_ports  -- compute reads per cycle
  parameter int unsigned Writes    = 12,      // compute writes that can wait, at least 4
  parameter int unsigned MaxWait   = 8,       // refusals after which a bus access goes first
  localparam int unsigned OffsetW  = $clog2(WordBytes),
  localparam int unsigned BankW    = $clog2(Banks),
  localparam int unsigned Depth    = MemBytes / (Banks * WordBytes),
  //@ if units.residual
  localparam int unsigned PlaceW   = 2 * (((Depth > 1) ? $clog2(Depth) : 1) + BankW) + OffsetW + 1,
  //@ endif
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire                     clk_i,
  input  wire                     rst_ni,
  // compute reads: WordBytes bytes from any byte address; data in the cycle after the grant, else 0
  input  wire                     read_wanted_i, // it would, were it ready: writes keep away
  input  wire                     read_valid_i,
  output wire                     read_ready_o,
  input  wire  [Banks-1:0]        read_mask_i,   // banks that the vectors touch
  input  wire  [Ports-1:0]        read_inside_i, // vectors that are read
  input  wire  [Ports-1:0]        read_two_i,    // and cross into the next word
  input  wire  [BankW*Ports-1:0]  read_bank_i,   // place of the word, and of the next one
  input  wire  [BankW*Ports-1:0]  read_bank2_i,
  input  wire  [RowW*Ports-1:0]   read_row_i,
  input  wire  [RowW*Ports-1:0]   read_row2_i,
  input  wire  [OffsetW*Ports-1:0] read_offset_i, // first byte in the word
  input  wire  [OffsetW*Ports-1:0] read_turn_i,   // less its place in the vector
  output wire  [8*WordBytes*Ports-1:0] read_data_o,
  //@ if units.residual
  // one more vector, through the last port where compute reads leave it free: place of its word,
  // and of the next one if it crosses into it; data in the cycle after the grant
  input  wire                     residual_valid_i,
  output wire                     residual_ready_o,
  input  wire  [PlaceW-1:0]       residual_place_i,  // row2, row, bank2, bank, offset, two
  //@ endif
  // compute write: PostWidth bytes to any byte address; taken into the buffer
  input  wire                     write_valid_i,
  output wire                     write_ready_o,   // the buffer has room
  input  wire  [23:0]             write_addr_i,
  input  wire  [8*PostWidth-1:0]  write_data_i,
  input  wire  [PostWidth-1:0]    write_strb_i,
  output wire                     write_busy_o,    // writes wait
  output wire                     write_done_o,    // one of them reaches memory (pulse)
  input  wire                     clear_i,         // drop those that wait
  //@ if npu.memory_clear
  input  wire                     wipe_i,          // nothing else asks: write 0 to this row
  input  wire  [23:0]             wipe_row_i,      // of all banks
  //@ endif
  // bus write: BusBytes aligned bytes, at a place of npu_bus_place
  input  wire                     bus_write_valid_i,
  output wire                     bus_write_ready_o,
  input  wire  [23:0]             bus_write_addr_i,
  input  wire  [8*BusBytes-1:0]   bus_write_data_i,
  input  wire  [BusBytes-1:0]     bus_write_strb_i,
  // bus read: BusBytes aligned bytes at a place, data in the cycle after the grant
  input  wire                     bus_read_valid_i,
  output wire                     bus_read_ready_o,
  input  wire  [23:0]             bus_read_addr_i,
  output wire                     bus_read_rvalid_o,
  output wire  [8*BusBytes-1:0]   bus_read_data_o
);
  localparam int unsigned WordW   = 8 * WordBytes;
  localparam int unsigned WaitW   = $clog2(MaxWait + 1);
  localparam int unsigned Lines   = WordBytes / BusBytes;  // bus beats per word

  if (Banks < 2 || (Banks & (Banks - 1)) != 0) begin : gen_bad_banks
    $error("npu_pe_memory: Banks must be a power of two and at least 2");
  end
  if ((WordBytes & (WordBytes - 1)) != 0 || WordBytes < 2 || WordBytes < BusBytes ||
      WordBytes < PostWidth) begin : gen_bad_word
    $error("npu_pe_memory: WordBytes must be a power of two, at least BusBytes and PostWidth");
  end
  if (Depth < 1 || MemBytes % (Banks * WordBytes) != 0 || MemBytes > 8388608) begin : gen_bad_size
    $error("npu_pe_memory: MemBytes must be a multiple of Banks * WordBytes, at most 8 MiB");
  end
  if (Ports < 1 || Ports > 4) begin : gen_bad_ports
    $error("npu_pe_memory: Ports must be 1..4");
  end

  // ---- Bus requests ----
  logic [BankW-1:0] bus_write_bank, bus_read_bank;
  logic [RowW-1:0]  bus_write_row, bus_read_row;
  logic [Banks-1:0] bus_write_mask, bus_read_mask;  // 0: no request

  assign bus_write_bank = bus_write_addr_i[OffsetW+:BankW];
  assign bus_write_row  = RowW'(bus_write_addr_i >> (OffsetW + BankW));
  assign bus_read_bank  = bus_read_addr_i[OffsetW+:BankW];
  assign bus_read_row   = RowW'(bus_read_addr_i >> (OffsetW + BankW));
  assign bus_write_mask = bus_write_valid_i ? Banks'(1) << bus_write_bank : '0;
  assign bus_read_mask  = bus_read_valid_i ? Banks'(1) << bus_read_bank : '0;

  // ---- Arbitration ----
  // Nothing waits for the choice of a compute write but itself, and the reads where it goes first.
  logic [WaitW-1:0]     bus_write_wait_q, bus_read_wait_q;
  logic                 bus_write_first, bus_read_first;
  logic [Banks-1:0]     taken_first, taken_bus, read_mask, write_mask, write_mask2;
  logic                 writes_full, writes_first, grant_bus_write, grant_bus_read;
  logic [RowW-1:0]      write_row, write_row2;
  logic [WordBytes-1:0] write_strb, write_strb2;
  logic [WordW-1:0]     write_word;

  assign bus_write_first = bus_write_valid_i && bus_write_wait_q == WaitW'(MaxWait);
  assign bus_read_first  = bus_read_valid_i && bus_read_wait_q == WaitW'(MaxWait) &&
                           !(bus_write_first && bus_read_bank == bus_write_bank);
  assign taken_first     = (bus_write_first ? bus_write_mask : '0) |
                           (bus_read_first ? bus_read_mask : '0);

  //@ if units.residual
  logic               residual_two;
  logic [BankW-1:0]   residual_bank, residual_bank2;
  logic [RowW-1:0]    residual_row, residual_row2;
  logic [OffsetW-1:0] residual_offset;
  assign {residual_row2, residual_row, residual_bank2, residual_bank, residual_offset,
          residual_two} = residual_place_i;
  // Banks of the residual's vector: 0 without one.
  logic [Banks-1:0] residual_hits, residual_hits2, residual_mask, residual_banks;
  assign residual_hits    = residual_valid_i ? Banks'(1) << residual_bank : '0;
  assign residual_hits2   = (residual_valid_i && residual_two) ? Banks'(1) << residual_bank2
                                                                 : '0;
  assign residual_mask    = residual_hits | residual_hits2;
  assign residual_ready_o = residual_valid_i && !(read_valid_i && read_inside_i[Ports-1]) &&
                            (residual_mask & (taken_first | (read_valid_i ? read_mask_i : '0)))
                            == '0;
  assign residual_banks   = residual_ready_o ? residual_mask : '0;
  //@ endif

  assign read_ready_o    = (read_mask_i & taken_first) == '0 && !writes_first;
  assign read_mask       = (read_valid_i && read_ready_o) ? read_mask_i : '0;

  // A bus access goes where no read asks, and nowhere while the buffer of compute writes is nearly
  // full; the bus write before the bus read.
  assign grant_bus_write = bus_write_valid_i &&
                           (bus_write_first ||
                            (!writes_full &&
                             //@ if units.residual
                             (bus_write_mask & (residual_mask |
                             //@ endif
                             //@ unless units.residual: (bus_write_mask & (
                                                taken_first | (read_valid_i ? read_mask_i : '0)))
                             == '0));
  assign grant_bus_read  = bus_read_valid_i &&
                           (bus_read_first ||
                            (!writes_full &&
                             (bus_read_mask & (taken_first | bus_write_mask |
                                               //@ if units.residual
                                               residual_mask |
                                               //@ endif
                                               (read_valid_i ? read_mask_i : '0))) == '0));

  logic reads_still_q;
  always_ff @(posedge clk_i) reads_still_q <= read_wanted_i && !read_valid_i;

  // While the buffer is nearly full the bus has but what it takes first.
  assign taken_bus = writes_full ? taken_first : bus_write_mask | bus_read_mask;

  npu_write_buffer #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes),
    .PostWidth(PostWidth),
    .Writes   (Writes)
  ) u_writes (
    .clk_i,
    .rst_ni,
    .clear_i,
    .valid_i (write_valid_i),
    .ready_o (write_ready_o),
    .addr_i  (write_addr_i),
    .data_i  (write_data_i),
    .strb_i  (write_strb_i),
    .busy_o  (write_busy_o),
    .full_o  (writes_full),
    .still_i (reads_still_q),
    //@ if units.residual
    .wanted_i(taken_bus | residual_mask | (read_wanted_i ? read_mask_i : '0)),
    .taken_i (taken_bus | residual_mask),
    //@ endif
    //@ unless units.residual: .wanted_i(taken_bus | (read_wanted_i ? read_mask_i : '0)),
    //@ unless units.residual: .taken_i (taken_bus),
    .first_o (writes_first),
    .leaves_o(write_done_o),
    .mask_o  (write_mask),
    .mask2_o (write_mask2),
    .row_o   (write_row),
    .row2_o  (write_row2),
    .strb_o  (write_strb),
    .strb2_o (write_strb2),
    .data_o  (write_word)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      bus_write_wait_q <= '0;
      bus_read_wait_q  <= '0;
    end else begin
      if (!bus_write_valid_i || grant_bus_write) bus_write_wait_q <= '0;
      else if (!bus_write_first) bus_write_wait_q <= bus_write_wait_q + WaitW'(1);
      if (!bus_read_valid_i || grant_bus_read) bus_read_wait_q <= '0;
      else if (bus_read_wait_q != WaitW'(MaxWait)) bus_read_wait_q <= bus_read_wait_q + WaitW'(1);
    end
  end

  // Banks in which each vector's word lies, and the next one. Vectors that read the same bank read
  // the same row of it.
  logic [Banks*Ports-1:0] read_hits, read_hits2;
  always_comb begin
    read_hits  = '0;
    read_hits2 = '0;
    for (int unsigned p = 0; p < Ports; p++) begin
      if (read_inside_i[p]) begin
        read_hits[Banks*p+:Banks] = Banks'(1) << read_bank_i[BankW*p+:BankW];
        if (read_two_i[p]) begin
          read_hits2[Banks*p+:Banks] = Banks'(1) << read_bank2_i[BankW*p+:BankW];
        end
      end
    end
  end

  // Banks.
  logic [WordW-1:0]       bank_data[Banks];
  logic [WordW*Banks-1:0] bank_words;
  logic [WordW-1:0]       bus_write_word;
  logic [WordBytes-1:0]   bus_write_word_strb;

  if (Lines == 1) begin : gen_one_line
    assign bus_write_word      = bus_write_data_i;
    assign bus_write_word_strb = bus_write_strb_i;
  end else begin : gen_lines
    // The beat stands in every line of the word; the strobes choose one.
    assign bus_write_word      = {Lines{bus_write_data_i}};
    assign bus_write_word_strb = WordBytes'(bus_write_strb_i) << bus_write_addr_i[OffsetW-1:0];
  end

  logic [Banks-1:0] bus_write_hits, bus_read_hits;
  assign bus_write_hits = grant_bus_write ? bus_write_mask : '0;
  assign bus_read_hits  = grant_bus_read ? bus_read_mask : '0;

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    logic                 en;
    logic [WordBytes-1:0] be;
    logic [RowW-1:0]      word;
    logic [WordW-1:0]     wdata;

    always_comb begin
      en    = 1'b0;
      be    = '0;
      word  = '0;
      // The bus is granted long before a write is chosen; what is not enabled is not written.
      wdata = bus_write_hits[b] ? bus_write_word : write_word;
      //@ if units.residual
      if (read_mask[b] || residual_banks[b]) begin
      //@ endif
      //@ unless units.residual: if (read_mask[b]) begin
        en = 1'b1;
        for (int unsigned p = 0; p < Ports; p++) begin
          if (read_hits[Banks*p+b]) word = word | read_row_i[RowW*p+:RowW];
          if (read_hits2[Banks*p+b]) word = word | read_row2_i[RowW*p+:RowW];
        end
        //@ if units.residual
        if (residual_banks[b]) word = residual_hits[b] ? residual_row : residual_row2;
        //@ endif
      end else if (write_mask[b]) begin
        en    = 1'b1;
        word  = write_row;
        be    = write_strb;
      end else if (write_mask2[b]) begin
        en    = 1'b1;
        word  = write_row2;
        be    = write_strb2;
      end else if (bus_write_hits[b]) begin
        word  = bus_write_row;
        be    = bus_write_word_strb;
        en    = be != '0;
      end else if (bus_read_hits[b]) begin
        en   = 1'b1;
        word = bus_read_row;
      end
      //@ if npu.memory_clear
      if (wipe_i) begin
        en    = 32'(wipe_row_i) < Depth;
        be    = '1;
        word  = wipe_row_i[RowW-1:0];
        wdata = '0;
      end
      //@ endif
    end

    npu_ram_1rw #(
      .Bytes(WordBytes),
      .Depth(Depth)
    ) u_ram (
      .clk_i,
      .en_i   (en),
      .be_i   (be),
      .addr_i (word),
      .wdata_i(wdata),
      .rdata_o(bank_data[b])
    );
    assign bank_words[WordW*b+:WordW] = bank_data[b];
  end

  // Read data: two neighbouring words, shifted to the first byte.
  for (genvar p = 0; p < Ports; p++) begin : gen_port
    logic               valid_q;
    logic [BankW-1:0]   bank_q, bank2_q;
    logic [OffsetW-1:0] offset_q, turn_q;

    always_ff @(posedge clk_i) begin
      valid_q <= read_valid_i && read_ready_o && read_inside_i[p];
      if (read_valid_i && read_ready_o && read_inside_i[p]) begin
        bank_q   <= read_bank_i[BankW*p+:BankW];
        bank2_q  <= read_bank2_i[BankW*p+:BankW];
        offset_q <= read_offset_i[OffsetW*p+:OffsetW];
        turn_q   <= read_turn_i[OffsetW*p+:OffsetW];
      end
      //@ if units.residual
      if (p == Ports - 1 && residual_ready_o) begin
        valid_q  <= 1'b1;
        bank_q   <= residual_bank;
        bank2_q  <= residual_bank2;
        offset_q <= residual_offset;
        turn_q   <= residual_offset;
      end
      //@ endif
    end

    npu_read_network #(
      .Banks    (Banks),
      .WordBytes(WordBytes)
    ) u_network (
      .valid_i (valid_q),
      .bank_i  (bank_q),
      .bank2_i (bank2_q),
      .offset_i(offset_q),
      .turn_i  (turn_q),
      .words_i (bank_words),
      .data_o  (read_data_o[WordW*p+:WordW])
    );
  end

  logic [BankW-1:0]     bus_read_bank_q;
  logic [OffsetW-1:0]   bus_read_offset_q;
  logic                 bus_read_rvalid_q;
  logic [WordW-1:0]     bus_read_word;

  always_ff @(posedge clk_i) begin
    if (grant_bus_read) begin
      bus_read_bank_q   <= bus_read_bank;
      bus_read_offset_q <= bus_read_addr_i[OffsetW-1:0];
    end
    bus_read_rvalid_q <= rst_ni && grant_bus_read;
  end

  assign bus_read_word = bank_data[bus_read_bank_q];

  assign bus_write_ready_o = grant_bus_write;
  assign bus_read_ready_o  = grant_bus_read;
  assign bus_read_rvalid_o = bus_read_rvalid_q;

  if (Lines == 1) begin : gen_read_one_line
    assign bus_read_data_o = bus_read_word;
    logic unused_offset;
    assign unused_offset = ^bus_read_offset_q;
  end else begin : gen_read_lines
    logic [WordW-1:0] bus_read_shifted;
    assign bus_read_shifted = bus_read_word >> {bus_read_offset_q, 3'b000};
    assign bus_read_data_o  = bus_read_shifted[8*BusBytes-1:0];
    logic unused_shifted;
    assign unused_shifted = ^bus_read_shifted[WordW-1:8*BusBytes];
  end

  logic unused_address;
  assign unused_address = ^{bus_write_addr_i, bus_read_addr_i};

  //@ if units.residual
  `NPU_ASSERT(ResidualAlone, (residual_banks & (read_mask | write_mask | write_mask2 |
                                                bus_write_hits | bus_read_hits)) == '0)
  //@ endif

  // A bank serves one of reads, write, bus write and bus read in a cycle.
  `NPU_ASSERT(OneAccess, (read_mask & (write_mask | write_mask2)) == '0 &&
              ((read_mask | write_mask | write_mask2) & bus_write_hits) == '0 &&
              ((read_mask | write_mask | write_mask2 | bus_write_hits) & bus_read_hits) == '0)

  // Vectors of a group read no bank but those of the mask, and no two rows of one.
  for (genvar p = 0; p < Ports; p++) begin : gen_check
    `NPU_ASSUME(MaskHasBanks, !read_valid_i ||
                ((read_hits[Banks*p+:Banks] | read_hits2[Banks*p+:Banks]) & ~read_mask_i) == '0)
    for (genvar b = 0; b < Banks; b++) begin : gen_check_bank
      `NPU_ASSUME(OneRow, !read_mask[b] ||
                  ((!read_hits[Banks*p+b] || gen_bank[b].word == read_row_i[RowW*p+:RowW]) &&
                   (!read_hits2[Banks*p+b] || gen_bank[b].word == read_row2_i[RowW*p+:RowW])))
    end
  end

  // The bus keeps what it writes until it is granted, which takes a bounded time.
  `NPU_ASSERT(WaitInRange, 32'(bus_write_wait_q) <= MaxWait && 32'(bus_read_wait_q) <= MaxWait)
endmodule : npu_pe_memory
`default_nettype wire
