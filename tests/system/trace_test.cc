// SPDX-License-Identifier: Apache-2.0
// Timelines: the recorder by itself, the trace file of runs against counters and command stream,
// and the window of wave files.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "sw/model/tflite_reader.h"
#include "sw/stream/stream_decoder.h"
#include "tests/support/files.h"
#include "tests/system/simulation.h"
#include "verif/random/random_model.h"
#include "verif/session/run_model.h"
#include "verif/session/trace_json.h"
#include "verif/sim/timeline_recorder.h"

namespace npugen::testing {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMemoryBytes = uint64_t{64} << 20;

// --- the recorder ---

/// Drives a recorder with signals of one cycle after the other.
class RecorderTest : public ::testing::Test {
 protected:
  /// Arms the recorder and begins a job.
  void Begin(uint64_t limit) {
    recorder_.Arm(limit, 16);
    signals_.tags = tags_;
    signals_.arrival_ids = ids_;
    Cycle();  // idle
    signals_.active = true;
    Cycle();  // shows the doorbell's cycle; this is cycle 1 of the job
  }
  /// Passes a cycle; pulses do not last.
  void Cycle() {
    recorder_.Sample(cycle_++, signals_);
    signals_.begin = signals_.arrivals = 0;
    signals_.end = 0;
    signals_.release = signals_.ar = signals_.r = signals_.aw = signals_.w = signals_.b = false;
  }
  void Cycles(int count) {
    for (int i = 0; i < count; ++i) Cycle();
  }
  void SetTag(uint32_t unit, uint16_t tag) { std::memcpy(tags_ + 2 * unit, &tag, sizeof tag); }
  /// Events of a kind, after the end of the recording.
  std::vector<npu_model_event> Events(npu_model_event_kind kind) {
    const npu_model_timeline timeline = recorder_.Finish();
    std::vector<npu_model_event> events;
    for (uint64_t i = 0; i < timeline.count; ++i) {
      if (timeline.events[i].kind == kind) events.push_back(timeline.events[i]);
    }
    return events;
  }

  TimelineRecorder recorder_;
  TimelineSignals signals_;
  uint64_t cycle_ = 100;
  uint8_t tags_[70] = {};
  uint8_t ids_[32] = {};
};

TEST_F(RecorderTest, CausesCoverTheJob) {
  Begin(1000);
  Cycles(4);
  signals_.cause = 3;
  Cycles(5);
  signals_.tag = 9;
  Cycle();
  signals_.active = false;
  Cycle();
  EXPECT_FALSE(recorder_.armed());
  const npu_model_timeline timeline = recorder_.Finish();
  EXPECT_EQ(timeline.first_cycle, 100u);
  EXPECT_EQ(timeline.cycles, 11u);
  EXPECT_EQ(timeline.cut, 0u);
  const std::vector<npu_model_event> causes = Events(NPU_MODEL_EVENT_CAUSE);
  ASSERT_EQ(causes.size(), 3u);
  const uint64_t ends[] = {5, 10, 11};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(causes[i].begin, i == 0 ? 0 : ends[i - 1]);
    EXPECT_EQ(causes[i].end, ends[i]);
    EXPECT_EQ(causes[i].number, i == 0 ? 0 : 3);
    EXPECT_EQ(causes[i].tag, i == 2 ? 9 : 0);
  }
}

TEST_F(RecorderTest, LoadsOverlapAndEndInOrder) {
  Begin(1000);
  for (uint16_t tag = 1; tag <= 3; ++tag) {  // taken in cycles 2, 3, 4
    signals_.begin = 2;
    Cycle();
    SetTag(1, tag);
  }
  signals_.release = true;  // 5
  Cycle();
  Cycles(4);
  signals_.end = 2;
  signals_.release = true;  // 10
  Cycle();
  signals_.end = 2;  // 11
  Cycle();
  signals_.active = false;
  Cycle();
  const std::vector<npu_model_event> loads = Events(NPU_MODEL_EVENT_COMMAND);
  ASSERT_EQ(loads.size(), 3u);
  const uint64_t expected[3][3] = {{3, 5, 11}, {4, 10, 12}, {5, 11, 11}};
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(loads[i].number, 1);
    EXPECT_EQ(loads[i].tag, i + 1);
    EXPECT_EQ(loads[i].begin, expected[i][0]);
    EXPECT_EQ(loads[i].first, expected[i][1]) << i;
    EXPECT_EQ(loads[i].end, expected[i][2]) << i;
  }
}

