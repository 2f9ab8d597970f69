// SPDX-License-Identifier: Apache-2.0
// Timing of the DRAMs behind HbmMemory: JEDEC's parameters, and the rules as distances between
// commands.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace npugen {

/// A DRAM of pseudo channels, two to a channel, as its data sheet has it. Times are in clock cycles
/// of the DRAM (CK) unless a name says otherwise; `l` is within a bank group, `s` between two.
/// Burst of 32 bytes: 2 CK in each of them.
struct HbmSheet {
  std::string_view name;
  std::string_view source;
  uint32_t clock_fs;                     ///< one CK, in femtoseconds
  uint32_t ticks_per_clock;              ///< commands may begin at halves of a CK: 2
  uint32_t read_latency, write_latency;  ///< CL, CWL
  uint32_t row_to_read, row_to_write, precharge, row_active;  ///< RCDRD, RCDWR, RP, RAS
  uint32_t row_cycle, write_recovery, read_to_precharge;      ///< RC, WR, RTP
  uint32_t column_s, column_l, column_stack;                  ///< CCDS, CCDL, CCDR (0: one stack)
  uint32_t activate_s, activate_l, four_activates;            ///< RRDS, RRDL, FAW
  uint32_t write_to_read_s, write_to_read_l;                  ///< WTRS, WTRL
  uint32_t read_to_write;                                     ///< RTW; 0: CL + 2 + 2 - CWL
  uint32_t refresh_ns, refresh_interval_ns;                   ///< RFC (all banks), REFI
  uint32_t activate_half_clocks;  ///< an activate holds the row bus: 4 or 3 halves
  uint32_t stacks, bank_groups, banks, columns,
      rows;  ///< of a pseudo channel; a column is 32 bytes
};

/// The DRAMs that are known: hbm2, hbm2e, hbm3.
std::span<const HbmSheet> HbmSheets();
/// Null when there is none of that name.
const HbmSheet* FindHbmSheet(std::string_view name);

/// The rules between commands of one pseudo channel, in ticks (a CK or half of one), from the
/// sheet.
struct HbmRules {
  explicit HbmRules(const HbmSheet& sheet);

  double tick_fs;
  int64_t burst;  ///< of 32 bytes on the data bus
  int64_t read_latency, write_latency;
  int64_t activate_to_read, activate_to_write, activate_to_precharge, activate_to_activate;
  int64_t precharge_to_activate, read_to_precharge, write_to_precharge;
  int64_t read_to_read_s, read_to_read_l, read_to_read_stack;
  int64_t write_to_write_s, write_to_write_l;
  int64_t read_to_write, write_to_read_s, write_to_read_l;
  int64_t activate_to_other_s, activate_to_other_l, four_activates;
  int64_t refresh, refresh_interval;
  int64_t activate_bus;  ///< ticks that an activate holds the row bus
  int64_t column_bus;    ///< ticks that a read or write holds the column bus
};

}  // namespace npugen
