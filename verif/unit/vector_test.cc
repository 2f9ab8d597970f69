// SPDX-License-Identifier: Apache-2.0
// npu_vector against the functional model: random programs over random rows, whatever the pace of
// memories; each operation on directed numbers; what it takes.
#include "sw/numerics/vector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "generator/arch/command_set.h"
#include "sw/stream/vector_program.h"
#include "verif/functional/vector_unit.h"
#include "verif/unit/bits.h"
#include "verif/unit/module_bench.h"

namespace npugen {
namespace {

using functional::VectorCommand;
using functional::VectorStream;

constexpr uint32_t kMemory = PARAM_MemBytes;
constexpr uint32_t kRead = PARAM_ReadBytes;
constexpr uint32_t kWrite = PARAM_WriteBytes;
constexpr int64_t kLanes = PARAM_Lanes;
constexpr auto kEnd = static_cast<uint64_t>(VectorOperation::kEnd);
constexpr auto kPass = static_cast<uint64_t>(VectorOperation::kPass);

/// What a program left.
struct Outcome {
  std::vector<uint8_t> memory;
  bool failed = false;
  uint32_t address = 0;  ///< of the row that failed
};

class ModelMemory : public functional::VectorMemory {
 public:
  ModelMemory(const std::vector<uint64_t>& program, Outcome* outcome)
      : program_(program), outcome_(*outcome) {}
  bool Entry(int64_t k, uint64_t* entry) override {
    *entry = program_[static_cast<size_t>(k)];
    return true;
  }
  bool Row(int64_t address, int64_t bytes) override {
    if (address + bytes <= kMemory) return true;
    outcome_.failed = true;
    outcome_.address = static_cast<uint32_t>(address);
    return false;
  }
  bool Read(int64_t address, uint8_t* byte) override {
    *byte = outcome_.memory[static_cast<size_t>(address)];
    return true;
  }
  bool Write(int64_t address, uint8_t byte) override {
    outcome_.memory[static_cast<size_t>(address)] = byte;
    return true;
  }
  bool Spend(uint64_t /*elements*/) override { return true; }

 private:
  const std::vector<uint64_t>& program_;
  Outcome& outcome_;
};

class VectorUnit : public ModuleBench {
 protected:
  VectorUnit() : ModuleBench(100 * kLanes + kRead) {
    dut_.clk_i = 0;
    dut_.clear_i = 0;
    dut_.start_i = 0;
    dut_.fetch_ready_i = dut_.fetch_rvalid_i = 0;
    dut_.read_ready_i = dut_.read_rvalid_i = 0;
    dut_.write_ready_i = dut_.write_busy_i = 0;
    dut_.eval();
    Reset();
    program_.assign(kVectorEntries, 0);
  }

  Outcome Model(const VectorCommand& command, const std::vector<uint8_t>& memory) {
    Outcome outcome{memory};
    ModelMemory access(program_, &outcome);
    functional::RunVectorProgram(command, kLanes, access);
    return outcome;
  }

