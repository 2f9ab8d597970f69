`default_nettype none
// PE memory: banked, byte-addressed activation memory with an unaligned vector port for compute and
// an aligned port for the bus side.
//
// Word w (address / WordBytes) is in bank w mod Banks. A vector access touches the bank of its
// first word and, when it crosses a word, the next one. Each bank serves one access per cycle, in
// this order: compute write, compute read, bus write, bus read. A bus access refused MaxWait times
// goes first. Every access is granted whole or not at all. Word numbers beyond the memory wrap; the
// requesters check bounds.
module npu_pe_memory #(
  parameter int unsigned MemBytes  = 131072,  //@ = pe.memory  -- bytes
  parameter int unsigned Banks     = 8,       //@ = pe.banks  -- power of two, at least 2
  parameter int unsigned WordBytes = 16,      //@ = pe.bank_width  -- bytes per bank word
  parameter int unsigned BusBytes  = 16,      //@ = npu.axi.bytes  -- at most WordBytes
  parameter int unsigned PostWidth = 16,      //@ = units.postprocess_width  -- bytes of a write
  parameter int unsigned MaxWait   = 8        // refusals after which a bus access goes first
) (
  input  wire                     clk_i,
  input  wire                     rst_ni,
  // compute read: WordBytes bytes from any byte address, data in the cycle after the grant
  input  wire                     read_valid_i,
  output wire                     read_ready_o,
  input  wire  [23:0]             read_addr_i,
  input  wire                     read_two_i,    // the access crosses into the next word
  output wire  [8*WordBytes-1:0]  read_data_o,
  // compute write: PostWidth bytes to any byte address
  input  wire                     write_valid_i,
  output wire                     write_ready_o,
  input  wire  [23:0]             write_addr_i,
  input  wire  [8*PostWidth-1:0]  write_data_i,
  input  wire  [PostWidth-1:0]    write_strb_i,
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
  localparam int unsigned OffsetW = $clog2(WordBytes);
  localparam int unsigned BankW   = $clog2(Banks);
  localparam int unsigned Depth   = MemBytes / (Banks * WordBytes);
  localparam int unsigned RowW    = (Depth > 1) ? $clog2(Depth) : 1;
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

  // Addresses split into row, bank and byte.
  logic [BankW-1:0] read_bank, read_bank2, write_bank, write_bank2, bus_write_bank, bus_read_bank;
  logic [RowW-1:0]  read_row, read_row2, write_row, write_row2, bus_write_row, bus_read_row;
  logic [23:0]      read_next, write_next;
  logic [Banks-1:0] read_mask, write_mask, bus_write_mask, bus_read_mask;
  logic             write_two;

  // The rotated write: bytes that fall into the first and into the second word.
  logic [2*WordW-1:0]     write_wide;
  logic [2*WordBytes-1:0] write_strb_wide;

  assign read_next  = read_addr_i + 24'(WordBytes);
  assign write_next = write_addr_i + 24'(WordBytes);

  assign read_bank      = read_addr_i[OffsetW+:BankW];
  assign read_bank2     = read_next[OffsetW+:BankW];
  assign write_bank     = write_addr_i[OffsetW+:BankW];
  assign write_bank2    = write_next[OffsetW+:BankW];
  assign bus_write_bank = bus_write_addr_i[OffsetW+:BankW];
  assign bus_read_bank  = bus_read_addr_i[OffsetW+:BankW];

  assign read_row      = read_addr_i[OffsetW+BankW+:RowW];
  assign read_row2     = read_next[OffsetW+BankW+:RowW];
  assign write_row     = write_addr_i[OffsetW+BankW+:RowW];
  assign write_row2    = write_next[OffsetW+BankW+:RowW];
  assign bus_write_row = bus_write_addr_i[OffsetW+BankW+:RowW];
  assign bus_read_row  = bus_read_addr_i[OffsetW+BankW+:RowW];

  assign write_wide      = (2*WordW)'(write_data_i) << {write_addr_i[OffsetW-1:0], 3'b000};
  assign write_strb_wide = (2*WordBytes)'(write_strb_i) << write_addr_i[OffsetW-1:0];
  assign write_two       = |write_strb_wide[2*WordBytes-1:WordBytes];

  // Arbitration.
  logic [WaitW-1:0] bus_write_wait_q, bus_read_wait_q;
  logic             bus_write_first, bus_read_first;
  logic [Banks-1:0] taken_first, taken_write, taken_read, taken_bus_write;
  logic             grant_read, grant_write, grant_bus_write, grant_bus_read;

  assign read_mask      = (Banks'(1) << read_bank) | (read_two_i ? Banks'(1) << read_bank2 : '0);
  assign write_mask     = (Banks'(1) << write_bank) | (write_two ? Banks'(1) << write_bank2 : '0);
  assign bus_write_mask = Banks'(1) << bus_write_bank;
  assign bus_read_mask  = Banks'(1) << bus_read_bank;

  assign bus_write_first = bus_write_valid_i && bus_write_wait_q == WaitW'(MaxWait);
  assign bus_read_first  = bus_read_valid_i && bus_read_wait_q == WaitW'(MaxWait) &&
                           !(bus_write_first && bus_read_bank == bus_write_bank);

  assign taken_first     = (bus_write_first ? bus_write_mask : '0) |
                           (bus_read_first ? bus_read_mask : '0);
  assign grant_write     = write_valid_i && (write_mask & taken_first) == '0;
  assign taken_write     = taken_first | (grant_write ? write_mask : '0);
  assign grant_read      = read_valid_i && (read_mask & taken_write) == '0;
  assign taken_read      = taken_write | (grant_read ? read_mask : '0);
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
  logic [Banks*WordW-1:0] bank_data;
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

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    logic                 en;
    logic [WordBytes-1:0] be;
    logic [RowW-1:0]      row;
    logic [WordW-1:0]     wdata;
    logic                 hit_write, hit_write2, hit_read, hit_read2, hit_bus_write, hit_bus_read;

    assign hit_write     = grant_write && write_bank == BankW'(b);
    assign hit_write2    = grant_write && write_two && write_bank2 == BankW'(b);
    assign hit_read      = grant_read && read_bank == BankW'(b);
    assign hit_read2     = grant_read && read_two_i && read_bank2 == BankW'(b);
    assign hit_bus_write = grant_bus_write && bus_write_bank == BankW'(b);
    assign hit_bus_read  = grant_bus_read && bus_read_bank == BankW'(b);

    always_comb begin
      en    = 1'b0;
      be    = '0;
      row   = bus_read_row;
      wdata = bus_write_word;
      if (hit_read || hit_read2) begin
        en  = 1'b1;
        row = hit_read ? read_row : read_row2;
      end else if (hit_write || hit_write2) begin
        en    = 1'b1;
        row   = hit_write ? write_row : write_row2;
        be    = hit_write ? write_strb_wide[WordBytes-1:0]
                          : write_strb_wide[2*WordBytes-1:WordBytes];
        wdata = hit_write ? write_wide[WordW-1:0] : write_wide[2*WordW-1:WordW];
        if (be == '0) en = 1'b0;
      end else if (hit_bus_write) begin
        en  = bus_write_word_strb != '0;
        row = bus_write_row;
        be  = bus_write_word_strb;
      end else if (hit_bus_read) begin
        en = 1'b1;
      end
    end

    npu_ram_1rw #(
      .Bytes(WordBytes),
      .Depth(Depth)
    ) u_ram (
      .clk_i,
      .en_i   (en),
      .be_i   (be),
      .addr_i (row),
      .wdata_i(wdata),
      .rdata_o(bank_data[b*WordW+:WordW])
    );
  end

  // Read data: two neighbouring words, shifted to the first byte.
  logic [BankW-1:0]     read_bank_q, read_bank2_q, bus_read_bank_q;
  logic [OffsetW-1:0]   read_offset_q, bus_read_offset_q;
  logic                 bus_read_rvalid_q;
  logic [2*WordW-1:0]   read_pair;
  logic [2*WordW-1:0]   read_shifted;
  logic [WordW-1:0]     bus_read_word;

  always_ff @(posedge clk_i) begin
    if (grant_read) begin
      read_bank_q   <= read_bank;
      read_bank2_q  <= read_bank2;
      read_offset_q <= read_addr_i[OffsetW-1:0];
    end
    if (grant_bus_read) begin
      bus_read_bank_q   <= bus_read_bank;
      bus_read_offset_q <= bus_read_addr_i[OffsetW-1:0];
    end
    bus_read_rvalid_q <= rst_ni && grant_bus_read;
  end

  assign read_pair = {bank_data[read_bank2_q*WordW+:WordW], bank_data[read_bank_q*WordW+:WordW]};
  assign read_shifted  = read_pair >> {read_offset_q, 3'b000};
  assign bus_read_word = bank_data[bus_read_bank_q*WordW+:WordW];

  assign read_ready_o      = grant_read;
  assign read_data_o       = read_shifted[WordW-1:0];
  assign write_ready_o     = grant_write;
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
  assign unused_address = ^{read_addr_i, write_addr_i, read_next, write_next, bus_write_addr_i,
                            bus_read_addr_i, read_shifted[2*WordW-1:WordW]};
endmodule : npu_pe_memory
`default_nettype wire
