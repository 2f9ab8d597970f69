// SPDX-License-Identifier: Apache-2.0
// The rows of the command set and field access by name.
#include "generator/arch/command_set.h"

#include <fmt/format.h>

#include <array>

#include "generator/arch/features.h"
#include "generator/support/check.h"

namespace npugen {
namespace {

constexpr OpcodeSet kEnd = Only(Opcode::kEnd), kFence = Only(Opcode::kFence);
constexpr OpcodeSet kLoad = Only(Opcode::kLoad), kStore = Only(Opcode::kStore);
constexpr OpcodeSet kMatmul = Only(Opcode::kMatmul), kWindow = Only(Opcode::kWindow);
constexpr OpcodeSet kMaxPool = Only(Opcode::kMaxPool), kAdd = Only(Opcode::kAdd);
constexpr OpcodeSet kLookup = Only(Opcode::kLookup), kSoftmax = Only(Opcode::kSoftmax);
constexpr OpcodeSet kMultiply = Only(Opcode::kMultiply), kMaximum = Only(Opcode::kMaximum);
constexpr OpcodeSet kSquaredDifference = Only(Opcode::kSquaredDifference);
constexpr OpcodeSet kArgMax = Only(Opcode::kArgMax);
constexpr OpcodeSet kTransfers = kLoad | kStore;
constexpr OpcodeSet kArray = kMatmul | kWindow;  // the array works
constexpr OpcodeSet kWalks = kArray | kMaxPool;  // over positions of an image
constexpr OpcodeSet kTwoOperands = kAdd | kMultiply | kMaximum | kSquaredDifference;
constexpr OpcodeSet kVectors = kTwoOperands | kLookup;  // rows of vectors
constexpr OpcodeSet kCompute = kWalks | kVectors | kSoftmax | kArgMax;
constexpr OpcodeSet kEngines = kTransfers | kCompute;  // wait and signal
constexpr OpcodeSet kEvery = kEngines | kEnd | kFence;
constexpr bool kBinaryUnit = true;  // the field needs units.bnn

#define NPUGEN_HEADER_FIELDS                                                                        \
  {"opcode", 0, 0, 8, false, "what to do", kEvery},                                                 \
      {"length", 0, 8, 8, false, "entries of 16 bytes, this one included", kEvery},                 \
      {"tag", 0, 16, 16, false, "layer number, shown by trace and error registers", kEvery},        \
      {"wait0_id", 1, 0, 6, false, "first barrier to wait for", kEngines},                          \
      {"wait0_en", 1, 6, 1, false, "1: wait until barrier wait0_id has counted wait0_count",        \
       kEngines},                                                                                   \
      {"wait1_id", 1, 8, 6, false, "second barrier to wait for", kEngines},                         \
      {"wait1_en", 1, 14, 1, false, "1: wait until barrier wait1_id has counted wait1_count",       \
       kEngines},                                                                                   \
      {"signal_id", 1, 16, 6, false, "barrier to arrive at; PE p arrives at barrier signal_id + p", \
       kEngines},                                                                                   \
      {"signal_en", 1, 22, 1, false, "1: arrive at barrier signal_id", kEngines},                   \
      {"signal_bytes",                                                                              \
       1,                                                                                           \
       23,                                                                                          \
       1,                                                                                           \
       false,                                                                                       \
       "LOAD only. 0: add 1 at completion; 1: add the bytes as they are written",                   \
       kLoad},                                                                                      \
      {"ahead", 1,                                                                                  \
       24,      1,                                                                                  \
       false,   "LOAD only. 1: the waits hold back writes only; memory is read ahead of them",      \
       kLoad},                                                                                      \
      {"wait0_count", 2, 0, 24, false, "smallest count of wait0_id that releases the command",      \
       kEngines},                                                                                   \
  {                                                                                                 \
    "wait1_count", 3, 0, 24, false, "smallest count of wait1_id that releases the command",         \
        kEngines                                                                                    \
  }

constexpr CommandField kControlFields[] = {NPUGEN_HEADER_FIELDS};

constexpr CommandField kDmaFields[] = {
    NPUGEN_HEADER_FIELDS,
    {"window", 4, 0, 2, false, "memory window of the global side", kTransfers},
    {"local_source", 4, 2, 1, false, "LOAD only. 1: the source is PE memory, not a window", kLoad},
    {"core_memory", 4, 3, 1, false, "LOAD only. 1: the destination is core memory", kLoad},
    {"bounds", 4, 4, 1, false, "LOAD only. 1: start/extent are in force (7 entries)", kLoad},
    {"fill", 4, 8, 8, false, "LOAD only. byte written where the source is out of bounds", kLoad},
    {"core_mask", 4, 16, 16, false, "LOAD to core memory: cores of each PE that receive the data",
     kLoad},
    {"global_offset", 5, 0, 32, false,
     "byte offset in the window (or PE memory address of a local source) of the box's first byte",
     kTransfers},
    {"local_address", 6, 0, 24, false, "byte address in PE or core memory of the box's first byte",
     kTransfers},
    {"pe_mask", 7, 0, 32, false, "LOAD: PEs that receive the data; STORE: the one PE to read",
     kTransfers},
    {"size0", 8, 0, 24, false, "bytes of the innermost, contiguous run (at least 1)", kTransfers},
    {"size1", 9, 0, 16, false, "runs in dimension 1 (0 counts as 1)", kTransfers},
    {"size2", 9, 16, 16, false, "runs in dimension 2 (0 counts as 1)", kTransfers},
    {"size3", 10, 0, 16, false, "runs in dimension 3 (0 counts as 1)", kTransfers},
    {"size4", 10, 16, 16, false, "runs in dimension 4 (0 counts as 1)", kTransfers},
    {"source_pe", 11, 0, 5, false, "LOAD with local_source: the PE whose memory is read", kLoad},
    {"global_stride1", 12, 0, 32, true, "global side: bytes from run to run in dimension 1",
     kTransfers},
    {"global_stride2", 13, 0, 32, true, "the same for dimension 2", kTransfers},
    {"global_stride3", 14, 0, 32, true, "the same for dimension 3", kTransfers},
    {"global_stride4", 15, 0, 32, true, "the same for dimension 4", kTransfers},
    {"local_stride1", 16, 0, 32, true, "local side: bytes from run to run in dimension 1",
     kTransfers},
    {"local_stride2", 17, 0, 32, true, "the same for dimension 2", kTransfers},
    {"local_stride3", 18, 0, 32, true, "the same for dimension 3", kTransfers},
    {"local_stride4", 19, 0, 32, true, "the same for dimension 4", kTransfers},
    {"start0", 20, 0, 32, true, "coordinate of the box's first byte in dimension 0, in bytes",
     kLoad},
    {"extent0", 21, 0, 32, false, "bytes of the source in dimension 0", kLoad},
    {"start1", 22, 0, 16, true, "coordinate of the box's first run in dimension 1", kLoad},
    {"start2", 22, 16, 16, true, "the same for dimension 2", kLoad},
    {"start3", 23, 0, 16, true, "the same for dimension 3", kLoad},
    {"start4", 23, 16, 16, true, "the same for dimension 4", kLoad},
    {"extent1", 24, 0, 16, false, "runs of the source in dimension 1", kLoad},
    {"extent2", 24, 16, 16, false, "the same for dimension 2", kLoad},
    {"extent3", 25, 0, 16, false, "the same for dimension 3", kLoad},
    {"extent4", 25, 16, 16, false, "the same for dimension 4", kLoad},
};

constexpr CommandField kComputeFields[] = {
    NPUGEN_HEADER_FIELDS,
    {"pe_mask", 4, 0, 32, false, "PEs that run the command", kCompute},
    {"acc_init", 5, 0, 1, false, "1: the first slice overwrites the accumulators", kArray},
    {"drain", 5, 1, 1, false, "1: results leave the accumulators when the last slice is done",
     kArray},
    {"average", 5, 2, 1, false,
     "1: post-processing divides (see machine.md) instead of requantizing", kArray},
    {"acc_shift", 5, 3, 1, false,
     "MATMUL, WINDOW. 1: sums are multiplied by 256 at the first slice of every k2 but the first",
     kArray},
    {"packed_weights", 5, 4, 1, false,
     "MATMUL, WINDOW. 1: weights are int4, two a byte, the first in the low half", kArray},
    {"minimum", 5, 5, 1, false, "MAXPOOL, MAXIMUM, ARGMAX. 1: the smallest instead of the largest",
     kMaxPool | kMaximum | kArgMax},
    {"out_byte", 5, 6, 2, false, "which byte of a result is written (out_type 1: 0..1, 2: 0..3)",
     kArray},
    {"fill", 5, 8, 8, false, "byte read where the window lies outside the tensor", kWalks},
    {"act_min", 5, 16, 8, true, "smallest output value", kWalks | kTwoOperands},
    {"act_max", 5, 24, 8, true, "largest output value", kWalks | kTwoOperands},
    {"act_base", 6, 0, 25, true, "PE memory address of row 0, byte 0 of the (first) operand",
     kCompute},
    {"b_base", 7, 0, 25, true,
     "ADD: address of the second operand; LOOKUP, SOFTMAX: table's core row",
     kTwoOperands | kLookup | kSoftmax},
    {"out_w", 8, 0, 16, false,
     "positions in a row of the output (vectors in a row for ADD, LOOKUP)", kWalks | kVectors},
    {"out_h", 8, 16, 16, false, "SOFTMAX, ARGMAX: rows", kSoftmax | kArgMax},
    {"x_step", 9, 0, 24, false, "bytes in the row from position to position", kWalks},
    {"row_step", 10, 0, 24, false, "bytes from the operand row of one output row to the next one's",
     kCompute},
    {"y_start", 11, 0, 16, true, "operand row of the first position's first tap", kWalks},
    {"y_step", 11, 16, 8, false, "operand rows from output row to output row", kWalks},
    {"k2_y_step", 11, 24, 8, false, "operand rows from k2 to k2", kArray},
    {"x_start", 12, 0, 24, true, "byte in the row of the first position's first tap", kWalks},
    {"row_bytes", 13, 0, 24, false, "valid bytes of an operand row", kCompute},
    {"in_h", 14, 0, 16, false, "valid operand rows", kWalks},
    {"out_type", 14, 16, 2, false,
     "result: 0: int8 within act_min..act_max; 1: saturated to int16; 2: int32", kArray},
    {"run_bytes", 14, 18, 14, false,
     "MATMUL. not 0: slices are cut from win_rows kernel rows of so many bytes, strung together",
     kMatmul},
    {"k0_count", 15, 0, 16, false, "slices along a run (step: SIMD bytes)", kArray},
    {"k1_count", 15, 16, 8, false, "runs per operand row", kArray},
    {"k2_count", 15, 24, 8, false, "operand rows per window", kArray},
    {"k1_step", 16, 0, 24, false, "bytes in the row from k1 to k1", kArray},
    {"k2_row_step", 17, 0, 24, false, "bytes from k2 to k2 (k2_y_step operand rows)", kArray},
    {"groups", 18, 0, 16, false, "output channel groups", kWalks},
    {"group_step", 19, 0, 16, false, "bytes in the row from group to group (WINDOW, MAXPOOL)",
     kWindow | kMaxPool},
    {"common_scale", 19, 16, 1, false,
     "MATMUL, WINDOW. 1: records are biases only, rescaled by out_multiplier and out_shift",
     kArray},
    {"follow", 19, 17, 1, false,
     "MATMUL, WINDOW. 1: weight rows arrive while the command runs, one for W counts of wait 1",
     kArray},
    {"weight_row", 20, 0, 24, false, "core memory row of the first weight slice", kArray},
    {"weight_group_rows", 21, 0, 24, false, "core memory rows from group to group (weights)",
     kArray},
    {"param_row", 22, 0, 24, false, "core memory row of the first group's parameter records",
     kArray},
    {"param_group_rows", 23, 0, 16, false, "core memory rows from group to group (parameters)",
     kArray},
    {"out_base", 24, 0, 24, false, "PE memory address of the first output byte", kCompute},
    {"out_x_step", 25, 0, 24, false, "output bytes from position to position", kWalks},
    {"out_row_step", 26, 0, 24, false, "output bytes from row to row", kCompute},
    {"out_group_step", 27, 0, 16, false, "output bytes from group to group", kWalks},
    {"out_zero_point", 27, 16, 8, true, "zero point of the output",
     kArray | kAdd | kMultiply | kSquaredDifference},
    {"channels", 28, 0, 16, false, "valid output channels of the command (all groups)", kWalks},
    {"group_channels", 28, 16, 16, false, "output channels of a full group", kWalks},
    {"positions", 29, 0, 24, false,
     "positions of the output, row by row (of vectors for ADD, LOOKUP)", kWalks | kVectors},
    {"win_rows", 30, 0, 8, false, "rows of the window that are fetched", kWalks},
    {"win_cols", 30, 8, 8, false, "columns of the window that are fetched", kWalks},
    {"win_new_cols", 30, 16, 8, false, "columns to fetch when the window slides by one position",
     kWindow},
    {"win_y_step", 30, 24, 8, false, "operand rows from window row to window row", kWalks},
    {"win_row_step", 31, 0, 24, false,
     "bytes from window row to window row (win_y_step operand rows)", kWalks},
    {"win_col_step", 32, 0, 24, false, "bytes in the row from window column to window column",
     kWindow | kMaxPool},
    {"b_row_step", 34, 0, 24, false, "second operand: bytes from row to row", kTwoOperands},
    {"a_zero_point", 35, 0, 8, true, "zero point of the first operand",
     kAdd | kMultiply | kSquaredDifference},
    {"b_zero_point", 35, 8, 8, true, "zero point of the second operand",
     kAdd | kMultiply | kSquaredDifference},
    {"b_shift", 35, 16, 8, true, "shift of the second operand's rescaling (positive: left)",
     kAdd | kSquaredDifference},
    {"out_shift", 35, 24, 8, true, "shift of the result's rescaling (positive: left)",
     kArray | kAdd | kMultiply | kSquaredDifference},
    {"b_multiplier", 36, 0, 31, false, "multiplier of the second operand's rescaling",
     kAdd | kSquaredDifference},
    {"out_multiplier", 37, 0, 31, false, "multiplier of the result's rescaling",
     kArray | kAdd | kMultiply | kSquaredDifference},
    {"b_subtract", 38, 0, 1, false, "ADD: 1 subtracts the rescaled second operand", kAdd},
    {"a_subtract", 38, 1, 1, false, "ADD: 1 subtracts the first operand", kAdd},
    {"binary", 38, 2, 1, false,
     "MATMUL with run_bytes. 1: operands and weights are bits, 1 for +1 and 0 for -1", kMatmul,
     kBinaryUnit},
    {"skip_outside", 38, 3, 1, false,
     "binary. 1: bits outside the tensor count 0 instead of being read as `fill`", kMatmul,
     kBinaryUnit},
    {"two_planes", 38, 4, 1, false,
     "binary: twice the sum of the first plane plus that of the second; pool_bits: see machine.md",
     kMatmul | kMaxPool, kBinaryUnit},
    {"gated", 38, 5, 1, false,
     "two_planes. 1: where the first plane's sum is at most the channel's gate, the second adds 0",
     kMatmul, kBinaryUnit},
    {"thresholds", 38, 6, 2, false,
     "MATMUL, WINDOW. 0: results are rescaled; 1, 3: so many thresholds give bits in 1, 2 planes",
     kArray, kBinaryUnit},
    {"bit_output", 38, 8, 1, false,
     "thresholds. 1: eight channels a byte; 0: a byte of 0 or 1 each", kArray, kBinaryUnit},
    {"pool_bits", 38, 9, 1, false, "MAXPOOL. 1: operands are bits, see machine.md", kMaxPool,
     kBinaryUnit},
    {"skip_window", 38, 10, 1, false,
     "gated. 1: in the second pass each lane goes on to its own next position of a window", kMatmul,
     kBinaryUnit},
    {"plane_step", 39, 0, 16, false, "two_planes: bytes from the first plane to the second",
     kMatmul, kBinaryUnit},
    {"out_plane_step", 39, 16, 16, false, "three thresholds: the same for the output", kArray,
     kBinaryUnit},
};

constexpr OpcodeInfo kOpcodes[] = {
    {Opcode::kEnd, "End", &kControlLayout, 1, 1, "wait for all engines, then raise the interrupt"},
    {Opcode::kFence, "Fence", &kControlLayout, 1, 1, "dispatch nothing until all engines are idle"},
    {Opcode::kLoad, "Load", &kDmaLayout, 1, 7, "tensor load; one entry only waits and signals"},
    {Opcode::kStore, "Store", &kDmaLayout, 3, 5, "tensor store"},
    {Opcode::kMatmul, "Matmul", &kComputeLayout, 8, 10, "dense dot products"},
    {Opcode::kWindow, "Window", &kComputeLayout, 9, 10, "one window per channel"},
    {Opcode::kMaxPool, "MaxPool", &kComputeLayout, 9, 10, "maximum over windows"},
    {Opcode::kAdd, "Add", &kComputeLayout, 10, 10, "rescaled sum of two tensors"},
    {Opcode::kLookup, "Lookup", &kComputeLayout, 10, 10, "table look-up of every byte"},
    {Opcode::kSoftmax, "Softmax", &kComputeLayout, 10, 10, "softmax over rows"},
    {Opcode::kMultiply, "Multiply", &kComputeLayout, 10, 10, "rescaled product of two tensors"},
    {Opcode::kMaximum, "Maximum", &kComputeLayout, 10, 10, "larger or smaller byte of two tensors"},
    {Opcode::kSquaredDifference, "SquaredDifference", &kComputeLayout, 10, 10,
     "rescaled square of the rescaled difference of two tensors"},
    {Opcode::kArgMax, "ArgMax", &kComputeLayout, 10, 10, "position of the largest byte of a row"},
};

constexpr HardwareError kHardwareErrors[] = {
    {0, "None", "no error"},
    {1, "BadMagic", "the stream does not begin with the magic word"},
    {2, "BadVersion", "the stream is of another command set version"},
    {3, "BadHash", "the stream was compiled for another configuration"},
    {4, "BadOpcode", "unknown opcode"},
    {5, "BadLength", "a command's length does not fit its opcode or the stream"},
    {6, "BadBarrier", "a barrier number is out of range"},
    {7, "Deadlock", "every engine waits for a barrier that nothing can reach any more"},
    {8, "WindowBounds", "an access outside the memory windows, or against their permissions"},
    {9, "AxiRead", "the bus answered a read with an error"},
    {10, "AxiWrite", "the bus answered a write with an error"},
    {11, "LocalBounds", "an access outside PE or core memory"},
    {12, "BadField", "a command field has an illegal value"},
    {13, "WindowRange", "a memory window reaches beyond the addresses of the bus"},
    {14, "BusTimeout", "the bus did not answer in time", kWatchdogKey},
};

constexpr CycleCause kCycleCauses[] = {
    {0, "Idle", "idle", "no command in the compute engine and no transfer under way"},
    {1, "Compute", "compute",
     "the array works on a new activation vector, or a vector unit on its operands"},
    {2, "WeightPort", "weight_port", "waiting for a weight slice from core memory"},
    {3, "ActivationPort", "activation_port",
     "fetching window vectors, or waiting for a bank conflict"},
    {4, "Barrier", "barrier", "the next compute command waits for a barrier"},
    {5, "Drain", "drain", "waiting for post-processing or the output write"},
    {6, "Dma", "dma", "no compute command; a transfer is under way"},
    {7, "Fill", "fill", "start and end of a command: pipeline, parameter and register loading"},
};

#undef NPUGEN_HEADER_FIELDS

const CommandField* FindField(const CommandLayout& layout, std::string_view name) {
  for (const CommandField& field : layout.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

}  // namespace

const CommandLayout kControlLayout = {"control_command", 4, "END and FENCE", kControlFields};
const CommandLayout kDmaLayout = {"dma_command", 28, "LOAD and STORE", kDmaFields};
const CommandLayout kComputeLayout = {"compute_command", 40, "commands of the PEs", kComputeFields};

std::span<const CommandLayout* const> AllCommandLayouts() {
  static constexpr const CommandLayout* kAll[] = {&kControlLayout, &kDmaLayout, &kComputeLayout};
  return kAll;
}

std::span<const OpcodeInfo> AllOpcodes() { return kOpcodes; }

const OpcodeInfo* FindOpcode(uint8_t opcode) {
  for (const OpcodeInfo& info : kOpcodes) {
    if (static_cast<uint8_t>(info.opcode) == opcode) return &info;
  }
  return nullptr;
}

uint32_t UsedBits(Opcode opcode, uint32_t word, bool binary_unit) {
  constexpr size_t kOpcodeCount = std::size(kOpcodes);
  constexpr uint32_t kMostWords = 40;
  using Table = std::array<std::array<std::array<uint32_t, kMostWords>, kOpcodeCount>, 2>;
  static const Table kTable = [] {
    Table table = {};
    for (size_t row = 0; row < kOpcodeCount; ++row) {
      for (const CommandField& field : kOpcodes[row].layout->fields) {
        if ((field.users & Only(kOpcodes[row].opcode)) == 0) continue;
        const uint64_t bits = ((uint64_t{1} << field.width) - 1) << field.lsb;
        table[1][row][field.word] |= static_cast<uint32_t>(bits);
        if (!field.binary_unit) table[0][row][field.word] |= static_cast<uint32_t>(bits);
      }
    }
    return table;
  }();
  const OpcodeInfo* info = FindOpcode(static_cast<uint8_t>(opcode));
  if (info == nullptr || word >= kMostWords) return 0;
  return kTable[binary_unit ? 1 : 0][static_cast<size_t>(info - kOpcodes)][word];
}

std::span<const HardwareError> AllHardwareErrors() { return kHardwareErrors; }
std::span<const CycleCause> AllCycleCauses() { return kCycleCauses; }

Command::Command(Opcode opcode, uint32_t entries, uint32_t tag)
    : words_(entries * kWordsPerEntry, 0) {
  Check(entries > 0, "a command has no entries");
  words_[0] = static_cast<uint32_t>(opcode) | entries << 8 | (tag & 0xffff) << 16;
}

Command::Command(std::vector<uint32_t> words) : words_(std::move(words)) {
  Check(!words_.empty(), "a command has no header");
}

bool Command::Set(std::string_view field_name, int64_t value) {
  const OpcodeInfo* info = FindOpcode(words_[0] & 0xff);
  const CommandField* field = info ? FindField(*info->layout, field_name) : nullptr;
  if (field == nullptr || field->word >= words_.size()) return false;
  const int64_t low = field->is_signed ? -(int64_t{1} << (field->width - 1)) : 0;
  const int64_t high =
      field->is_signed ? (int64_t{1} << (field->width - 1)) - 1 : (int64_t{1} << field->width) - 1;
  if (value < low || value > high) return false;
  const uint32_t mask =
      field->width == 32 ? 0xffffffffu : ((uint32_t{1} << field->width) - 1) << field->lsb;
  uint32_t& word = words_[field->word];
  word = (word & ~mask) | ((static_cast<uint32_t>(value) << field->lsb) & mask);
  return true;
}

int64_t Command::Get(std::string_view field_name) const {
  const OpcodeInfo* info = FindOpcode(words_[0] & 0xff);
  const CommandField* field = info ? FindField(*info->layout, field_name) : nullptr;
  if (field == nullptr) {
    InternalError(fmt::format("command {} has no field `{}`", words_[0] & 0xff, field_name));
  }
  if (field->word >= words_.size()) return 0;
  const uint64_t raw =
      (uint64_t{words_[field->word]} >> field->lsb) & ((uint64_t{1} << field->width) - 1);
  if (field->is_signed && (raw >> (field->width - 1)) != 0) {
    return static_cast<int64_t>(raw) - (int64_t{1} << field->width);
  }
  return static_cast<int64_t>(raw);
}

}  // namespace npugen