  /// Runs the program; memories answer in `ready` of 8 cycles.
  Outcome Hardware(const VectorCommand& command, std::vector<uint8_t> memory, unsigned ready,
                   int* cycles = nullptr) {
    Outcome outcome{std::move(memory)};
    dut_.rows_i = static_cast<uint16_t>(command.rows);
    dut_.elements_i = static_cast<uint32_t>(command.elements);
    dut_.saturate_i = command.saturate;
    dut_.single_i = 0;
    for (unsigned s = 0; s < 5; ++s) {
      const VectorStream& stream = command.streams[s];
      SetBits(&dut_.base_i, 25 * s, 25, static_cast<uint64_t>(stream.base) & 0x1ffffff);
      SetBits(&dut_.step_i, 24 * s, 24, static_cast<uint64_t>(stream.step));
      SetBits(&dut_.format_i, 3 * s, 3, static_cast<uint64_t>(stream.format));
      if (s < 3 && stream.single) dut_.single_i |= 1u << s;
    }
    struct Write {
      uint32_t address;
      std::vector<uint8_t> data;
      uint32_t strobes;
    };
    std::deque<Write> writes;                    // on their way to memory
    std::deque<std::pair<int, uint32_t>> reads;  // under way: the first cycle for data, the address
    bool fetches = false;
    uint32_t fetch = 0;
    int count = 0;
    dut_.start_i = 1;
    Edge();
    dut_.start_i = 0;
    for (dut_.eval(); dut_.busy_o; ++count) {
      if (count > 4000000) {
        ADD_FAILURE() << "no end";
        break;
      }
      // Data of a read come in the second cycle after it was taken or later, entries in the next
      // one.
      const bool is_read = !reads.empty() && reads.front().first <= count && random_() % 8 < ready;
      const uint32_t read_address = is_read ? reads.front().second : 0;
      if (is_read) reads.pop_front();
      std::vector<uint8_t> data(kRead);
      for (uint8_t& byte : data) byte = static_cast<uint8_t>(random_());
      for (uint32_t i = 0; is_read && i < kRead && read_address + i < kMemory; ++i) {
        data[i] = outcome.memory[read_address + i];
      }
      dut_.read_rvalid_i = is_read;
      SetBytes(&dut_.read_data_i, data.data(), kRead);
      dut_.fetch_rvalid_i = fetches;
      dut_.fetch_data_i = fetches ? program_[fetch] : random_();
      dut_.read_ready_i = random_() % 8 < ready;
      dut_.fetch_ready_i = random_() % 8 < ready;
      dut_.write_ready_i = random_() % 8 < ready;
      dut_.write_busy_i = !writes.empty();
      dut_.eval();
      fetches = dut_.fetch_valid_o && dut_.fetch_ready_i;
      fetch = dut_.fetch_index_o;
      if (dut_.read_valid_o && dut_.read_ready_i) reads.push_back({count + 2, dut_.read_addr_o});
      if (dut_.error_o) {
        outcome.failed = true;
        outcome.address = dut_.error_addr_o;
      }
      if (!writes.empty() && random_() % 8 < ready) {
        const Write& write = writes.front();
        for (uint32_t i = 0; i < kWrite; ++i) {
          if (!(write.strobes >> i & 1)) continue;
          EXPECT_LT(write.address + i, kMemory);
          if (write.address + i < kMemory) outcome.memory[write.address + i] = write.data[i];
        }
        writes.pop_front();
      }
      if (dut_.write_valid_o && dut_.write_ready_i) {
        Write write{dut_.write_addr_o, std::vector<uint8_t>(kWrite),
                    static_cast<uint32_t>(dut_.write_strb_o)};
        GetBytes(&dut_.write_data_o, write.data.data(), kWrite);
        EXPECT_NE(write.strobes, 0u);
        writes.push_back(write);
      }
      Edge();
    }
    for (const Write& write : writes) {
      for (uint32_t i = 0; i < kWrite; ++i) {
        if (write.strobes >> i & 1 && write.address + i < kMemory) {
          outcome.memory[write.address + i] = write.data[i];
        }
      }
    }
    dut_.read_rvalid_i = dut_.fetch_rvalid_i = 0;
    if (cycles != nullptr) *cycles = count;
    return outcome;
  }

  /// A number of which many bits decide something.
  uint32_t Number() {
    static constexpr uint32_t kSpecial[] = {
        0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
        0x7f800001, 1,          0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x3f000000,
        0xbf000000, 0x3f000001, 0x4b000000, 0x4affffff, 0x43000000, 0xc3000000, 0x42fe0000,
        0xc3150000, 0xc3158000, 0x3fc00000, 0x40200000, 0x477fe000, 0x43e00000, 0x3effffff};
    switch (random_() % 4) {
      case 0:
        return kSpecial[random_() % std::size(kSpecial)];
      case 1:
        return static_cast<uint32_t>(random_());
      case 2:  // around 1
        return static_cast<uint32_t>(random_() & 0x83ffffff) | 0x3c000000;
      default:  // whole numbers and halves
        return numerics::Multiply(
            numerics::FromInteger(static_cast<int32_t>(random_() % 600) - 300), 0x3f000000);
    }
  }