/// Commands of a PE with an idle cycle between them, and without any.
TEST_F(RecorderTest, PesRunOneCommandAtATime) {
  Begin(1000);
  signals_.waiting = 8;  // cycles 2 and 3
  Cycles(2);
  signals_.waiting = 0;
  signals_.begin = 8;  // 4
  Cycle();
  signals_.busy = 8;
  SetTag(3, 77);
  Cycles(3);
  signals_.begin = 8;  // 8, while it is busy
  Cycle();
  SetTag(3, 78);
  signals_.waiting = 8;  // the one behind: not shown
  Cycles(2);
  signals_.busy = 0;  // 11
  Cycle();
  signals_.active = false;
  Cycle();
  const std::vector<npu_model_event> commands = Events(NPU_MODEL_EVENT_COMMAND);
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[0].tag, 77);
  EXPECT_EQ(commands[0].begin, 5u);
  EXPECT_EQ(commands[0].end, 9u);
  EXPECT_EQ(commands[1].tag, 78);
  EXPECT_EQ(commands[1].begin, 9u);
  EXPECT_EQ(commands[1].end, 11u);
  const std::vector<npu_model_event> waits = Events(NPU_MODEL_EVENT_WAIT);
  ASSERT_EQ(waits.size(), 2u);
  EXPECT_EQ(waits[0].begin, 2u);
  EXPECT_EQ(waits[0].end, 4u);
  EXPECT_EQ(waits[1].begin, 11u) << "idle again";
}

TEST_F(RecorderTest, BytesOfLoadAreGathered) {
  Begin(1000);
  ids_[0] = (5 | 9 << 6) & 0xff;  // LOAD at barrier 5, STORE at barrier 9 (low bits)
  ids_[1] = 9 >> 2;
  signals_.arrival_amount = 16;
  for (int i = 0; i < 40; ++i) {
    signals_.arrivals = i == 7 ? 3 : 1;
    Cycle();
  }
  signals_.active = false;
  Cycle();
  uint64_t bytes = 0, count = 0;
  for (const npu_model_event& arrival : Events(NPU_MODEL_EVENT_ARRIVAL)) {
    if (arrival.number == 5) {
      bytes += arrival.amount;
      ++count;
    } else {
      EXPECT_EQ(arrival.number, 9);
      EXPECT_EQ(arrival.amount, 1u);
      EXPECT_EQ(arrival.end, 2u + 7 + 1);
    }
  }
  EXPECT_EQ(bytes, 640u);
  EXPECT_EQ(count, 2u);
}

