// SPDX-License-Identifier: Apache-2.0
// Layers: what an operator becomes on the NPU, independent of where its tensors and parameters
// stand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen::compiler {

/// Bytes that one tensor, or several that are reshapes of each other, occupy.
struct Storage {
  int64_t bytes = 0;
  int32_t input = -1;             ///< position in Model::inputs, or -1
  std::vector<int32_t> outputs;   ///< positions in Model::outputs
  std::vector<uint8_t> constant;  ///< contents, for operands that are constants
  std::vector<int32_t> tensors;   ///< outputs of operators that stand here
  int32_t first_layer = -1;       ///< that writes it (or reads it: inputs, constants); -1: unused
  int32_t last_layer = -1;        ///< that uses it
  bool in_memory = false;         ///< never stays in PE memory: parameters, operands of blocks
};

/// Shape of a layer in terms of images: output row y reads input rows y * stride_h - pad_top + k *
/// dilation_h, and the same for columns. Sizes are elements (one byte each). Element-wise
/// layers, SOFTMAX and ARGMAX are out_h rows of in_w elements (ARGMAX: out_c = 4 bytes a row); rows
/// are what tiles and PEs share, so they should be many, and those of the image where there is one.
struct Geometry {
  int64_t images = 1;
  int64_t in_h = 1, in_w = 1, in_c = 1;
  int64_t out_h = 1, out_w = 1, out_c = 1;
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  /// Bytes of the storage in front of the first image: several layers may share a storage.
  int64_t in_offset = 0, out_offset = 0;
  /// Planes of bits: a row of the image is so many rows of bytes, in_c and out_c are bytes.
  int64_t in_planes = 1, out_planes = 1;
  /// Bytes of int16 values behind the planes of a row.
  int64_t in_value_bytes = 0, out_value_bytes = 0;

  int64_t in_plane_bytes() const { return in_w * in_c; }
  int64_t out_plane_bytes() const { return out_w * out_c; }
  int64_t in_row_bytes() const { return in_planes * in_plane_bytes() + in_value_bytes; }
  int64_t out_row_bytes() const { return out_planes * out_plane_bytes() + out_value_bytes; }
  /// First and one past the last input row that output rows [begin, end) read; within the image.
  int64_t FirstInputRow(int64_t begin) const;
  int64_t EndInputRow(int64_t end) const;
};

/// One channel's record in core memory.
struct ParameterRecord {
  int32_t bias = 0;
  int32_t multiplier = 0;
  int32_t shift = 0;
  int64_t rest = 0;  ///< of a record with affine: the bytes behind these
};

/// Weight slices in the order of use, and parameter records.
struct Parameters {
  int64_t groups = 0;   ///< that have slices of their own; 1 with `shared`
  bool shared = false;  ///< all groups use the same slices, and records are chosen by region
  std::vector<int8_t> weights;           ///< [group][slice][lane of PE][slot]
  int64_t blocks = 0;                    ///< of records: one a group, or one a distinct region
  std::vector<ParameterRecord> records;  ///< [block][lane of PE]
  std::vector<int32_t> gates;            ///< [group][lane of PE], before a group's slices; or empty
  std::vector<uint8_t> table;            ///< SOFTMAX: 1024 bytes, LOOKUP: 256 bytes, for core 0
  bool common_scale = false;  ///< all records have the same multiplier and shift, which go into the
                              ///< commands; core memory has their biases only
  bool affine = false;        ///< records are those of affine
  bool packed = false;        ///< weights are within -8..7 and stay int4 in memory and core memory
  /// Storage that holds weights and records as core memory wants them, computed by an earlier layer
  /// (`weights` and `records` are then empty, groups == blocks): group after group, in each core
  /// after core stored_slices * slice_rows + record rows of core memory. With one record all
  /// channels have its scale, and biases stand there only. -1: they are constants.
  int32_t storage = -1;
  /// Of `storage`: slices stand there in blocks of block_slices, of which core memory gets these in
  /// this order, some several times.
  std::vector<int32_t> stored_blocks;
  int64_t block_slices = 0, stored_slices = 0;
  bool empty() const { return blocks == 0 && table.empty(); }
};

/// A rectangle of output positions that shares one block of records (average pooling near borders).
struct Region {
  int64_t row_begin, row_end, column_begin, column_end;
  int64_t block;
};

/// A window of WINDOW: kernel taps in chunks of rows x columns.
struct WindowShape {
  bool swap = false;  ///< rows of the hardware are columns of the image
  int64_t rows = 1, columns = 1, new_columns = 1;
};

/// Ranges of the kernel loops, as a whole or cut (K-split).
struct KernelPart {
  int64_t k0_begin = 0, k0_count = 1;
  int64_t k1_begin = 0, k1_count = 1;
  int64_t k2_begin = 0, k2_count = 1;
};

/// How much of a layer PE memory holds at a time, where not even one row of output fits with what
/// it reads (plan/block_plan.h).
struct BlockSize {
  int64_t rows = 1, columns = 1, groups = 1;  ///< of the output
  /// Slices of the kernel whose operands are there together, for one position; 0: all of them.
  int64_t part_slices = 0;
  int64_t in_bytes = 0, out_bytes = 0;  ///< at most; of each input
};