  void Fill(std::vector<uint8_t>* memory) {
    memory->resize(kMemory);
    for (uint8_t& byte : *memory) byte = static_cast<uint8_t>(random_());
    for (size_t i = 0; i + 4 <= kMemory; i += 4) {
      if (random_() % 2 != 0) continue;
      const uint32_t number = Number();
      for (size_t b = 0; b < 4; ++b) (*memory)[i + b] = static_cast<uint8_t>(number >> 8 * b);
    }
  }

  /// A command whose streams lie one behind the other, or are used in place.
  VectorCommand RandomCommand() {
    VectorCommand command;
    command.saturate = random_() & 1;
    const int64_t room = kMemory / 6;
    for (int attempt = 0;; ++attempt) {
      const int64_t most = random_() % 3 == 0 ? 24 * kLanes : 3 * kLanes;
      command.elements = Uniform(int64_t{1}, std::min<int64_t>(most, room / 4));
      command.rows = Uniform(1, random_() % 8 == 0 ? 90 : random_() % 4 == 0 ? 20 : 4);
      bool fits = true;
      for (size_t s = 0; s < 5; ++s) {
        VectorStream& stream = command.streams[s];
        stream.format = Uniform(0, 4);
        stream.single = s < 3 && random_() % 6 == 0;
        const int64_t row = command.elements * ElementBytes(stream.format);
        stream.step = s < 3 && random_() % 5 == 0 ? 0 : row + Uniform(0, 5);
        const int64_t bytes = (command.rows - 1) * stream.step + row;
        if (bytes > room) {
          fits = false;
          break;
        }
        stream.base = static_cast<int64_t>(s) * room + Uniform(int64_t{0}, room - bytes);
      }
      if (fits) break;
    }
    // A result in place of an operand.
    if (random_() % 4 == 0) {
      const size_t s = random_() % 3;
      command.streams[s].single = false;
      if (command.streams[s].step == 0) {
        command.streams[s].step = command.elements * ElementBytes(command.streams[s].format);
      }
      const int64_t end = command.streams[s].base + command.rows * command.streams[s].step;
      if (end <= kMemory && static_cast<int64_t>(s + 1) * room >= end) {
        command.streams[3] = command.streams[s];
      }
    }
    return command;
  }

  void RandomProgram() {
    size_t at = 0;
    const auto push = [&](uint64_t entry) {
      if (at < program_.size()) program_[at++] = entry;
    };
    if (random_() % 8 == 0) push(static_cast<uint64_t>(random_()) & ~uint64_t{0xf});
    const int passes = Uniform(1, 4);
    for (int pass = 0; pass < passes; ++pass) {
      push(kPass | (random_() & 0x7f0) | (pass == 0 ? 0x90 : 0));
      const int operations = Uniform(0, random_() % 16 == 0 ? 40 : 7);
      for (int i = 0; i < operations; ++i) {
        uint64_t entry = random_();
        if (random_() % 2 == 0) entry = (entry & ~uint64_t{0xf});  // MULADD
        if ((entry & 0xf) % 2 == 1 && (entry & 0xf) >= 13) entry = (entry & ~uint64_t{0xf}) | 11;
        // Sources that hold something, mostly.
        if (random_() % 2 == 0) entry = (entry & ~uint64_t{0xf00}) | (random_() % 3) << 8;
        if (random_() % 3 == 0) entry = (entry & ~uint64_t{0x70}) | (random_() % 3) << 4;
        entry = (entry & 0xffffffff) | uint64_t{Number()} << 32;
        push(entry);
      }
    }
    while (at < program_.size()) program_[at++] = random_() % 3 == 0 ? kEnd | random_() << 4 : kEnd;
  }

  void Load(const VectorProgram& program) {
    std::fill(program_.begin(), program_.end(), kEnd);
    const std::vector<uint8_t> bytes = program.Bytes();
    ASSERT_LE(bytes.size(), 8 * program_.size());
    std::memcpy(program_.data(), bytes.data(), bytes.size());
  }