TEST_F(RecorderTest, BurstsOfTwoIdsMix) {
  Begin(1000);
  for (const uint8_t id : {0, 1}) {  // addresses in cycles 2 and 3
    signals_.ar = true;
    signals_.ar_id = id;
    signals_.ar_addr = 0x1000 * (id + 1);
    Cycle();
  }
  for (const uint8_t id : {1, 0, 1}) {  // beats in cycles 4, 5 and 6
    signals_.r = true;
    signals_.r_id = id;
    signals_.r_last = cycle_ != 104;
    Cycle();
  }
  signals_.aw = true;  // 7
  signals_.aw_addr = 0x3000;
  Cycle();
  signals_.w = signals_.w_last = true;  // 8
  signals_.w_strb = 0x3ff;
  Cycle();
  Cycles(3);
  signals_.b = true;  // 12
  Cycle();
  signals_.active = false;
  Cycle();
  const std::vector<npu_model_event> reads = Events(NPU_MODEL_EVENT_READ);
  ASSERT_EQ(reads.size(), 2u);
  EXPECT_EQ(reads[0].address, 0x1000u);
  EXPECT_EQ(reads[0].amount, 16u);
  EXPECT_EQ(reads[0].first, 5u);
  EXPECT_EQ(reads[0].end, 6u);
  EXPECT_EQ(reads[1].address, 0x2000u);
  EXPECT_EQ(reads[1].amount, 32u);
  EXPECT_EQ(reads[1].first, 4u);
  EXPECT_EQ(reads[1].end, 7u);
  const std::vector<npu_model_event> writes = Events(NPU_MODEL_EVENT_WRITE);
  ASSERT_EQ(writes.size(), 1u);
  EXPECT_EQ(writes[0].address, 0x3000u);
  EXPECT_EQ(writes[0].amount, 10u);
  EXPECT_EQ(writes[0].begin, 7u);
  EXPECT_EQ(writes[0].last, 9u);
  EXPECT_EQ(writes[0].end, 13u);
}

TEST_F(RecorderTest, TheLimitEndsTheRecording) {
  Begin(10);
  for (int i = 0; i < 100; ++i) {
    signals_.cause ^= 1;
    Cycle();
  }
  EXPECT_FALSE(recorder_.armed());
  const npu_model_timeline timeline = recorder_.Finish();
  EXPECT_EQ(timeline.cut, 1u);
  EXPECT_EQ(timeline.cycles, 11u);
  EXPECT_EQ(timeline.count, 11u) << "10 and the one that was open";
  // Nothing is left of it in the next recording.
  recorder_.Arm(0, 16);
  EXPECT_FALSE(recorder_.armed());
  EXPECT_EQ(recorder_.Finish().count, 0u);
}

// --- trace files ---

/// One complete slice.
struct Slice {
  std::string track, category, name;
  uint64_t begin = 0, end = 0;
  Json args;
};

/// What a trace file says, after a check of its form.
struct Trace {
  Json other;
  std::map<std::string, std::vector<Slice>> tracks;
  std::map<std::string, std::vector<std::pair<uint64_t, uint64_t>>> counters;
  size_t marks = 0;

  std::vector<Slice> Of(const std::string& track, const std::string& category) const {
    std::vector<Slice> slices;
    const auto found = tracks.find(track);
    if (found == tracks.end()) return slices;
    for (const Slice& slice : found->second) {
      if (slice.category == category) slices.push_back(slice);
    }
    return slices;
  }
};

uint64_t Cycles(const std::vector<Slice>& slices) {
  uint64_t cycles = 0;
  for (const Slice& slice : slices) cycles += slice.end - slice.begin;
  return cycles;
}

