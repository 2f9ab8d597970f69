// SPDX-License-Identifier: Apache-2.0
// Tracks, slices and counters of a timeline as text.
//
// Units run their commands strictly in order, so the n-th command that a unit took is the n-th one
// of the stream for it: the timeline need not carry more than when it began and ended.
#include "verif/session/trace_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/support/version.h"
#include "verif/session/stream_summary.h"

namespace npugen {
namespace {

using Kind = TimelineEvent::Kind;

constexpr int kPid = 1;
// Tracks appear in the order of their numbers; PEs follow the engines, the bus follows the PEs.
constexpr uint32_t kCycleTrack = 1;
constexpr uint32_t kUnitTrack = 2;  // + unit
constexpr uint32_t kDispatcherUnit = UnitOf(EngineKind::kController);
constexpr uint32_t kLoadUnit = UnitOf(EngineKind::kLoad);
constexpr uint32_t kStoreUnit = UnitOf(EngineKind::kStore);
constexpr uint32_t kReadIds = 2;

std::string Quoted(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// The members of an "args" object.
class Args {
 public:
  Args& Number(std::string_view name, uint64_t value) { return Raw(name, fmt::to_string(value)); }
  Args& Text(std::string_view name, std::string_view value) { return Raw(name, Quoted(value)); }
  Args& Address(std::string_view name, uint64_t value) {
    return Raw(name, fmt::format("\"0x{:x}\"", value));
  }
  const std::string& text() const { return text_; }

 private:
  Args& Raw(std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text_), "{}\"{}\":{}", text_.empty() ? "" : ",", name, value);
    return *this;
  }
  std::string text_;
};

/// The list of events, one on a line.
class Writer {
 public:
  void Name(const char* what, uint32_t track, std::string_view name) {
    Line(R"({{"ph":"M","pid":{},"tid":{},"name":"{}","args":{{"name":{}}}}})", kPid, track, what,
         Quoted(name));
  }
  /// `name` needs no escapes.
  void Slice(uint32_t track, const char* category, std::string_view name, uint64_t begin,
             uint64_t end, const Args& args) {
    if (begin >= end) return;  // its cycles lie behind a cut
    Line(R"({{"ph":"X","pid":{},"tid":{},"ts":{},"dur":{},"cat":"{}","name":"{}","args":{{{}}}}})",
         kPid, track, begin, end - begin, category, name, args.text());
  }
  /// Perfetto calls the counter `name` `what`.
  void Counter(std::string_view name, const char* what, uint64_t at, uint64_t value) {
    Line(R"({{"ph":"C","pid":{},"ts":{},"name":"{}","args":{{"{}":{}}}}})", kPid, at, name, what,
         value);
  }
  void Mark(std::string_view name, uint64_t at) {
    Line(R"({{"ph":"i","pid":{},"tid":{},"ts":{},"s":"g","name":{}}})", kPid, kCycleTrack, at,
         Quoted(name));
  }
  std::string&& text() && { return std::move(text_); }

 private:
  template <typename... Values>
  void Line(fmt::format_string<Values...> format, Values&&... values) {
    text_ += text_.empty() ? "\n" : ",\n";
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
  }
  std::string text_;
};

class TraceFile {
 public:
  TraceFile(const NpuConfig& config, const Program& program, const RunReport& report,
            const Timeline& timeline)
      : config_(config), report_(report), timeline_(timeline) {
    for (const ProgramLayer& layer : program.layers) {
      labels_.emplace(layer.tag, fmt::format("{} {}", layer.operator_index, layer.name));
    }
    commands_ = StreamCommands(program, report.warm ? program.warm_offset : program.cold_offset);
    of_unit_.resize(kFirstPeUnit + config.pes());
    for (const Command& command : commands_) {
      of_unit_[kDispatcherUnit].push_back(&command);
      for (const int queue : EnginesOf(command, config.pes())) {
        of_unit_[kFirstPeUnit + queue - kFirstPeEngine].push_back(&command);
      }
    }
  }

