// SPDX-License-Identifier: Apache-2.0
// Fields of commands by name.
#include <gtest/gtest.h>

#include "generator/arch/command_set.h"

namespace npugen {
namespace {

TEST(Command, FieldsByName) {
  Command command(Opcode::kLoad, 5, 7);
  EXPECT_TRUE(command.Set("size0", 100));
  EXPECT_EQ(command.Get("size0"), 100);
  EXPECT_FALSE(command.Set("no_such_field", 1));
  EXPECT_FALSE(command.Set("size0", -1));
  Command short_command(Opcode::kLoad, 1, 7);
  EXPECT_EQ(short_command.Get("size0"), 0) << "behind its end";
}

// In every build: a null pointer would be read, or a wrong value go on.
TEST(CommandDeathTest, WrongNamesEndTheProgram) {
  const Command command(Opcode::kLoad, 5, 7);
  EXPECT_EXIT(command.Get("no_such_field"), ::testing::ExitedWithCode(70), "X001.*no_such_field");
  EXPECT_EXIT(Command({}), ::testing::ExitedWithCode(70), "X001");
  EXPECT_EXIT(Command({0xff}).Get("wait0_id"), ::testing::ExitedWithCode(70), "X001.*255");
}

}  // namespace
}  // namespace npugen