/// Reads a file and checks what the format demands: phases and their members, slices in order and
/// one inside of the other on their track.
Trace ReadTrace(const std::string& text) {
  Trace trace;
  const Json json = Json::parse(text, nullptr, false);
  EXPECT_FALSE(json.is_discarded());
  EXPECT_TRUE(text.starts_with("{\"traceEvents\":[")) << "Perfetto tells the format by this";
  EXPECT_EQ(json["displayTimeUnit"], "ns");
  trace.other = json["otherData"];
  std::map<int, std::string> names;
  std::map<std::string, std::vector<uint64_t>> open;  // ends of the slices around
  for (const Json& event : json["traceEvents"]) {
    const std::string phase = event["ph"];
    EXPECT_EQ(event["pid"], 1);
    if (phase == "M") {
      if (event["name"] == "thread_name") names[event["tid"]] = event["args"]["name"];
      continue;
    }
    EXPECT_TRUE(event["ts"].is_number_unsigned()) << event;
    const uint64_t at = event["ts"];
    if (phase == "C") {
      EXPECT_EQ(event["args"].size(), 1u);
      auto& counter = trace.counters[event["name"]];
      EXPECT_TRUE(counter.empty() || counter.back().first < at) << event;
      counter.emplace_back(at, event["args"].begin().value());
      continue;
    }
    if (phase == "i") {
      EXPECT_EQ(event["s"], "g");
      ++trace.marks;
      continue;
    }
    EXPECT_EQ(phase, "X");
    EXPECT_TRUE(names.contains(event["tid"])) << event;
    EXPECT_TRUE(event["args"].is_object());
    Slice slice = {names[event["tid"]], event["cat"], event["name"], at, at, event["args"]};
    EXPECT_TRUE(event["dur"].is_number_unsigned());
    slice.end += event["dur"].get<uint64_t>();
    EXPECT_LT(slice.begin, slice.end) << event;
    EXPECT_FALSE(slice.name.empty());
    EXPECT_LE(slice.end, trace.other["cycles_in_file"]) << event;
    std::vector<Slice>& track = trace.tracks[slice.track];
    EXPECT_TRUE(track.empty() || track.back().begin <= slice.begin) << event;
    std::vector<uint64_t>& around = open[slice.track];
    while (!around.empty() && around.back() <= slice.begin) around.pop_back();
    EXPECT_TRUE(around.empty() || slice.end <= around.back()) << event << " sticks out";
    around.push_back(slice.end);
    track.push_back(std::move(slice));
  }
  return trace;
}

/// A model that ran, with all that its trace is compared with.
struct TracedRun {
  NpuConfig config;
  Program program;
  RunReport report;
  Timeline timeline;
  std::string json;
};

struct RunShape {
  const char* name;
  const char* spec;  ///< YAML, or null: the spec file of this name
  uint32_t repeat;
  uint32_t latency;
  double stalls;
  bool interleave;
};

TracedRun RunTraced(const RunShape& shape, const Model& model, uint64_t limit) {
  TracedRun run;
  run.config = shape.spec == nullptr ? SpecConfig(shape.name) : TextConfig(shape.name, shape.spec);
  const Result<CompiledModel> compiled = CompileForRun(model, run.config);
  EXPECT_TRUE(compiled.ok()) << ErrorText(compiled);
  if (!compiled) return run;
  run.program = compiled->plain.programs[0].program;
  SimulationOptions simulation;
  simulation.memory_bytes = kMemoryBytes;
  simulation.latency = shape.latency;
  simulation.stalls = shape.stalls;
  simulation.interleave = shape.interleave;
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(run.config, simulation);
  RunModelOptions options;
  options.repeat = shape.repeat;
  options.timeline = &run.timeline;
  options.timeline_limit = limit;
  const Result<RunReport> report =
      RunModel(run.config, model, *compiled, *npu, MakeRandomInputs(model, 1), options, nullptr);
  EXPECT_TRUE(report.ok()) << ErrorText(report);
  if (!report) return run;
  EXPECT_EQ(report->mismatches, 0u);
  EXPECT_LE(run.timeline.first_cycle + run.timeline.cycles, npu->Cycles());
  run.report = *report;
  run.json = TraceJson(run.config, run.program, run.report, run.timeline);
  return run;
}

class TraceTest : public ::testing::TestWithParam<RunShape> {};

INSTANTIATE_TEST_SUITE_P(Shapes, TraceTest,
                         ::testing::Values(RunShape{"nano", nullptr, 1, 50, 0, false},
                                           RunShape{"nano", nullptr, 2, 5, 0.2, false},
                                           RunShape{"odd", kOddSpec, 1, 7, 0.3, true}),
                         [](const auto& info) {
                           return fmt::format("{}_{}", info.param.name, info.param.repeat);
                         });