  std::string Print() {
    const uint32_t units = kFirstPeUnit + config_.pes();
    const uint32_t bus_track = kUnitTrack + units;
    std::vector<std::vector<const TimelineEvent*>> causes(1), of_unit(units), reads(kReadIds),
        writes(1), arrivals(1);
    for (const TimelineEvent& event : timeline_.events) {
      auto& lists = event.kind == Kind::kCause     ? causes
                    : event.kind == Kind::kRead    ? reads
                    : event.kind == Kind::kWrite   ? writes
                    : event.kind == Kind::kArrival ? arrivals
                                                   : of_unit;
      const size_t list = lists.size() == 1 ? 0 : event.number;
      if (list < lists.size()) lists[list].push_back(&event);
    }

    out_.Name("process_name", kCycleTrack, fmt::format("NPU {}", config_.name));
    out_.Name("thread_name", kCycleTrack, "cycles, as seen from PE 0");
    for (uint32_t unit = 0; unit < units; ++unit) {
      const EngineInfo& engine = kEngineTable[std::min(unit, kFirstPeUnit)];
      out_.Name("thread_name", kUnitTrack + unit,
                unit < kFirstPeUnit ? std::string(engine.track)
                                    : fmt::format("{} {}", engine.track, unit - kFirstPeUnit));
    }
    out_.Name("thread_name", bus_track, "AXI reads of commands");
    out_.Name("thread_name", bus_track + 1, "AXI reads of LOAD");
    out_.Name("thread_name", bus_track + 2, "AXI writes");

    Cycles(causes[0]);
    for (uint32_t unit = 0; unit < units; ++unit) Unit(unit, &of_unit[unit]);
    for (uint32_t id = 0; id < kReadIds; ++id) Bursts(bus_track + id, "read", reads[id]);
    Bursts(bus_track + kReadIds, "write", writes[0]);
    reads[0].insert(reads[0].end(), reads[1].begin(), reads[1].end());
    InFlight("AXI reads", reads[0]);
    InFlight("AXI writes", writes[0]);
    Barriers(&arrivals[0]);
    if (timeline_.cut) out_.Mark(CutNote(), timeline_.cycles);

    return fmt::format(
        "{{\"traceEvents\":[{}\n],\n\"displayTimeUnit\":\"ns\",\n\"otherData\":{}}}\n",
        std::move(out_).text(), OtherData());
  }

 private:
  std::string CutNote() const {
    return fmt::format("the trace ends here: the limit of {} events is reached", timeline_.limit);
  }