/// A box of bytes that a copy moves: nested loops, innermost dimension first; any number of them.
struct CopyBox {
  struct Dimension {
    int64_t count = 1;
    int64_t in_stride = 0, out_stride = 0;  ///< bytes; may be negative or (source) 0
  };
  int32_t input = 0;  ///< position in Layer::inputs; -1: writes Layer::fill, in_* are not used
  int64_t in_offset = 0, out_offset = 0;  ///< bytes in the storages of the box's first byte
  std::vector<Dimension> dimensions;
};

/// What makes values of sums of bits (docs/machine.md, 4.3c, fields of these names).
struct AffineDrain {
  int32_t p_weight = 0, q_weight = 0;
  int32_t sum_shift = 0, affine_shift = 0, slope_shift = 0, scale_shift = 0;
  int32_t code_first = 0, code_second = 0, code_third = 0;
  bool pool = false;              ///< the residual has twice the height and width
  int64_t residual_channels = 0;  ///< its channels repeat behind so many
  Geometry residual{};            ///< how it is read
};

/// One macro-operation, before tiling.
struct Layer {
  int32_t op = 0;                   ///< position in Model::operators
  int32_t tag = 0;                  ///< of its commands: position in the model file
  Opcode opcode = Opcode::kMatmul;  ///< of its commands; kLoad: the DMA copies `boxes`
  std::vector<int32_t> inputs;      ///< storages; ADD: first and second operand of the hardware;
                                    ///< with `residual` those of MATMUL and of the addition
  int32_t output = 0;               ///< storage
  Geometry geometry;

  // Loops over the kernel: slices per group = k0_count * k1_count * k2_count.
  int64_t k0_count = 1, k1_count = 1, k2_count = 1;
  /// MATMUL: slices are cut from all kernel rows strung together, not from each row (run_bytes).
  bool gather = false;
  /// MATMUL and WINDOW: weights of 9 bits are sums of so many of 8, which take turns in k1; its
  /// step is then 0.
  int64_t parts = 1;
  WindowShape window;
  int64_t group_channels = 1;
  int64_t groups = 1;
  int64_t channels = 0;  ///< of the output where they are not bytes, else 0
  Parameters parameters;
  std::vector<Region> regions;
  std::optional<BlockSize> blocks;

  uint8_t fill = 0;
  bool average = false;
  bool minimum = false;     ///< MAXPOOL, MAXIMUM, ARGMAX
  bool shift_sums = false;  ///< acc_shift: k2 counts digits; such kernels are never cut
  int32_t out_type = 0;     ///< field of the command
  int32_t out_byte = 0;
  int32_t act_min = -128, act_max = 127;
  int32_t out_zero_point = 0;

  // Bits (docs/machine.md, fields of these names).
  bool binary = false, skip_outside = false;
  int32_t thresholds = 0;   ///< 0, 1 or 3
  bool bit_output = false;  ///< thresholds: eight channels a byte
  bool pool_bits = false;

  // ADD.
  int32_t a_zero_point = 0, b_zero_point = 0;
  int32_t b_multiplier = 0, b_shift = 0, out_multiplier = 0, out_shift = 0;
  bool a_subtract = false, b_subtract = false;

  // MATMUL whose results are added to inputs[1] (docs/machine.md, 4.3b): the fields of ADD, too.
  bool residual = false, residual_second = false;
  /// MATMUL of bits whose results are values; with `residual` inputs[1] is added.
  std::optional<AffineDrain> affine;

  /// Copies: the boxes in order; together they write every byte of the output.
  std::vector<CopyBox> boxes;
  /// Storages that stay where they are until it is done though it does not use them: commands
  /// before it do, and are to run beside it.
  std::vector<int32_t> held;

  /// Whether the layer rearranges bytes, by any LOADs and STOREs, and no PE computes.
  bool copies() const { return opcode == Opcode::kLoad; }
  /// Whether an input is what results are added to.
  bool IsResidual(size_t input) const { return residual && input == 1; }
  /// The geometry by which an input is read: a residual position by position of the output.
  Geometry InputGeometry(size_t input) const;
  int64_t slices() const { return k0_count * k1_count * k2_count; }
  /// Whether parts of the kernel cannot be commands of their own.
  bool indivisible() const { return shift_sums || gather; }
  int64_t out_channels() const { return channels != 0 ? channels : geometry.out_c; }
  /// Bytes of a group in an output pixel.
  int64_t group_bytes() const { return bit_output ? (group_channels + 7) / 8 : group_channels; }
};

/// A model as layers.
struct LoweredModel {
  std::vector<Storage> storages;
  std::vector<Layer> layers;
  std::vector<int32_t> tensor_storage;  ///< of each tensor, or -1
  bool side_by_side = false;            ///< layers compute several positions as one
};

/// The diagnostic for operator `op` of `model`.
Diagnostic OperatorError(const Model& model, int32_t op, DiagnosticCode code,
                         const std::string& reason, const std::string& hint = "");

int64_t CeilDiv(int64_t a, int64_t b);

/// Core memory rows of one weight slice of a layer.
int64_t SliceRows(const NpuConfig& config, const Layer& layer);

/// Core memory rows of the slices of a group, with its gates.
int64_t GroupRows(const NpuConfig& config, const Layer& layer, int64_t slices);

/// Core memory rows of one block of records of a layer.
int64_t RecordRows(const NpuConfig& config, const Layer& layer);

}  // namespace npugen::compiler
