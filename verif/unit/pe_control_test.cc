// SPDX-License-Identifier: Apache-2.0
// npu_pe_control: commands begin one after the other, end when all units are idle, signal once; the
// field checks of docs/machine.md section 4.8; which error of several is reported; causes of
// cycles.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "Vdut.h"
#include "generator/arch/command_set.h"
#include "sw/stream/stream_decoder.h"
#include "verif/unit/command_fields.h"
#include "verif/unit/engine_ports.h"

namespace npugen {
namespace {

constexpr uint32_t kCompute = 1, kDrain = 5, kFill = 7;  // causes

class PeControl : public testing::Test {
 protected:
  PeControl() {
    dut_.rst_ni = 0;
    Edge();
    dut_.rst_ni = 1;
    Edge();
  }
  ~PeControl() override { dut_.final(); }

  uint32_t Status(std::string_view name) const {
    return GetMember(dut_.status_o, kEngineStatus, name);
  }
  uint32_t Error(std::string_view name) const {
    return GetMember(dut_.error_o, kEngineError, name);
  }
  uint32_t Trace(std::string_view name) const {
    return GetMember(dut_.trace_o, kEngineTrace, name);
  }

  void Edge() {
    dut_.eval();
    signals_ += Status("arrives");
    starts_ += dut_.start_o;
    sequencer_starts_ += dut_.sequencer_start_o;
    if (Status("fails")) ++errors_;
    dut_.clk_i = 1;
    dut_.eval();
    dut_.clk_i = 0;
    dut_.eval();
  }

  /// A command whose fields no check finds fault with.
  static Command Good(Opcode opcode, uint32_t tag = 0) {
    Command command(opcode, FindOpcode(static_cast<uint8_t>(opcode))->most_entries, tag);
    SetField(&command, "signal_en", 1);
    SetField(&command, "signal_id", 3);
    const auto set = [&](const char* field, int64_t value) {
      for (const CommandField& row : kComputeLayout.fields) {
        if (row.name == field && (row.users & Only(opcode)) != 0) SetField(&command, field, value);
      }
    };
    for (const char* field :
         {"out_w", "out_h", "row_bytes", "positions", "groups", "channels", "group_channels",
          "k0_count", "k1_count", "k2_count", "acc_init", "drain"}) {
      set(field, 1);
    }
    if (opcode == Opcode::kWindow || opcode == Opcode::kMaxPool) {
      for (const char* field : {"win_rows", "win_cols", "win_new_cols"}) set(field, 1);
    }
    return command;
  }

  void Push(const Command& command) {
    for (uint32_t entry = 0; entry < command.entries(); ++entry) {
      for (uint32_t w = 0; w < 4; ++w) dut_.push_entry_i[w] = command.words()[4 * entry + w];
      dut_.push_valid_i = 1;
      dut_.push_last_i = entry + 1 == command.entries();
      dut_.eval();
      for (int i = 0; !dut_.push_ready_o; ++i) {
        ASSERT_LT(i, 100);
        Edge();
      }
      Edge();
    }
    dut_.push_valid_i = 0;
  }

  /// Until the command that was pushed has begun; false: BadField.
  bool Begins() {
    for (int i = 0; i < 20; ++i) {
      dut_.eval();
      if (dut_.start_o) return true;
      if (Status("fails")) return false;
      Edge();
    }
    ADD_FAILURE() << "neither begins nor fails";
    return false;
  }

  void Clear() {
    dut_.clear_i = 1;
    Edge();
    dut_.clear_i = 0;
    Edge();
  }