  std::string OtherData() const {
    nlohmann::ordered_json data;
    data["time_unit"] = "1 us of this file is 1 clock cycle of the NPU; 0 is the doorbell";
    data["npu"] = config_.name;
    data["config_hash"] = fmt::format("{:016x}", config_.hash);
    data["clock_hz"] = config_.clock_hz;
    data["model"] = report_.model;
    data["parameters"] = report_.warm ? "cached" : "loaded";
    data["cycles"] = report_.cycles;
    data["cycles_in_file"] = timeline_.cycles;
    data["first_cycle"] = timeline_.first_cycle;
    data["events"] = timeline_.events.size();
    data["cut"] = timeline_.cut;
    if (timeline_.cut) data["note"] = CutNote();
    data["npugen"] = kToolVersion;
    return data.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  /// What the slices of a tag are called.
  std::string Label(uint32_t tag) const {
    const auto label = labels_.find(tag);
    return label == labels_.end() ? fmt::format("tag {}", tag) : label->second;
  }

  std::string CommandName(uint32_t tag, const Command* command) const {
    if (command == nullptr) return Label(tag);
    std::string opcode(FindOpcode(command->words()[0] & 0xff)->name);
    for (char& c : opcode) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (InfoOf(command->opcode()).engine == EngineKind::kController) return opcode;
    return fmt::format("{} {}", Label(tag), opcode);
  }

  /// The `index`-th command of a unit, if the stream has it.
  const Command* CommandOf(uint32_t unit, size_t index) const {
    return index < of_unit_[unit].size() ? of_unit_[unit][index] : nullptr;
  }

  static std::string Waits(const Command& command) {
    std::string text;
    for (const WaitFields& wait : kWaits) {
      if (command.Get(wait.enable) == 0) continue;
      fmt::format_to(std::back_inserter(text), "{}barrier {} >= {}", text.empty() ? "" : ", ",
                     command.Get(wait.id), command.Get(wait.count));
    }
    return text;
  }

  static void DescribeBarriers(uint32_t unit, const Command& command, Args* args) {
    const std::string waits = Waits(command);
    if (!waits.empty()) args->Text("waits for", waits);
    if (command.Get(header::signal_en) == 0) return;
    const int64_t pe = unit >= kFirstPeUnit ? unit - kFirstPeUnit : 0;
    args->Text("arrives at",
               fmt::format("barrier {}{}", command.Get(header::signal_id) + pe,
                           command.Get(header::signal_bytes) != 0 ? " with its bytes" : ""));
  }

  static void DescribeTransfer(const Command& command, Args* args) {
    const DmaFields f(command);
    args->Number("bytes", static_cast<uint64_t>(BoxBytes(command)));
    if (command.entries() == 1) return;  // only waits and arrives
    static constexpr const char* kWindows[] = {"program", "scratch", "input", "output"};
    const std::string global =
        f.local_source != 0
            ? fmt::format("PE {} memory 0x{:x}", f.source_pe, f.global_offset)
            : fmt::format("{} window 0x{:x}", kWindows[f.window & 3], f.global_offset);
    const std::string pes = fmt::format("PEs 0x{:x}", f.pe_mask);
    const std::string local = f.core_memory != 0
                                  ? fmt::format("core memory 0x{:x} of cores 0x{:x} in {}",
                                                f.local_address, f.core_mask, pes)
                                  : fmt::format("PE memory 0x{:x} of {}", f.local_address, pes);
    const bool load = command.opcode() == Opcode::kLoad;
    args->Text("from", load ? global : local).Text("to", load ? local : global);
  }

  static void DescribeCompute(const Command& command, Args* args) {
    if (In(command.opcode(), opcodes::kRows)) {
      args->Number("out_h", static_cast<uint64_t>(command.Get(compute::out_h)));
    } else {
      args->Number("out_w", static_cast<uint64_t>(command.Get(compute::out_w)))
          .Number("positions", static_cast<uint64_t>(command.Get(compute::positions)));
    }
    if (In(command.opcode(), opcodes::kArray)) {
      args->Number("groups", static_cast<uint64_t>(command.Get(compute::groups)));
    }
    args->Address("output", static_cast<uint64_t>(command.Get(compute::out_base)));
  }

  /// Layers, and below them what their cycles were spent on.
  void Cycles(const std::vector<const TimelineEvent*>& causes) {
    std::map<uint8_t, std::string_view> names;
    for (const CycleCause& cause : AllCycleCauses()) names[cause.code] = cause.json_name;
    for (size_t i = 0; i < causes.size();) {
      size_t next = i;
      while (next < causes.size() && causes[next]->tag == causes[i]->tag) ++next;
      const uint32_t tag = causes[i]->tag;
      out_.Slice(kCycleTrack, "layer", Label(tag), causes[i]->begin, causes[next - 1]->end,
                 Args().Number("tag", tag));
      for (; i < next; ++i) {
        const auto name = names.find(causes[i]->number);
        out_.Slice(kCycleTrack, "cause", name == names.end() ? "unknown" : name->second,
                   causes[i]->begin, causes[i]->end, Args());
      }
    }
  }

  void Unit(uint32_t unit, std::vector<const TimelineEvent*>* events) {
    // A slice comes before those inside of it.
    std::stable_sort(
        events->begin(), events->end(), [](const TimelineEvent* a, const TimelineEvent* b) {
          return std::tuple(a->begin, b->end, a->kind) < std::tuple(b->begin, a->end, b->kind);
        });
    const uint32_t track = kUnitTrack + unit;
    size_t index = 0;
    uint64_t free_from = 0;  // end of the command before
    for (const TimelineEvent* event : *events) {
      if (event->kind == Kind::kWait) {
        Wait(unit, *event, CommandOf(unit, unit == kDispatcherUnit ? index - 1 : index));
        continue;
      }
      const Command* command = CommandOf(unit, index++);
      // Another stream than the program's: all that is known is the tag.
      if (command != nullptr && command->tag() != event->tag) command = nullptr;
      Args args;
      args.Number("tag", event->tag);
      if (command != nullptr) {
        DescribeBarriers(unit, *command, &args);
        if (InfoOf(command->opcode()).layout->id == LayoutId::kDma) {
          DescribeTransfer(*command, &args);
        } else if (unit >= kFirstPeUnit) {
          DescribeCompute(*command, &args);
        }
      }
      // LOADs and STOREs overlap; the track shows the oldest one.
      const uint64_t begin = std::max(event->begin, free_from);
      free_from = event->end;
      if (unit == kLoadUnit || unit == kStoreUnit) args.Number("taken", event->begin);
      out_.Slice(track, "command", CommandName(event->tag, command), begin, event->end, args);
      if (unit == kLoadUnit && event->first > begin) {
        Args waits;
        if (command != nullptr) waits.Text("waits for", Waits(*command));
        out_.Slice(track, "wait", "barrier", begin, event->first, waits);
      }
    }
  }

  /// `command` is the one that waits.
  void Wait(uint32_t unit, const TimelineEvent& event, const Command* command) {
    Args args;
    if (unit == kDispatcherUnit) {
      const bool engines =
          command != nullptr && InfoOf(command->opcode()).engine == EngineKind::kController;
      out_.Slice(kUnitTrack + unit, "wait", engines ? "engines run" : "queue is full", event.begin,
                 event.end, args);
      return;
    }
    if (command != nullptr) {
      args.Text("command", CommandName(command->tag(), command));
      args.Text("waits for", Waits(*command));
    }
    out_.Slice(kUnitTrack + unit, "wait", "barrier", event.begin, event.end, args);
  }

  void Bursts(uint32_t track, const char* what, const std::vector<const TimelineEvent*>& bursts) {
    for (const TimelineEvent* burst : bursts) {
      Args args;
      args.Address("address", burst->address).Number("bytes", burst->amount);
      args.Number("address accepted", burst->begin).Number("complete", burst->end);
      out_.Slice(track, "burst", fmt::format("{} {} bytes", what, burst->amount), burst->first,
                 burst->last, args);
    }
  }

  /// Bursts between address and last beat or answer.
  void InFlight(const char* name, const std::vector<const TimelineEvent*>& bursts) {
    std::map<uint64_t, int64_t> changes;
    for (const TimelineEvent* burst : bursts) {
      ++changes[burst->begin];
      --changes[burst->end];
    }
    int64_t count = 0;
    if (!changes.empty()) out_.Counter(name, "in flight", 0, 0);
    for (const auto& [at, change] : changes) {
      if (change == 0) continue;
      count += change;
      out_.Counter(name, "in flight", at, static_cast<uint64_t>(count));
    }
  }

  void Barriers(std::vector<const TimelineEvent*>* arrivals) {
    std::stable_sort(arrivals->begin(), arrivals->end(),
                     [](const TimelineEvent* a, const TimelineEvent* b) {
                       return std::tuple(a->number, a->end) < std::tuple(b->number, b->end);
                     });
    uint64_t count = 0;
    for (size_t i = 0; i < arrivals->size(); ++i) {
      const TimelineEvent& arrival = *(*arrivals)[i];
      const std::string name = fmt::format("barrier {}", arrival.number);
      if (i == 0 || (*arrivals)[i - 1]->number != arrival.number) {
        count = 0;
        out_.Counter(name, "count", 0, 0);
      }
      count += arrival.amount;
      const bool more = i + 1 < arrivals->size() && (*arrivals)[i + 1]->end == arrival.end &&
                        (*arrivals)[i + 1]->number == arrival.number;
      if (!more) out_.Counter(name, "count", arrival.end, count);
    }
  }

  const NpuConfig& config_;
  const RunReport& report_;
  const Timeline& timeline_;
  std::map<uint32_t, std::string> labels_;  ///< by tag
  std::vector<Command> commands_;
  std::vector<std::vector<const Command*>> of_unit_;
  Writer out_;
};

}  // namespace

std::string TraceJson(const NpuConfig& config, const Program& program, const RunReport& report,
                      const Timeline& timeline) {
  return TraceFile(config, program, report, timeline).Print();
}

}  // namespace npugen
