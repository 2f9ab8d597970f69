// Order and barriers.
#include "sw/compiler/schedule/schedule.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace npugen::compiler {
namespace {

bool Meets(const std::vector<Access>& a, const std::vector<Access>& b) {
  for (const Access& x : a) {
    for (const Access& y : b) {
      if (x.space == y.space && x.begin < y.end && y.begin < x.end) return true;
    }
  }
  return false;
}

/// Whether the order of two steps matters.
bool Conflicts(const Step& a, const Step& b) {
  return Meets(a.writes, b.writes) || Meets(a.writes, b.reads) || Meets(a.reads, b.writes);
}

void Set(Command* command, std::string_view field, int64_t value) {
  const bool ok = command->Set(field, value);
  assert(ok);
  (void)ok;
}

}  // namespace

std::vector<Step> HoistLoads(const NpuConfig& config, std::vector<Step> steps) {
  std::vector<Step> loads, others;
  std::vector<int64_t> need;  // of each load: steps of the other engines that precede its place
  for (Step& step : steps) {
    if (step.engine == StepEngine::kLoad) {
      need.push_back(static_cast<int64_t>(others.size()));
      loads.push_back(std::move(step));
    } else {
      others.push_back(std::move(step));
    }
  }
  // The dispatcher is in order: a LOAD in the stream before a compute command delays it until the
  // load queue has room. So the LOAD that the command waits for and those ahead of it fit in the queue
  // together, and the command is in place when its data are.
  const int64_t ahead = std::max<int64_t>(1, int64_t{config.command_queue_depth} - 1);
  std::vector<int64_t> place(loads.size());
  for (size_t j = 0; j < loads.size(); ++j) {
    int64_t lowest = j > 0 ? place[j - 1] : 0;
    if (static_cast<int64_t>(j) >= ahead) lowest = std::max(lowest, need[j - ahead]);
    int64_t position = need[j];
    while (position > lowest && !Conflicts(loads[j], others[position - 1])) --position;
    place[j] = position;
  }
  std::vector<Step> ordered;
  ordered.reserve(steps.size());
  size_t next = 0;
  for (size_t i = 0; i <= others.size(); ++i) {
    while (next < loads.size() && place[next] == static_cast<int64_t>(i)) {
      ordered.push_back(std::move(loads[next++]));
    }
    if (i < others.size()) ordered.push_back(std::move(others[i]));
  }
  return ordered;
}

void AddBarriers(std::vector<Step>* steps) {
  using Clock = std::array<int64_t, kStepEngines>;  // completed steps of each engine that are known
  std::array<std::vector<size_t>, kStepEngines> history;
  std::vector<Clock> clock_at_start(steps->size());
  std::array<Clock, kStepEngines> known{};
  for (size_t i = 0; i < steps->size(); ++i) {
    Step& step = (*steps)[i];
    const int engine = static_cast<int>(step.engine);
    Clock& clock = known[engine];
    clock[engine] = static_cast<int64_t>(history[engine].size());
    struct Wait {
      int engine;
      int64_t count;
    };
    std::vector<Wait> waits;
    for (int other = 0; other < kStepEngines; ++other) {
      if (other == engine) continue;
      for (int64_t count = static_cast<int64_t>(history[other].size()); count > clock[other];
           --count) {
        if (!Conflicts(step, (*steps)[history[other][count - 1]])) continue;
        waits.push_back({other, count});
        break;
      }
    }
    // One wait may imply the other: whoever finished had waited itself.
    const auto implied = [&](const Wait& wait) {
      for (const Wait& by : waits) {
        if (by.engine == wait.engine) continue;
        if (clock_at_start[history[by.engine][by.count - 1]][wait.engine] >= wait.count)
          return true;
      }
      return false;
    };
    std::vector<Wait> needed;
    for (const Wait& wait : waits) {
      if (!implied(wait)) needed.push_back(wait);
    }
    for (size_t w = 0; w < needed.size(); ++w) {
      const std::string name = w == 0 ? "wait0" : "wait1";
      Set(&step.command, name + "_en", 1);
      Set(&step.command, name + "_id", needed[w].engine);
      Set(&step.command, name + "_count", needed[w].count);
      const Clock& other_clock = clock_at_start[history[needed[w].engine][needed[w].count - 1]];
      for (int e = 0; e < kStepEngines; ++e) clock[e] = std::max(clock[e], other_clock[e]);
      clock[needed[w].engine] = std::max(clock[needed[w].engine], needed[w].count);
    }
    clock_at_start[i] = clock;
    Set(&step.command, "signal_en", 1);
    Set(&step.command, "signal_id", engine);
    history[engine].push_back(i);
  }
}

std::vector<uint8_t> WriteStream(const NpuConfig& config, const std::vector<Step>& steps) {
  std::vector<uint32_t> words(kStreamHeaderEntries * kWordsPerEntry, 0);
  for (const Step& step : steps) {
    words.insert(words.end(), step.command.words().begin(), step.command.words().end());
  }
  const Command end(Opcode::kEnd, 1, 0);
  words.insert(words.end(), end.words().begin(), end.words().end());
  words[0] = kStreamMagic;
  words[1] = kCommandSetVersion;
  words[2] = static_cast<uint32_t>(config.hash);
  words[3] = static_cast<uint32_t>(config.hash >> 32);
  words[4] = static_cast<uint32_t>(words.size() / kWordsPerEntry);
  std::vector<uint8_t> bytes;
  bytes.reserve(words.size() * 4);
  for (uint32_t word : words) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(word >> 8 * i));
  }
  return bytes;
}

}  // namespace npugen::compiler
