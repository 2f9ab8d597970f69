`default_nettype none
// SPDX-License-Identifier: Apache-2.0
// PE memory: banked, byte-addressed activation memory with unaligned vector ports for compute and
// an aligned port for the bus side.
//
// Where a word (address / WordBytes) lies says npu_bank_map. A vector access touches the bank of its
// first word and, when it crosses a word, the next one. Each bank serves one access per cycle, in
// this order: compute reads, compute write, bus write, bus read. A bus access refused MaxWait times
// goes first. Every access is granted whole or not at all. Compute reads come as groups of vectors
// of which no two read different rows of a bank (npu_fetch_queue). Word numbers beyond the memory
// wrap; the requesters check bounds.
//
// Compute writes wait in a buffer from which one whose banks are free leaves per cycle, in any
// order; when few entries are free, writes go before reads.
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
  localparam int unsigned RowW     = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire                     clk_i,
  input  wire                     rst_ni,
  // compute reads: WordBytes bytes from any byte address; data in the cycle after the grant, else 0
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
  output wire  [8*WordBytes*Ports-1:0] read_data_o,
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
  // bus write: BusBytes aligned bytes
  input  wire                     bus_write_valid_i,
  output wire                     bus_write_ready_o,
  input  wire  [23:0]             bus_write_addr_i,
  input  wire  [8*BusBytes-1:0]   bus_write_data_i,
  input  wire  [BusBytes-1:0]     bus_write_strb_i,
  // bus read: BusBytes aligned bytes, data in the cycle after the grant
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

  // Buffer of compute writes.
  localparam int unsigned SlotW   = $clog2(Writes);
  localparam int unsigned SlotsW  = $clog2(Writes + 1);
  localparam int unsigned Reserve = 3;  // free entries below which writes go before reads
  if (Writes < 4) begin : gen_bad_writes
    $error("npu_pe_memory: Writes must be at least 4");
  end

  logic [Writes-1:0]             slot_valid_q;
  logic [Writes*Banks-1:0]       slot_mask_q;
  logic [23:0]                   slot_addr_q[Writes];
  logic [8*PostWidth-1:0]        slot_data_q[Writes];
  logic [PostWidth-1:0]          slot_strb_q[Writes];
  logic [SlotsW-1:0]             slots_used_q;
  logic [SlotW-1:0]              free_slot, leaving;
  logic [Banks-1:0]              push_mask;
  logic [23:0]                   push_last;
  logic [OffsetW-1:0]            push_extra;
  logic                          push, writes_first;

  always_comb begin
    free_slot = '0;
    if (write_valid_i) begin
      for (int unsigned n = 0; n < Writes; n++) begin
        if (!slot_valid_q[n]) free_slot = SlotW'(n);
      end
    end
  end

  // The last byte that may be written decides whether a second word is touched.
  always_comb begin
    push_last  = write_addr_i;
    push_extra = '0;
    push_mask  = '0;
    if (write_valid_i) begin
      for (int unsigned i = 0; i < PostWidth; i++) begin
        if (write_strb_i[i]) push_extra = OffsetW'(i);
      end
      push_last = write_addr_i + 24'(push_extra);
      push_mask = (Banks'(1) << push_bank) | (Banks'(1) << push_bank2);
    end
  end

  assign push          = write_valid_i && write_ready_o;
  assign write_ready_o = slots_used_q != SlotsW'(Writes);
  assign write_busy_o  = slots_used_q != '0;
  assign writes_first  = slots_used_q > SlotsW'(Writes - Reserve);

  // Addresses split into row, bank and byte.
  logic [BankW-1:0]       push_bank, push_bank2, write_bank, write_bank2, bus_write_bank;
  logic [BankW-1:0]       bus_read_bank;
  logic [RowW-1:0]        unused_push_row, unused_push_row2;
  logic [RowW-1:0]        write_row, write_row2, bus_write_row, bus_read_row;
  logic [23:0]            write_addr, write_next;
  logic [Banks-1:0]       write_mask, bus_write_mask, bus_read_mask, read_mask;
  logic                   write_two;

  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_push (
    .valid_i(write_valid_i),
    .word_i (22'(write_addr_i >> OffsetW)),
    .bank_o (push_bank),
    .row_o  (unused_push_row)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_push2 (
    .valid_i(write_valid_i),
    .word_i (22'(push_last >> OffsetW)),
    .bank_o (push_bank2),
    .row_o  (unused_push_row2)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_write (
    .valid_i(grant_write),
    .word_i (22'(write_addr >> OffsetW)),
    .bank_o (write_bank),
    .row_o  (write_row)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_write2 (
    .valid_i(grant_write),
    .word_i (22'(write_next >> OffsetW)),
    .bank_o (write_bank2),
    .row_o  (write_row2)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_bus_write (
    .valid_i(bus_write_valid_i),
    .word_i (22'(bus_write_addr_i >> OffsetW)),
    .bank_o (bus_write_bank),
    .row_o  (bus_write_row)
  );
  npu_bank_map #(
    .MemBytes (MemBytes),
    .Banks    (Banks),
    .WordBytes(WordBytes)
  ) u_bus_read (
    .valid_i(bus_read_valid_i),
    .word_i (22'(bus_read_addr_i >> OffsetW)),
    .bank_o (bus_read_bank),
    .row_o  (bus_read_row)
  );

  // The rotated write: bytes that fall into the first and into the second word.
  logic [2*WordW-1:0]     write_wide;
  logic [2*WordBytes-1:0] write_strb_wide;

  // Arbitration.
  logic [WaitW-1:0] bus_write_wait_q, bus_read_wait_q;
  logic             bus_write_first, bus_read_first;
  logic [Banks-1:0] taken_first, taken_before, taken_read, taken_bus_write;
  logic             early_found, late_found, grant_write, grant_bus_write, grant_bus_read;
  logic [SlotW-1:0] early_slot, late_slot;

  assign bus_write_mask = Banks'(1) << bus_write_bank;
  assign bus_read_mask  = Banks'(1) << bus_read_bank;

  assign bus_write_first = bus_write_valid_i && bus_write_wait_q == WaitW'(MaxWait);
  assign bus_read_first  = bus_read_valid_i && bus_read_wait_q == WaitW'(MaxWait) &&
                           !(bus_write_first && bus_read_bank == bus_write_bank);

  assign taken_first     = (bus_write_first ? bus_write_mask : '0) |
                           (bus_read_first ? bus_read_mask : '0);

  // A write before the reads, or one that they leave room for.
  always_comb begin
    early_found = 1'b0;
    early_slot  = '0;
    if (writes_first) begin
      for (int unsigned n = 0; n < Writes; n++) begin
        if (slot_valid_q[n] && (slot_mask_q[Banks*n+:Banks] & taken_first) == '0) begin
          early_found = 1'b1;
          early_slot  = SlotW'(n);
        end
      end
    end
  end
  assign taken_before = taken_first | (early_found ? slot_mask_q[Banks*early_slot+:Banks] : '0);

  always_comb begin
    late_found = 1'b0;
    late_slot  = '0;
    if (slots_used_q != '0 && !early_found) begin
      for (int unsigned n = 0; n < Writes; n++) begin
        if (slot_valid_q[n] && (slot_mask_q[Banks*n+:Banks] & (taken_first | read_mask)) == '0)
        begin
          late_found = 1'b1;
          late_slot  = SlotW'(n);
        end
      end
    end
  end

  assign grant_write  = early_found || late_found;
  assign leaving      = early_found ? early_slot : late_slot;
  assign write_mask   = grant_write ? slot_mask_q[Banks*leaving+:Banks] : '0;
  assign write_done_o = grant_write;

  always_comb begin
    write_addr      = '0;
    write_next      = '0;
    write_wide      = '0;
    write_strb_wide = '0;
    if (grant_write) begin
      write_addr      = slot_addr_q[leaving];
      write_next      = write_addr + 24'(WordBytes);
      write_wide      = (2*WordW)'(slot_data_q[leaving]) <<
                        {write_addr[OffsetW-1:0], 3'b000};
      write_strb_wide = (2*WordBytes)'(slot_strb_q[leaving]) <<
                        write_addr[OffsetW-1:0];
    end
  end
  assign write_two   = |write_strb_wide[2*WordBytes-1:WordBytes];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      slot_valid_q <= '0;
      slots_used_q <= '0;
    end else begin
      slots_used_q <= slots_used_q + SlotsW'(push) - SlotsW'(grant_write);
      if (grant_write) slot_valid_q[leaving] <= 1'b0;
      if (push) slot_valid_q[free_slot] <= 1'b1;
    end
    if (push) begin
      slot_mask_q[Banks*free_slot+:Banks] <= push_mask;
      slot_addr_q[free_slot]              <= write_addr_i;
      slot_data_q[free_slot]              <= write_data_i;
      slot_strb_q[free_slot]              <= write_strb_i;
    end
  end

  assign read_ready_o = (read_mask_i & taken_before) == '0;
  assign read_mask    = (read_valid_i && read_ready_o) ? read_mask_i : '0;

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

  assign taken_read      = taken_first | read_mask | write_mask;
  assign grant_bus_write = bus_write_valid_i &&
                           (bus_write_first || (bus_write_mask & taken_read) == '0);
  assign taken_bus_write = taken_read | (grant_bus_write ? bus_write_mask : '0);
  assign grant_bus_read  = bus_read_valid_i &&
                           (bus_read_first || (bus_read_mask & taken_bus_write) == '0);

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

  // Banks.
  logic [WordW-1:0]       bank_data[Banks];
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

  // Banks that the granted write touches with its first and its second word, and the bus.
  logic [Banks-1:0] first_hits, second_hits, bus_write_hits, bus_read_hits;
  assign first_hits     = grant_write ? Banks'(1) << write_bank : '0;
  assign second_hits    = write_two ? Banks'(1) << write_bank2 : '0;
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
      wdata = '0;
      if (read_mask[b]) begin
        en = 1'b1;
        for (int unsigned p = 0; p < Ports; p++) begin
          if (read_hits[Banks*p+b]) word = word | read_row_i[RowW*p+:RowW];
          if (read_hits2[Banks*p+b]) word = word | read_row2_i[RowW*p+:RowW];
        end
      end else if (first_hits[b]) begin
        word  = write_row;
        be    = write_strb_wide[WordBytes-1:0];
        wdata = write_wide[WordW-1:0];
        en    = be != '0;
      end else if (second_hits[b]) begin
        word  = write_row2;
        be    = write_strb_wide[2*WordBytes-1:WordBytes];
        wdata = write_wide[2*WordW-1:WordW];
        en    = 1'b1;
      end else if (bus_write_hits[b]) begin
        word  = bus_write_row;
        be    = bus_write_word_strb;
        wdata = bus_write_word;
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
  end

  // Read data: two neighbouring words, shifted to the first byte.
  for (genvar p = 0; p < Ports; p++) begin : gen_port
    logic               valid_q;
    logic [BankW-1:0]   bank_q, bank2_q;
    logic [OffsetW-1:0] offset_q;
    logic [2*WordW-1:0] pair, shifted;

    always_ff @(posedge clk_i) begin
      valid_q <= read_valid_i && read_ready_o && read_inside_i[p];
      if (read_valid_i && read_ready_o && read_inside_i[p]) begin
        bank_q   <= read_bank_i[BankW*p+:BankW];
        bank2_q  <= read_bank2_i[BankW*p+:BankW];
        offset_q <= read_offset_i[OffsetW*p+:OffsetW];
      end
    end

    always_comb begin
      pair    = '0;
      shifted = '0;
      if (valid_q) begin
        pair    = {bank_data[bank2_q], bank_data[bank_q]};
        shifted = pair >> {offset_q, 3'b000};
      end
    end
    assign read_data_o[WordW*p+:WordW] = shifted[WordW-1:0];

    logic unused_shifted;
    assign unused_shifted = ^shifted[2*WordW-1:WordW];
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
  assign unused_address = ^{write_addr_i, write_addr, write_next, push_last, bus_write_addr_i,
                            bus_read_addr_i};

  // As many slots are valid as are counted, and a write enters one that is free.
  `NPU_ASSERT(SlotsAreCounted, 32'($countones(slot_valid_q)) == 32'(slots_used_q))
  `NPU_ASSERT(SlotIsFree, !push || !slot_valid_q[free_slot])

  // A bank serves one of reads, write, bus write and bus read in a cycle.
  `NPU_ASSERT(OneAccess, (read_mask & write_mask) == '0 &&
              ((read_mask | write_mask) & bus_write_hits) == '0 &&
              ((read_mask | write_mask | bus_write_hits) & bus_read_hits) == '0)

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