  std::mt19937_64 random_{7};
  Vdut dut_;
  int signals_ = 0, starts_ = 0, sequencer_starts_ = 0, errors_ = 0;
};

TEST_F(PeControl, ACommandEndsWhenAllUnitsAreIdle) {
  const std::vector<std::function<void(bool)>> units = {
      [&](bool on) { dut_.sequencer_active_i = on; },
      [&](bool on) { dut_.vector_valid_i = on; },
      [&](bool on) { dut_.fire_i = on; },
      [&](bool on) { dut_.drain_busy_i = on; },
      [&](bool on) { dut_.rows_busy_i = on; },
      [&](bool on) { dut_.lookup_busy_i = on; },
      [&](bool on) { dut_.results_busy_i = on; },
      [&](bool on) { dut_.write_busy_i = on; }};
  uint32_t tag = 100;
  for (const auto& unit : units) {
    Push(Good(Opcode::kMatmul, tag));
    ASSERT_TRUE(Begins());
    EXPECT_TRUE(dut_.sequencer_start_o);
    Edge();
    unit(true);
    for (uint64_t i = random_() % 20; i > 0; --i) {
      Edge();
      EXPECT_TRUE(Trace("running") && Status("busy"));
      EXPECT_EQ(Status("tag"), tag);
      EXPECT_FALSE(Status("arrives"));
    }
    unit(false);
    dut_.eval();
    EXPECT_TRUE(Status("arrives"));
    EXPECT_EQ(Status("barrier"), 3u);
    Edge();
    EXPECT_FALSE(Trace("running"));
    ++tag;
  }
  EXPECT_EQ(signals_, static_cast<int>(units.size()));
  EXPECT_EQ(starts_, signals_);
}

TEST_F(PeControl, WhoBeginsWhat) {
  for (const Opcode opcode : {Opcode::kMatmul, Opcode::kWindow, Opcode::kMaxPool, Opcode::kAdd,
                              Opcode::kMultiply, Opcode::kMaximum, Opcode::kSquaredDifference,
                              Opcode::kLookup, Opcode::kSoftmax, Opcode::kArgMax}) {
    const Command command = Good(opcode);
    const int before = sequencer_starts_;
    Push(command);
    ASSERT_TRUE(Begins()) << FindOpcode(static_cast<uint8_t>(opcode))->name;
    // The command stands as it was pushed.
    const uint32_t* words = reinterpret_cast<const uint32_t*>(&dut_.cmd_o);
    for (size_t w = 0; w < std::min<size_t>(command.words().size(), sizeof dut_.cmd_o / 4); ++w) {
      ASSERT_EQ(words[w], command.words()[w]) << "word " << w;
    }
    Edge();
    if (opcode == Opcode::kLookup) {
      // Vectors come behind the table.
      for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(dut_.load_table_o);
        EXPECT_FALSE(dut_.sequencer_start_o);
        EXPECT_EQ(Status("cause"), kFill);
        Edge();
      }
      dut_.table_done_i = 1;
      Edge();
      dut_.table_done_i = 0;
    }
    EXPECT_FALSE(dut_.load_table_o);
    const bool rows = opcode == Opcode::kSoftmax || opcode == Opcode::kArgMax;
    EXPECT_EQ(sequencer_starts_ - before, rows ? 0 : 1);
    Edge();
    EXPECT_FALSE(Trace("running"));
  }
}

TEST_F(PeControl, FieldsThatNoUnitCouldWorkWith) {
  struct Case {
    Opcode opcode;
    const char* field;
    int64_t value;
  };
  const int64_t lanes = PARAM_PeLanes, word = PARAM_WordBytes, simd = PARAM_Simd,
                ports = PARAM_Ports;
  const std::vector<Case> bad = {
      {Opcode::kMatmul, "out_w", 0},
      {Opcode::kAdd, "positions", 0},
      {Opcode::kSoftmax, "out_h", 0},
      {Opcode::kArgMax, "row_bytes", 0},
      {Opcode::kMatmul, "groups", 0},
      {Opcode::kWindow, "channels", 0},
      {Opcode::kMaxPool, "group_channels", 0},
      {Opcode::kMatmul, "group_channels", lanes + 1},
      {Opcode::kWindow, "group_channels", std::min(lanes, word) + 1},
      {Opcode::kMaxPool, "group_channels", PARAM_PostWidth + 1},
      {Opcode::kMatmul, "k0_count", 0},
      {Opcode::kMatmul, "k1_count", 0},
      {Opcode::kMatmul, "k2_count", 0},
      {Opcode::kWindow, "k0_count", 2},
      {Opcode::kWindow, "win_rows", 0},
      {Opcode::kMaxPool, "win_cols", 0},
      {Opcode::kWindow, "win_new_cols", 0},
      {Opcode::kWindow, "win_new_cols", 2},
      {Opcode::kWindow, "win_cols", simd + 1},
      {Opcode::kWindow, "win_rows", simd / ports * ports + 1},
      {Opcode::kMatmul, "out_type", 3},
      {Opcode::kMatmul, "out_byte", 1},
      {Opcode::kMatmul, "follow", 1},      // without wait 1
      {Opcode::kMatmul, "run_bytes", 5},   // without kernel rows
      {Opcode::kMatmul, "binary", 1},      // without run_bytes
      {Opcode::kMatmul, "two_planes", 1},  // without binary
      {Opcode::kMatmul, "gated", 1},
      {Opcode::kMatmul, "skip_window", 1},
      {Opcode::kMatmul, "thresholds", 2},
      {Opcode::kMaxPool, "two_planes", 1},  // without pool_bits
  };
  for (const Case& one : bad) {
    Command command = Good(one.opcode, 77);
    SetField(&command, one.field, one.value);
    Push(command);
    EXPECT_FALSE(Begins()) << one.field << " = " << one.value;
    EXPECT_EQ(Error("code"), ErrorCode("BadField"));
    EXPECT_EQ(Error("tag"), 77u);
    EXPECT_EQ(Error("address"), 0u);
    Clear();
  }
  // What is added in the drain is an int8 result, by records of its own.
  for (const auto& [field, value] : std::vector<std::pair<const char*, int64_t>>{
           {"drain", 0}, {"average", 1}, {"common_scale", 1}, {"thresholds", 1}, {"out_type", 1}}) {
    Command command = Good(Opcode::kMatmul);
    SetField(&command, "residual", 1);
    Push(command);
    EXPECT_TRUE(Begins());
    Clear();
    SetField(&command, field, value);
    Push(command);
    EXPECT_FALSE(Begins()) << field << " = " << value << " with residual";
    EXPECT_EQ(Error("code"), ErrorCode("BadField"));
    Clear();
  }
  // Sums that stay in the accumulators: one tile of one group.
  for (const auto& [field, value] : std::vector<std::pair<const char*, int64_t>>{
           {"positions", PARAM_Accumulators + 1}, {"groups", 2}}) {
    for (const char* flag : {"drain", "acc_init"}) {
      Command command = Good(Opcode::kMatmul);
      SetField(&command, field, value);
      Push(command);
      EXPECT_TRUE(Begins());
      Clear();
      SetField(&command, flag, 0);
      Push(command);
      EXPECT_FALSE(Begins()) << field << " without " << flag;
      Clear();
    }
  }
  // The largest that are right.
  for (const Case& one :
       std::vector<Case>{{Opcode::kMatmul, "group_channels", lanes},
                         {Opcode::kWindow, "group_channels", std::min(lanes, word)},
                         {Opcode::kMaxPool, "group_channels", PARAM_PostWidth},
                         {Opcode::kWindow, "win_cols", simd},
                         {Opcode::kWindow, "win_rows", simd / ports * ports}}) {
    Command command = Good(one.opcode);
    SetField(&command, one.field, one.value);
    Push(command);
    EXPECT_TRUE(Begins()) << one.field << " = " << one.value;
    Clear();
  }
}

TEST_F(PeControl, TheFirstErrorOfACycleIsReportedAndStopsThePe) {
  // In the order of the ports.
  const std::vector<std::function<void(uint32_t)>> errors = {
      [&](uint32_t at) { dut_.matrix_error_i = at != 0, dut_.matrix_error_row_i = at; },
      [&](uint32_t at) { dut_.table_error_i = at != 0, dut_.table_error_row_i = at; },
      [&](uint32_t at) { dut_.write_error_i = at != 0, dut_.write_error_address_i = at; },
      [&](uint32_t at) { dut_.rows_error_i = at != 0, dut_.rows_error_address_i = at; },
      [&](uint32_t at) { dut_.sequencer_error_i = at != 0, dut_.sequencer_error_address_i = at; }};
  for (uint32_t set = 1; set < 32; ++set) {
    Push(Good(Opcode::kMatmul, set));
    ASSERT_TRUE(Begins());
    dut_.sequencer_active_i = 1;
    Edge();
    Push(Good(Opcode::kMatmul, 99));
    const int before = errors_;
    uint32_t first = 0;
    for (uint32_t i = 5; i-- > 0;) {
      if (set >> i & 1) first = 1000 + i;
      errors[i](set >> i & 1 ? 1000 + i : 0);
    }
    Edge();  // it is reported in the next cycle
    dut_.eval();
    EXPECT_TRUE(Status("fails"));
    EXPECT_EQ(Error("code"), ErrorCode("LocalBounds"));
    EXPECT_EQ(Error("address"), first);
    EXPECT_EQ(Error("tag"), set);
    dut_.sequencer_active_i = 0;
    for (int i = 0; i < 10; ++i) Edge();
    EXPECT_EQ(errors_, before + 1) << "reported once";
    EXPECT_TRUE(Status("busy"));
    for (const auto& error : errors) error(0);
    // What waited is gone with clear.
    Clear();
    for (int i = 0; i < 10; ++i) Edge();
    EXPECT_FALSE(Trace("running"));
    EXPECT_TRUE(Status("idle"));
  }
}

TEST_F(PeControl, CausesAndWaitsForWeights) {
  Push(Good(Opcode::kMatmul));
  ASSERT_TRUE(Begins());
  Edge();
  dut_.sequencer_active_i = 1;
  dut_.sequencer_cause_i = 2;
  dut_.slice_wait_i = 1;
  dut_.eval();
  EXPECT_EQ(Status("cause"), kFill) << "the first weights are on the way";
  EXPECT_TRUE(Status("busy"));
  dut_.starved_i = 1;
  dut_.eval();
  EXPECT_TRUE(Status("waiting") && Status("stuck") && Trace("running"));
  EXPECT_FALSE(Status("busy") || Status("idle"));
  dut_.starved_i = 0;
  dut_.vector_valid_i = 1;
  Edge();
  dut_.vector_valid_i = 0;
  dut_.eval();
  EXPECT_EQ(Status("cause"), 2u);
  dut_.sequencer_active_i = 0;
  dut_.drain_busy_i = 1;
  dut_.eval();
  EXPECT_EQ(Status("cause"), kDrain);
  dut_.rows_busy_i = 1;
  dut_.eval();
  EXPECT_EQ(Status("cause"), kCompute);
  dut_.rows_busy_i = dut_.drain_busy_i = 0;
  dut_.write_busy_i = 1;
  dut_.eval();
  EXPECT_EQ(Status("cause"), kFill);
}

TEST_F(PeControl, HaltBeginsNothing) {
  dut_.halt_i = 1;
  Push(Good(Opcode::kMatmul));
  for (int i = 0; i < 20; ++i) Edge();
  EXPECT_EQ(starts_, 0);
  dut_.halt_i = 0;
  EXPECT_TRUE(Begins());
}

}  // namespace
}  // namespace npugen