/// Without trace ports: the same cycles and causes, charged to no layer, and no timeline.
TEST(TracePorts, JobsAreTheSameWithoutThem) {
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  std::map<uint32_t, RunReport> reports;
  for (const uint32_t trace : {1u, 0u}) {
    NpuConfig config = SpecConfig("nano");
    config.debug_trace = trace;
    const Result<CompiledModel> compiled = CompileForRun(*model, config);
    ASSERT_TRUE(compiled.ok()) << ErrorText(compiled);
    SimulationOptions simulation;
    simulation.memory_bytes = kMemoryBytes;
    const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, simulation, /*quick=*/trace == 0);
    EXPECT_EQ(npu->Trace().empty(), trace == 0);
    Timeline timeline;
    RunModelOptions options;
    options.timeline = &timeline;
    const Result<RunReport> report =
        RunModel(config, *model, *compiled, *npu, MakeRandomInputs(*model, 1), options, nullptr);
    ASSERT_TRUE(report.ok()) << ErrorText(report);
    EXPECT_EQ(report->mismatches, 0u);
    if (trace == 0) {
      for (const TimelineEvent& event : timeline.events) {
        EXPECT_TRUE(event.kind == TimelineEvent::Kind::kRead ||
                    event.kind == TimelineEvent::Kind::kWrite);
      }
      for (const LayerReport& layer : report->layers) EXPECT_EQ(layer.cycles, 0u);
    }
    reports[trace] = *report;
  }
  EXPECT_EQ(reports[0].config_hash, reports[1].config_hash) << "the same machine for programs";
  EXPECT_EQ(reports[0].cycles, reports[1].cycles);
  EXPECT_EQ(reports[0].causes, reports[1].causes);
  EXPECT_EQ(reports[0].other, reports[1].causes);
}

