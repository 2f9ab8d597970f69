// SPDX-License-Identifier: Apache-2.0
// Data sheets of HBM2, HBM2E and HBM3, and their rules in ticks.
#include "verif/sim/hbm_timing.h"

#include <algorithm>
#include <cmath>

namespace npugen {
namespace {

constexpr uint32_t kBurstClocks = 2;

constexpr HbmSheet kSheets[] = {
    {.name = "hbm2",
     .source = "JESD235D as Ramulator2 quotes it (commit c5b1c3a), 2.4 Gb/s",
     .clock_fs = 833'000,
     .ticks_per_clock = 1,
     .read_latency = 17,
     .write_latency = 6,
     .row_to_read = 17,
     .row_to_write = 14,
     .precharge = 17,
     .row_active = 40,
     .row_cycle = 57,
     .write_recovery = 19,
     .read_to_precharge = 6,
     .column_s = 2,
     .column_l = 4,
     .column_stack = 0,
     .activate_s = 5,
     .activate_l = 5,
     .four_activates = 19,
     .write_to_read_s = 8,
     .write_to_read_l = 10,
     .read_to_write = 0,
     .refresh_ns = 350,
     .refresh_interval_ns = 3900,
     .activate_half_clocks = 4,
     .stacks = 1,
     .bank_groups = 4,
     .banks = 4,
     .columns = 32,
     .rows = 65536},
    {.name = "hbm2e",
     .source = "the nanoseconds of hbm2 at a clock of 1.6 GHz; no public sheet",
     .clock_fs = 625'000,
     .ticks_per_clock = 1,
     .read_latency = 23,
     .write_latency = 8,
     .row_to_read = 23,
     .row_to_write = 19,
     .precharge = 23,
     .row_active = 53,
     .row_cycle = 76,
     .write_recovery = 26,
     .read_to_precharge = 8,
     .column_s = 2,
     .column_l = 4,
     .column_stack = 0,
     .activate_s = 6,
     .activate_l = 6,
     .four_activates = 24,
     .write_to_read_s = 10,
     .write_to_read_l = 13,
     .read_to_write = 0,
     .refresh_ns = 350,
     .refresh_interval_ns = 3900,
     .activate_half_clocks = 4,
     .stacks = 1,
     .bank_groups = 4,
     .banks = 4,
     .columns = 32,
     .rows = 65536},
    {.name = "hbm3",
     .source = "JESD238 as Ramulator2 quotes it (commit c5b1c3a), 6.4 Gb/s",
     .clock_fs = 625'000,
     .ticks_per_clock = 2,
     .read_latency = 20,
     .write_latency = 10,
     .row_to_read = 31,
     .row_to_write = 15,
     .precharge = 26,
     .row_active = 45,
     .row_cycle = 72,
     .write_recovery = 33,
     .read_to_precharge = 9,
     .column_s = 2,
     .column_l = 4,
     .column_stack = 3,
     .activate_s = 4,
     .activate_l = 5,
     .four_activates = 24,
     .write_to_read_s = 7,
     .write_to_read_l = 10,
     .read_to_write = 20,
     .refresh_ns = 350,
     .refresh_interval_ns = 3900,
     .activate_half_clocks = 3,
     .stacks = 2,
     .bank_groups = 4,
     .banks = 4,
     .columns = 32,
     .rows = 16384},
};

}  // namespace

std::span<const HbmSheet> HbmSheets() { return kSheets; }

const HbmSheet* FindHbmSheet(std::string_view name) {
  for (const HbmSheet& sheet : kSheets) {
    if (sheet.name == name) return &sheet;
  }
  return nullptr;
}

HbmRules::HbmRules(const HbmSheet& sheet) {
  const int64_t ticks = sheet.ticks_per_clock;
  const auto clocks = [&](uint32_t value) { return static_cast<int64_t>(value) * ticks; };
  // Rounded up to whole CK, as a controller counts them.
  const auto nanoseconds = [&](uint32_t value) {
    return (static_cast<int64_t>(value) * 1'000'000 + sheet.clock_fs - 1) / sheet.clock_fs * ticks;
  };
  tick_fs = static_cast<double>(sheet.clock_fs) / sheet.ticks_per_clock;
  burst = clocks(kBurstClocks);
  read_latency = clocks(sheet.read_latency);
  write_latency = clocks(sheet.write_latency);
  // What an activate starts counts from the last tick in which it holds the row bus.
  activate_bus = sheet.activate_half_clocks * ticks / 2;
  const int64_t late = activate_bus - 1;
  activate_to_read = late + clocks(sheet.row_to_read);
  activate_to_write = late + clocks(sheet.row_to_write);
  activate_to_precharge = late + clocks(sheet.row_active);
  activate_to_activate = late + clocks(sheet.row_cycle);
  precharge_to_activate = clocks(sheet.precharge);
  read_to_precharge = clocks(sheet.read_to_precharge);
  write_to_precharge = write_latency + burst + clocks(sheet.write_recovery);
  read_to_read_s = write_to_write_s = std::max(burst, clocks(sheet.column_s));
  read_to_read_l = write_to_write_l = clocks(sheet.column_l);
  read_to_read_stack = clocks(sheet.column_stack);
  read_to_write = sheet.read_to_write != 0 ? clocks(sheet.read_to_write)
                                           : read_latency + burst + clocks(2) - write_latency;
  write_to_read_s = write_latency + burst + clocks(sheet.write_to_read_s);
  write_to_read_l = write_latency + burst + clocks(sheet.write_to_read_l);
  activate_to_other_s = clocks(sheet.activate_s);
  activate_to_other_l = clocks(sheet.activate_l);
  four_activates = clocks(sheet.four_activates);
  refresh = nanoseconds(sheet.refresh_ns);
  refresh_interval = nanoseconds(sheet.refresh_interval_ns);
  column_bus = ticks;
}

}  // namespace npugen