  std::vector<uint64_t> program_;
};

std::string Describe(const VectorCommand& command, const std::vector<uint64_t>& program) {
  std::string text = std::to_string(command.rows) + " rows of " + std::to_string(command.elements);
  for (const VectorStream& stream : command.streams) {
    text += " [" + std::to_string(stream.base) + "+" + std::to_string(stream.step) + " f" +
            std::to_string(stream.format) + (stream.single ? "s]" : "]");
  }
  for (const uint64_t entry : program) {
    char line[64];
    std::snprintf(line, sizeof line, "\n%016llx", static_cast<unsigned long long>(entry));
    text += line;
    if ((entry & 0xf) == 13) break;
  }
  return text;
}

// NPUGEN_PROGRAMS sets how many.
TEST_F(VectorUnit, RunsRandomProgramsAsTheModel) {
  const char* text = std::getenv("NPUGEN_PROGRAMS");
  const int programs = text == nullptr ? 1500 : std::atoi(text);
  int failed = 0;
  for (int i = 0; i < programs && !HasFailure(); ++i) {
    VectorCommand command = RandomCommand();
    RandomProgram();
    std::vector<uint8_t> memory;
    Fill(&memory);
    if (random_() % 16 == 0) {
      command.streams[random_() % 5].base = Uniform(int64_t{0}, int64_t{1} << 25);
    }
    const Outcome expected = Model(command, memory);
    const Outcome outcome = Hardware(command, memory, Uniform(1, 8));
    failed += expected.failed;
    ASSERT_EQ(outcome.failed, expected.failed) << i << ": " << Describe(command, program_);
    if (expected.failed) ASSERT_EQ(outcome.address, expected.address) << i;
    for (uint32_t at = 0; at < kMemory; ++at) {
      ASSERT_EQ(outcome.memory[at], expected.memory[at])
          << "byte " << at << " of program " << i << ": " << Describe(command, program_);
    }
    if (random_() % 32 == 0) {
      dut_.clear_i = 1;
      Edge();
      dut_.clear_i = 0;
    }
  }
  EXPECT_GT(failed, 0);
  EXPECT_LT(failed, programs / 4);
}

// A program that is dropped at any time leaves nothing for the next one.
TEST_F(VectorUnit, ForgetsWhatIsDropped) {
  for (int i = 0; i < 200 && !HasFailure(); ++i) {
    const VectorCommand command = RandomCommand();
    RandomProgram();
    std::vector<uint8_t> memory;
    Fill(&memory);
    dut_.start_i = 1;
    Edge();
    dut_.start_i = 0;
    dut_.fetch_ready_i = dut_.read_ready_i = dut_.write_ready_i = 1;
    bool fetches = false;
    uint32_t fetch = 0;
    std::deque<bool> reads = {false};
    for (int cycle = Uniform(0, 400); cycle > 0; --cycle) {
      dut_.fetch_rvalid_i = fetches;
      dut_.fetch_data_i = program_[fetch];
      dut_.read_rvalid_i = reads.front();
      reads.pop_front();
      dut_.eval();
      fetches = dut_.fetch_valid_o;
      fetch = dut_.fetch_index_o;
      reads.push_back(dut_.read_valid_o);
      Edge();
    }
    dut_.fetch_rvalid_i = dut_.read_rvalid_i = 0;
    dut_.clear_i = 1;
    Edge();
    dut_.clear_i = 0;
    EXPECT_EQ(dut_.busy_o, 0);
    const Outcome expected = Model(command, memory);
    const Outcome outcome = Hardware(command, memory, 8);
    ASSERT_EQ(outcome.failed, expected.failed);
    ASSERT_TRUE(outcome.memory == expected.memory) << Describe(command, program_);
  }
}

// Passes without results that end with a division, one behind the other.
TEST_F(VectorUnit, DividesInPassAfterPass) {
  VectorCommand command;
  command.rows = 1;
  command.elements = 3;
  command.streams[0] = {0, 12, 4};
  command.streams[3] = {64, 12, 4};
  using Source = VectorSource;
  VectorProgram program;
  for (int pass = 0; pass < 6; ++pass) {
    program.Pass(VectorProgram::kA | (pass == 5 ? VectorProgram::kD : 0))
        .Do(VectorOperation::kDivide, 0, Source::Register(0), Source::Immediate(0x40400000));
    if (pass % 2 == 1) program.Do(VectorOperation::kSquareRoot, 0, Source::Register(0));
  }
  Load(program);
  std::vector<uint8_t> memory;
  Fill(&memory);
  EXPECT_TRUE(Hardware(command, memory, 8).memory == Model(command, memory).memory);
}

// Reductions one behind the other, of all operands, a few or one element, which a pass after them
// stores; operations between them now and then.
TEST_F(VectorUnit, ReducesInAnyOrder) {
  using Source = VectorSource;
  for (int i = 0; i < 600 && !HasFailure(); ++i) {
    VectorCommand command = RandomCommand();
    for (size_t s = 3; s < 5; ++s) command.streams[s].format = kFormatFp32;
    command.streams[3].base = 3 * kMemory / 6;
    command.streams[3].step = command.streams[4].step = 4 * command.elements;
    command.streams[4].base = 4 * kMemory / 6;
    if (command.rows * command.streams[3].step > static_cast<int64_t>(kMemory) / 6) continue;
    VectorProgram program;
    const int passes = Uniform(1, 3);
    for (int pass = 0; pass < passes; ++pass) {
      program.Pass(pass > 0 && random_() % 3 == 0 ? 0 : VectorProgram::kA | VectorProgram::kB);
      const int reductions = Uniform(1, 4);
      for (int r = 0; r < reductions; ++r) {
        const auto scalar = static_cast<uint32_t>(random_() % 2);
        const Source x = random_() % 4 == 0 ? Source::Constant() : Source::Register(random_() % 2);
        if (random_() % 2 == 0) {
          program.Largest(scalar, x);
        } else {
          program.Sum(scalar, x, random_() % 2 == 0 ? Source::Register(1) : Source::Constant());
        }
        if (random_() % 4 == 0) program.Multiply(0, Source::Register(0), Source::Register(1));
      }
      // Of all elements, or of first ones.
      program.Pass(VectorProgram::kD | VectorProgram::kE |
                   (random_() % 2 == 0 ? VectorProgram::kFirstOfD | VectorProgram::kFirstOfE : 0));
      program.Multiply(0, Source::Constant(), Source::Scalar(0));
      program.Multiply(1, Source::Constant(), Source::Scalar(1));
      if (random_() % 2 == 0) program.Sum(2, Source::Register(0)).Sum(0, Source::Constant());
    }
    program.Pass(VectorProgram::kD | VectorProgram::kE);
    program.Multiply(0, Source::Constant(), Source::Scalar(2));
    program.Multiply(1, Source::Constant(), Source::Scalar(0));
    Load(program);
    std::vector<uint8_t> memory;
    Fill(&memory);
    ASSERT_TRUE(Hardware(command, memory, Uniform(2, 8)).memory == Model(command, memory).memory)
        << i << ": " << Describe(command, program_);
  }
}

// Rows that share parts, of which the last one has fewer strips: its reductions come sooner behind
// those of the part before.
TEST_F(VectorUnit, ReducesShorterLastParts) {
  using Source = VectorSource;
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    VectorCommand command;
    command.rows = Uniform(int64_t{2}, kLanes);
    command.elements = Uniform(16 * kLanes + 1, 18 * kLanes);
    command.streams[0] = {0, Uniform(0, 9), 0};  // rows of int8 that overlap
    command.streams[3] = {static_cast<int64_t>(kMemory) / 2, 4, 4};
    command.streams[4] = {static_cast<int64_t>(kMemory) / 2 + 256, 4, 4};
    VectorProgram program;
    program.Pass(VectorProgram::kA);
    if (i % 3 != 0) program.Largest(0, Source::Register(0));
    if (i % 3 != 1) program.Sum(1, Source::Register(0));
    program.Pass(VectorProgram::kD | VectorProgram::kE | VectorProgram::kFirstOfD |
                 VectorProgram::kFirstOfE);
    program.Multiply(0, Source::Constant(), Source::Scalar(0));
    program.Multiply(1, Source::Constant(), Source::Scalar(1));
    Load(program);
    std::vector<uint8_t> memory;
    Fill(&memory);
    ASSERT_TRUE(Hardware(command, memory, 8).memory == Model(command, memory).memory)
        << i << ": " << Describe(command, program_);
  }
}

// As many passes as there are entries, over several groups of rows.
TEST_F(VectorUnit, RunsAsManyPassesAsThereAreEntries) {
  for (const size_t passes : {1u, 2u, 63u, 64u}) {
    VectorCommand command;
    command.rows = 40;
    command.elements = 3;
    command.streams[0] = {0, 12, 4};
    command.streams[3] = {512, 12, 4};
    std::fill(program_.begin(), program_.end(), kEnd);
    std::fill_n(program_.begin(), passes, kPass | 0x90);
    std::vector<uint8_t> memory;
    Fill(&memory);
    EXPECT_TRUE(Hardware(command, memory, 8).memory == Model(command, memory).memory) << passes;
  }
}

// e^(x - largest) / sum over rows, as attention and losses need it.
TEST_F(VectorUnit, MakesSoftmaxes) {
  using Source = VectorSource;
  VectorProgram program;
  program.Pass(VectorProgram::kA)
      .Largest(0, Source::Register(0))
      .Pass(VectorProgram::kA | VectorProgram::kD)
      .MulAdd(1, Source::Register(0), Source::Constant(), Source::Scalar(0),
              /*negate_product=*/false, /*negate_z=*/true)
      .Exponential(0, 1, 2, 3)
      .Sum(1, Source::Register(0))
      .Pass(VectorProgram::kB | VectorProgram::kE)
      .Do(VectorOperation::kDivide, 1, Source::Register(1), Source::Scalar(1));
  Load(program);
  for (const auto& [rows, elements] : {std::pair{1, 5}, {3, 10}, {2, 100}, {1, 200}}) {
    if (rows * elements * 12 > static_cast<int>(kMemory)) continue;
    VectorCommand command;
    command.rows = rows;
    command.elements = elements;
    const int64_t row = 4 * elements;
    command.streams[0] = {0, row, 4};
    command.streams[1] = {rows * row, row, 4};  // exponentials
    command.streams[3] = {rows * row, row, 4};
    command.streams[4] = {2 * rows * row, row, 4};
    std::vector<uint8_t> memory(kMemory);
    std::vector<uint32_t> values(static_cast<size_t>(rows * elements));
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = numerics::Multiply(
          numerics::FromInteger(static_cast<int32_t>(random_() % 2000) - 1000), 0x3d800000);
      for (size_t b = 0; b < 4; ++b) memory[4 * i + b] = static_cast<uint8_t>(values[i] >> 8 * b);
    }
    int cycles = 0;
    const Outcome outcome = Hardware(command, memory, 8, &cycles);
    std::printf("softmax of %d rows of %d in %d lanes: %d cycles\n", rows, elements,
                static_cast<int>(kLanes), cycles);
    ASSERT_TRUE(outcome.memory == Model(command, memory).memory);
  }
}

