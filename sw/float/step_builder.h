// SPDX-License-Identifier: Apache-2.0
// Operations on floating-point tensors in PE memory, one after the other, become the commands of a
// stream: memory is planned by the time in which tensors are used, barriers follow from what
// commands touch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/encode/encode.h"
#include "sw/stream/vector_program.h"

namespace npugen::floats {

/// A tensor in PE memory, which exists from its first use to its last one.
using TensorId = int32_t;
inline constexpr TensorId kNoTensor = -1;

/// A byte of a tensor.
struct Place {
  TensorId tensor = kNoTensor;
  int64_t offset = 0;
};

/// A box of bytes from tensor to tensor (docs/machine.md, 3).
struct Rearrangement {
  Place from, to;
  int64_t run = 1;                                        ///< contiguous bytes
  std::vector<compiler::Transfer::Dimension> dimensions;  ///< global strides are those of `from`
  std::vector<compiler::Transfer::Bound> bounds;  ///< empty: none; else of the run and each one
  int64_t element = 0;                            ///< not 0: its bytes are transposed
};

/// Weights that lie in a window as core memory has them. Slice s of group g, of the channels of
/// core c, begins at offset + g*group_step + c*core_step + s*slice_bytes, and is the beginning of a
/// slice of core memory.
struct WindowWeights {
  Window window = Window::kInput;
  int64_t offset = 0;
  int64_t slice_bytes = 0;  ///< at most those of a slice of core memory
  int64_t group_step = 0, core_step = 0;
  /// So many groups are there before the stream begins: LOADs of them wait for no STORE.
  int64_t settled_groups = 0;
  int64_t bias = -1;  ///< not below 0: where FP32 [channels] are, whole groups of lanes
};

/// Products of rows of an operand with rows of weights, which become slices of core memory first.
/// The result of position (y, x) of image i is written to out + i*out_image_step + y*out_row_step +
/// x*out_x_step; its operand begins in row y_start + y*y_step, byte x_start + x*x_step of the image
/// at operand + i*image_step. Bytes outside of its rows are 0.
struct Product {
  Place operand;
  int64_t images = 1, image_step = 0;
  int64_t in_h = 1, row_bytes = 1, row_pitch = 0;  ///< rows of an image, their bytes and distance
  int64_t height = 1, width = 1;                   ///< positions of an image
  int64_t y_start = 0, y_step = 1;                 ///< rows
  int64_t x_start = 0, x_step = 0;                 ///< bytes
  /// Not 0: kernel rows of so many bytes, `kernel_rows` of them, strung together.
  int64_t run_bytes = 0, kernel_rows = 1;
  Place weights;      ///< [channels][pitch] bytes
  int64_t depth = 1;  ///< bytes of a row of weights that count
  int64_t pitch = 1;  ///< bytes
  int64_t channels = 1;
  Place bias;  ///< FP32 [channels], whole groups of lanes; none without a tensor
  /// Where the tensors `weights` and `bias` are none.
  std::optional<WindowWeights> streamed;
  /// Products of the same shape, each with weights, an operand and results of its own.
  int64_t sets = 1;
  int64_t weights_set_step = 0, operand_set_step = 0, out_set_step = 0;  ///< `streamed` weights
  bool relu = false;
  int64_t format = 1;      ///< of operand and weights
  int64_t out_format = 1;  ///< of results
  Place out;
  int64_t out_image_step = 0, out_row_step = 0, out_x_step = 0;
  /// What makes the operand: weights go to core memory before, as they may be there earlier.
  std::vector<Rearrangement> operand_moves;
};

/// An operand or a result of VECTOR.
struct VectorStream {
  Place at;
  int64_t row_step = 0;  ///< bytes
  int64_t format = 1;
  bool single = false;  ///< one element for all of a row
};

/// VECTOR over `rows` rows of `elements`.
struct VectorWork {
  size_t program = 0;  ///< what AddProgram() gave
  int64_t rows = 1, elements = 1;
  VectorStream a, b, c, d, e;
  /// Not 0: only so many of each row of d, of e are written.
  int64_t d_elements = 0, e_elements = 0;
  int64_t most_rows = 0xffff;  ///< of a command
};

/// A stream and what it needs.
struct BuiltStream {
  std::vector<uint8_t> stream;  ///< header, commands and END
  int64_t memory_bytes = 0;     ///< of PE memory that are used
};

/// Collects the operations of a job that PE 0 runs.
class StepBuilder {
 public:
  explicit StepBuilder(const NpuConfig& config) : config_(config) {}

  TensorId Tensor(const std::string& name, int64_t bytes);
  int64_t bytes(TensorId tensor) const { return tensors_[static_cast<size_t>(tensor)].bytes; }

  /// Operations from here on are of the layer with this tag.
  void SetTag(uint32_t tag) { tag_ = tag; }

  /// A program of the vector unit. All of them are loaded when the stream begins, from what
  /// ProgramBytes() gives, at the beginning of `window`.
  size_t AddProgram(const VectorProgram& program);
  std::vector<uint8_t> ProgramBytes() const;
  /// Byte of ProgramBytes() where a program begins.
  int64_t ProgramOffset(size_t program) const { return programs_[program].row * RowBytes(); }
  void LoadPrograms(Window window, int64_t offset);

  void Load(Window window, int64_t offset, Place to, int64_t bytes);
  void Store(Place from, Window window, int64_t offset, int64_t bytes);
  /// Runs of `bytes`; local strides are those of `from`.
  void Store(Place from, Window window, int64_t offset, int64_t bytes,
             const std::vector<compiler::Transfer::Dimension>& dimensions);
  /// Zeros.
  void Clear(Place at, int64_t bytes);
  void Rearrange(const Rearrangement& box);
  void Multiply(const Product& product);
  void Work(const VectorWork& work);

  /// Moves from here on are made some time before an operation needs them, when the DMA has nothing
  /// else to do.
  void SetAhead(bool ahead) { ahead_ = ahead; }

  /// The stream. Errors: kFloatMemory names what does not fit.
  Result<BuiltStream> Build() const;

 private:
  friend class StepEmitter;
  struct TensorInfo {
    std::string name;
    int64_t bytes;
    int64_t first = -1, last = -1;  ///< operations that use it
  };
  struct LoadedProgram {
    std::vector<uint8_t> bytes;
    int64_t row, rows;  ///< of core memory
  };
  struct Operation {
    uint32_t tag;
    bool ahead;
    std::vector<TensorId> tensors;
    std::function<void(class StepEmitter&)> emit;
  };

  int64_t RowBytes() const { return config_.core_row_bytes(); }
  void Add(const std::vector<TensorId>& tensors, std::function<void(StepEmitter&)> emit);

  const NpuConfig& config_;
  std::vector<TensorInfo> tensors_;
  std::vector<LoadedProgram> programs_;
  int64_t program_rows_ = 0;
  uint32_t tag_ = 0;
  bool ahead_ = false;
  std::vector<Operation> operations_;
};

}  // namespace npugen::floats