TEST_P(TraceTest, AgreesWithCountersAndStream) {
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const TracedRun run = RunTraced(GetParam(), *model, 1'000'000);
  ASSERT_FALSE(run.json.empty());
  const Trace trace = ReadTrace(run.json);
  EXPECT_EQ(trace.other["cut"], false);
  EXPECT_EQ(trace.marks, 0u);
  EXPECT_EQ(trace.other["cycles"], run.report.cycles);
  EXPECT_EQ(trace.other["cycles_in_file"], run.report.cycles);
  EXPECT_EQ(trace.other["parameters"], run.report.warm ? "cached" : "loaded");

  // Every cycle has its cause, without gaps, and the layers around say the same.
  std::map<std::string, uint64_t> causes;
  uint64_t at = 0;
  for (const Slice& slice : trace.Of("cycles, as seen from PE 0", "cause")) {
    EXPECT_EQ(slice.begin, at);
    at = slice.end;
    causes[slice.name] += slice.end - slice.begin;
  }
  EXPECT_EQ(at, run.report.cycles);
  for (const CycleCause& cause : AllCycleCauses()) {
    EXPECT_EQ(causes[std::string(cause.json_name)], run.report.causes[cause.code])
        << cause.json_name;
  }
  std::map<std::string, uint64_t> layers;
  for (const Slice& slice : trace.Of("cycles, as seen from PE 0", "layer")) {
    layers[slice.name] += slice.end - slice.begin;
  }
  for (const LayerReport& layer : run.report.layers) {
    EXPECT_EQ(layers[fmt::format("{} {}", layer.index, layer.op)], layer.cycles) << layer.index;
  }

  // Bytes on the bus.
  uint64_t read = 0, written = 0;
  for (const char* track : {"AXI reads of commands", "AXI reads of LOAD", "AXI writes"}) {
    for (const Slice& burst : trace.Of(track, "burst")) {
      (std::string(track) == "AXI writes" ? written : read) += burst.args["bytes"].get<uint64_t>();
      EXPECT_LE(burst.args["address accepted"], burst.begin);
      EXPECT_GE(burst.args["complete"], burst.end);
    }
  }
  EXPECT_EQ(read, run.report.bytes_read);
  EXPECT_EQ(written, run.report.bytes_written);
  for (const char* counter : {"AXI reads", "AXI writes"}) {
    EXPECT_EQ(trace.counters.at(counter).back().second, 0u) << counter;
  }

  // Commands of every unit, in the order of the stream.
  const DecodedStream stream =
      DecodeStream(run.config, run.program.image,
                   run.report.warm ? run.program.warm_offset : run.program.cold_offset);
  ASSERT_EQ(stream.error_code, 0) << stream.detail;
  std::map<std::string, std::vector<const Command*>> expected;
  std::map<uint64_t, uint64_t> arrivals;  // by barrier
  std::set<uint64_t> gathered;            // barriers that count bytes
  for (const Command& command : stream.commands) {
    const HeaderFields f(command);
    expected["dispatch"].push_back(&command);
    const bool signals = f.signal_en != 0;
    if (command.opcode() == Opcode::kLoad) {
      expected["LOAD"].push_back(&command);
      const auto bytes = static_cast<uint64_t>(BoxBytes(command));
      if (signals) arrivals[f.signal_id] += f.signal_bytes != 0 ? bytes : 1;
      if (signals && f.signal_bytes != 0) gathered.insert(f.signal_id);
    } else if (command.opcode() == Opcode::kStore) {
      expected["STORE"].push_back(&command);
      if (signals) ++arrivals[f.signal_id];
    } else {
      for (const int engine : EnginesOf(command, run.config.pes())) {
        const int pe = engine - kFirstPeEngine;
        expected[fmt::format("PE {}", pe)].push_back(&command);
        if (signals) ++arrivals[f.signal_id + pe];
      }
    }
  }
  for (const auto& [track, commands] : expected) {
    const std::vector<Slice> slices = trace.Of(track, "command");
    ASSERT_EQ(slices.size(), commands.size()) << track;
    for (size_t i = 0; i < slices.size(); ++i) {
      EXPECT_EQ(slices[i].args["tag"], commands[i]->tag()) << track << " " << i;
      const std::string name(FindOpcode(commands[i]->words()[0] & 0xff)->name);
      std::string last = slices[i].name.substr(slices[i].name.rfind(' ') + 1);
      EXPECT_TRUE(std::equal(name.begin(), name.end(), last.begin(), last.end(),
                             [](char a, char b) { return std::toupper(a) == b; }))
          << slices[i].name << " is no " << name;
    }
  }

  // Barriers end with all arrivals, and no PE or STORE command begins before its waits hold.
  for (const auto& [barrier, count] : arrivals) {
    const std::string name = fmt::format("barrier {}", barrier);
    ASSERT_TRUE(trace.counters.contains(name)) << name;
    EXPECT_EQ(trace.counters.at(name).back().second, count) << name;
  }
  for (const auto& [track, commands] : expected) {
    if (track == "LOAD" || track == "dispatch") continue;
    const std::vector<Slice> slices = trace.Of(track, "command");
    for (size_t i = 0; i < slices.size(); ++i) {
      for (const WaitFields& wait : kWaits) {
        if (commands[i]->Get(wait.enable) == 0) continue;
        const uint64_t barrier = static_cast<uint64_t>(commands[i]->Get(wait.id));
        const uint64_t needed = static_cast<uint64_t>(commands[i]->Get(wait.count));
        if (gathered.contains(barrier)) continue;
        uint64_t count = 0;
        for (const auto& [when, value] : trace.counters.at(fmt::format("barrier {}", barrier))) {
          if (when <= slices[i].begin) count = value;
        }
        EXPECT_GE(count, needed) << track << " command " << i << " barrier " << barrier;
      }
    }
  }

  // The cycles of PE 0 are its commands and the waits between them. A command that waits for its
  // weights is charged to the barrier as well.
  const uint64_t waits = Cycles(trace.Of("PE 0", "wait"));
  EXPECT_EQ(Cycles(trace.Of("PE 0", "command")) + waits,
            run.report.cycles - causes["idle"] - causes["dma"]);
  EXPECT_LE(waits, causes["barrier"]);
}