// A step of gradient descent, as training has it: two operands and two results of each element.
TEST_F(VectorUnit, ChangesWeights) {
  using Source = VectorSource;
  VectorProgram program;
  program.Pass(VectorProgram::kA | VectorProgram::kB | VectorProgram::kD | VectorProgram::kE)
      .MulAdd(0, Source::Register(1), Source::Immediate(0x3dcccccd), Source::Register(0),
              /*negate_product=*/true)
      .Convert(1, Source::Register(0), 1);
  Load(program);
  for (const int elements : {128, 256, 384}) {
    if (elements * 8 > static_cast<int>(kMemory)) continue;
    VectorCommand command;
    command.rows = 1;
    command.elements = elements;
    command.streams[0] = {0, 4 * elements, 4};
    command.streams[1] = {4 * elements, 2 * elements, 1};
    command.streams[3] = command.streams[0];
    command.streams[4] = {6 * elements, 2 * elements, 1};
    std::vector<uint8_t> memory;
    Fill(&memory);
    int cycles = 0;
    const Outcome outcome = Hardware(command, memory, 8, &cycles);
    std::printf("changes of %d weights in %d lanes: %d cycles\n", elements,
                static_cast<int>(kLanes), cycles);
    ASSERT_TRUE(outcome.memory == Model(command, memory).memory);
  }
}

}  // namespace
}  // namespace npugen
