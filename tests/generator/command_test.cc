// SPDX-License-Identifier: Apache-2.0
// The table of commands and access to fields.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "generator/arch/command_set.h"
#include "generator/arch/register_map.h"
#include "generator/plan/rtl_library.h"

namespace npugen {
namespace {

TEST(Command, Fields) {
  Command command(Opcode::kLoad, 5, 7);
  EXPECT_TRUE(command.Set(dma::size0, 100));
  EXPECT_EQ(command.Get(dma::size0), 100);
  EXPECT_EQ(command.tag(), 7u);
  EXPECT_EQ(DmaFields(command).size0, 100);
  EXPECT_FALSE(command.Set(dma::size0, -1));
  EXPECT_TRUE(command.Set(dma::global_stride1, -1));
  EXPECT_EQ(command.Get(dma::global_stride1), -1);
  EXPECT_FALSE(command.Set(compute::positions, 1)) << "another layout's";
  EXPECT_FALSE(command.Set(dma::start0, 1)) << "behind its end";
  Command short_command(Opcode::kLoad, 1, 7);
  EXPECT_EQ(short_command.Get(dma::size0), 0) << "behind its end";
  ASSERT_NE(FindField(Opcode::kLoad, "pe_mask"), nullptr);
  EXPECT_EQ(FindField(Opcode::kLoad, "pe_mask")->layout, LayoutId::kDma);
  EXPECT_EQ(FindField(Opcode::kAdd, "pe_mask")->layout, LayoutId::kCompute);
  EXPECT_EQ(FindField(Opcode::kLoad, "positions"), nullptr);
}

TEST(Engines, PlacesInTheTableAreTheNumbers) {
  for (uint32_t number = 0; number < kEngineCount; ++number) {
    EXPECT_EQ(UnitOf(kEngineTable[number].kind), number) << kEngineTable[number].name;
  }
  std::string said;
  for (const RegisterInfo& reg : AllRegisters()) {
    for (const RegisterField& field : reg.fields) {
      if (reg.name == "error_info" && field.name == "engine") said = field.description;
    }
  }
  EXPECT_EQ(said, "0 controller, 1 load engine, 2 store engine, 3 PE");
  // Each opcode has an engine whose queue it goes to.
  for (const OpcodeInfo& info : AllOpcodes()) {
    const std::vector<int> queues = EnginesOf(Command(info.opcode, info.most_entries, 0), 1);
    if (queues.empty()) continue;
    EXPECT_EQ(queues, std::vector<int>{QueueOf(info.engine)}) << info.name;
  }
}

TEST(Command, BoxesAndEngines) {
  Command store(Opcode::kStore, 5, 0);
  ASSERT_TRUE(store.Set(dma::size0, 3) && store.Set(dma::size1, 4) && store.Set(dma::size4, 5));
  EXPECT_EQ(BoxRuns(store), 20);
  EXPECT_EQ(BoxBytes(store), 60);
  for (const CommandField* size : kBoxSize) {
    ASSERT_TRUE(store.Set(*size, (int64_t{1} << size->width) - 1));
  }
  EXPECT_GT(BoxBytes(store), int64_t{1} << 61) << "it saturates";
  EXPECT_EQ(EnginesOf(store, 4), std::vector<int>{kStoreEngine});
  Command add(Opcode::kAdd, 10, 0);
  ASSERT_TRUE(add.Set(compute::pe_mask, 0b1010));
  EXPECT_EQ(EnginesOf(add, 4), (std::vector<int>{kFirstPeEngine + 1, kFirstPeEngine + 3}));
  EXPECT_TRUE(EnginesOf(Command(Opcode::kEnd, 1, 0), 4).empty());
}

// What the table must hold, whatever rows it has.
TEST(Command, RowsOfTheTable) {
  for (const CommandLayout* layout : AllCommandLayouts()) {
    uint32_t end = 0;
    for (const CommandField& field : layout->fields) {
      const uint32_t begin = field.word * 32u + field.lsb;
      EXPECT_GE(begin, end) << field.name;
      end = begin + field.width;
      EXPECT_LE(field.lsb + field.width, 32) << field.name;
      EXPECT_LE(end, layout->words * 32u) << field.name;
      EXPECT_NE(field.users, 0u) << field.name;
      EXPECT_EQ(field.not_zero & ~field.users, 0u) << field.name;
      for (const OpcodeInfo& info : AllOpcodes()) {
        if (info.layout == layout && In(info.opcode, field.users)) {
          EXPECT_LT(field.word, info.most_entries * kWordsPerEntry) << field.name << info.name;
        }
      }
    }
  }
  OpcodeSet seen = 0;
  for (const OpcodeInfo& info : AllOpcodes()) {
    EXPECT_EQ(seen & Only(info.opcode), 0u) << info.name << ": another opcode has its bit";
    seen |= Only(info.opcode);
    EXPECT_EQ(&InfoOf(info.opcode), &info);
    EXPECT_EQ((info.most_entries - info.least_entries) % info.entry_step, 0) << info.name;
  }
  EXPECT_EQ(seen, opcodes::kEvery) << "a set lacks an opcode";
}

// A field that hardware never reads would be encoded for nothing: sinks of whole structs hide it
// from the tools.
TEST(Command, HardwareReadsEveryField) {
  std::string text;
  for (const RtlSource& source : RtlLibrary()) text += source.text;
  text = std::regex_replace(text, std::regex("assign unused_\\w+ *=[^;]*;"), "");
  for (const CommandLayout* layout : AllCommandLayouts()) {
    for (const CommandField& field : layout->fields) {
      EXPECT_TRUE(std::regex_search(text, std::regex(fmt::format("\\w\\.{}\\b", field.name))) ||
                  field.name == compute::pe_mask.name)
          << field.name << " of " << layout->name << " is read nowhere in rtl/";
    }
  }
}

// In every build: a null pointer would be read, or a wrong value go on.
TEST(CommandDeathTest, WrongFieldsEndTheProgram) {
  const Command command(Opcode::kLoad, 5, 7);
  EXPECT_EXIT(command.Get(compute::positions), ::testing::ExitedWithCode(70), "X001.*positions");
  EXPECT_EXIT(Command({}), ::testing::ExitedWithCode(70), "X001");
  EXPECT_EXIT(Command({0xff}).Get(header::wait0_id), ::testing::ExitedWithCode(70), "X001.*255");
}

}  // namespace
}  // namespace npugen