TEST(TraceFileTest, IsReproducible) {
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const RunShape shape = {"nano", nullptr, 1, 20, 0.1, false};
  EXPECT_EQ(RunTraced(shape, *model, 1'000'000).json, RunTraced(shape, *model, 1'000'000).json);
}

TEST(TraceFileTest, SaysWhereItIsCut) {
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const TracedRun run = RunTraced({"nano", nullptr, 1, 20, 0, false}, *model, 200);
  const Trace trace = ReadTrace(run.json);
  EXPECT_EQ(trace.other["cut"], true);
  EXPECT_NE(trace.other["note"].get<std::string>().find("200 events"), std::string::npos);
  EXPECT_EQ(trace.marks, 1u);
  EXPECT_LT(trace.other["cycles_in_file"], trace.other["cycles"]);
  EXPECT_LE(trace.other["events"], 300);
  EXPECT_EQ(Cycles(trace.Of("cycles, as seen from PE 0", "cause")), trace.other["cycles_in_file"]);
}

/// A stream that the program does not have: the times are right, names are tags.
TEST(TraceFileTest, DoesNotNameCommandsOfAnotherStream) {
  const NpuConfig config = SpecConfig("nano");
  Program program;
  ProgramLayer layer{};
  layer.tag = layer.operator_index = 4;
  layer.name = "ADD";
  program.layers.push_back(layer);
  Timeline timeline;
  timeline.cycles = 100;
  timeline.events = {{.kind = TimelineEvent::Kind::kCommand,
                      .number = UnitOf(EngineKind::kLoad),
                      .tag = 4,
                      .begin = 10,
                      .first = 20,
                      .end = 30},
                     {.kind = TimelineEvent::Kind::kCommand,
                      .number = kFirstPeUnit,
                      .tag = 5,
                      .begin = 40,
                      .end = 50}};
  RunReport report;
  report.model = "name \"with\" quotes\n";
  const Trace trace = ReadTrace(TraceJson(config, program, report, timeline));
  EXPECT_EQ(trace.other["model"], report.model);
  ASSERT_EQ(trace.Of("LOAD", "command").size(), 1u);
  EXPECT_EQ(trace.Of("LOAD", "command")[0].name, "4 ADD");
  EXPECT_EQ(Cycles(trace.Of("LOAD", "wait")), 10u);
  ASSERT_EQ(trace.Of("PE 0", "command").size(), 1u);
  EXPECT_EQ(trace.Of("PE 0", "command")[0].name, "tag 5");
}

// --- waves ---

/// Bytes of a wave file of 2000 cycles' simulation.
uint64_t WaveBytes(uint64_t from, uint64_t cycles) {
  SimulationOptions options;
  options.memory_bytes = 4096;
  options.waves = ::testing::TempDir() + "npugen_window.fst";
  options.waves_from = from;
  options.waves_cycles = cycles;
  {
    const std::unique_ptr<SimulatedNpu> npu = MakeNpu(SpecConfig("nano"), options);
    // Something must change for a file to grow.
    for (int i = 0; i < 300; ++i) {
      npu->WriteRegister(0x88, static_cast<uint32_t>(i) * 0x9e3779b9);
      npu->Run(8);
    }
    EXPECT_GT(npu->Cycles(), 2000u);
  }
  const uint64_t bytes = std::filesystem::file_size(options.waves);
  std::filesystem::remove(options.waves);
  return bytes;
}

TEST(WavesTest, TheWindowBoundsTheFile) {
  const uint64_t all = WaveBytes(0, 0);
  EXPECT_EQ(WaveBytes(0, kDefaultWavesCycles), all) << "the simulation is shorter";
  const uint64_t small = WaveBytes(1000, 100);
  EXPECT_LT(small, all);
  EXPECT_LT(WaveBytes(1000, 1), small);
  EXPECT_LT(WaveBytes(1500, 0), all);
  EXPECT_LT(WaveBytes(UINT64_MAX, UINT64_MAX), small) << "nothing but the names of signals";
}

}  // namespace
}  // namespace npugen::testing
