// SPDX-License-Identifier: Apache-2.0
// The simulated NPU behind npu_model_abi.h: clock, reset, AXI4-Lite master, AXI memory, trace
// sampling, waves.
//
// Compiled once per configuration together with the verilated class, or with one of the same
// members that simulates the mapped netlist (verif/netlist, NPU_MODEL_NETLIST); the clock loop is
// here so that a cycle costs no call across the shared object's border.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "Vnpu_top.h"
#include "verif/sim/axi_memory.h"
#include "verif/sim/npu_model_abi.h"
#include "verif/sim/timeline_recorder.h"
#ifdef NPU_MODEL_NETLIST
#include "verif/netlist/state_recorder.h"
#endif
#ifndef NPU_MODEL_NETLIST
#include "Vnpu_top___024root.h"
#include "verilated.h"
#endif
#ifdef NPU_MODEL_ASSERTIONS
#include "Vnpu_top_npu_gate_probe_pkg.h"
#endif
#ifdef NPU_MODEL_WAVES
#include "verilated_fst_c.h"
#endif

#ifndef NPU_MODEL_NETLIST
double sc_time_stamp() { return 0; }
#endif

#if !defined(NPU_MODEL_NETLIST) && !defined(NPU_MODEL_PLAIN)
// Parts of the evaluation: the logic behind the inputs, and one clock edge with all that follows
// it (DirectEdges in verilated_code.h).
void Vnpu_top___024root___eval_ico(Vnpu_top___024root* vlSelf);
void Vnpu_top___024root___eval_nba(Vnpu_top___024root* vlSelf);
#endif

namespace {

constexpr uint32_t kResetCycles = 8;
constexpr uint32_t kRegisterTimeout = 10'000;
constexpr uint32_t kNoAnswer = 255;
constexpr uint32_t kTags = 65536;

#ifdef NPU_MODEL_ASSERTIONS
/// A signal of the design in the verilated class.
struct Signal {
  const char* name;
  size_t offset, bytes;
};
constexpr Signal kSignals[] = {
#define NPU_SIGNAL(member) \
  {#member, offsetof(Vnpu_top___024root, member), sizeof(Vnpu_top___024root::member)},
#include "npu_signals.inc"
#undef NPU_SIGNAL
};
#endif

npugen::AxiMemoryOptions MemoryOptions(const npu_model_settings& settings, uint32_t bus_bytes) {
  npugen::AxiMemoryOptions options;
  options.bus_bytes = bus_bytes;
  options.read_latency = settings.read_latency;
  options.write_latency = settings.write_latency;
  options.interleave = settings.interleave != 0;
  options.ar_stall = options.r_stall = options.aw_stall = options.w_stall = options.b_stall =
      settings.stall;
  options.seed = settings.seed;
  if (settings.dram != nullptr) {
    options.hbm = npugen::FindHbmSheet(settings.dram);
    options.hbm_options.channels = settings.dram_channels;
    options.cycle_fs = settings.cycle_fs;
  }
  return options;
}

/// A context in which models come into being with the state of `seed`.
std::unique_ptr<VerilatedContext> PowerUp(uint64_t seed) {
  auto context = std::make_unique<VerilatedContext>();
  if (seed == 0) return context;
  // Neighbouring seeds would begin with alike numbers: the bits are mixed (splitmix64). 31 of them
  // are left, and 0 would mean a seed of Verilator's own choice.
  uint64_t mixed = seed * 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  context->randReset(2);
  context->randSeed(static_cast<int>(std::max<uint64_t>(mixed >> 33, 1)));
  return context;
}

}  // namespace

struct npu_model {
 public:
  explicit npu_model(const npu_model_settings& settings)
      : context_(PowerUp(settings.power_up_seed)),
        memory_(settings.memory, settings.memory_base, settings.memory_bytes,
                MemoryOptions(settings, kBusBytes)),
        trace_(static_cast<uint64_t*>(std::calloc(kTags * NPU_MODEL_CAUSES, sizeof(uint64_t)))) {
#ifdef NPU_MODEL_WAVES
    if (settings.waves != nullptr) {
      context_->traceEverOn(true);
      waves_ = std::make_unique<VerilatedFstC>();
      top_.trace(waves_.get(), 99);
      waves_->open(settings.waves);
      waves_from_ = settings.waves_from;
      waves_end_ = settings.waves_cycles == 0 || settings.waves_cycles > UINT64_MAX - waves_from_
                       ? UINT64_MAX
                       : waves_from_ + settings.waves_cycles;
    }
#endif
#ifdef NPU_MODEL_ASSERTIONS
    top_.__PVT__npu_gate_probe_pkg->probe = 0;
#endif
    HardwareReset();
  }

  ~npu_model() {
#ifdef NPU_MODEL_WAVES
    if (waves_) waves_->close();
#endif
    top_.final();
  }

  bool ok() const {
#ifdef NPU_MODEL_WAVES
    if (waves_ && !waves_->isOpen()) return false;
#endif
    return trace_ != nullptr;
  }

  void HardwareReset() {
    inputs_changed_ = true;
    top_.rst_ni = 0;
    top_.s_axil_awvalid_i = 0;
    top_.s_axil_wvalid_i = 0;
    top_.s_axil_arvalid_i = 0;
    top_.s_axil_bready_i = 1;
    top_.s_axil_rready_i = 1;
    in_reset_ = true;
    for (uint32_t i = 0; i < kResetCycles; ++i) Step();
    memory_.Reset();
    CopyResponse();
    in_reset_ = false;
    inputs_changed_ = true;
    top_.rst_ni = 1;
    Step();
  }

  uint32_t ReadRegister(uint32_t offset, uint32_t* value) {
    inputs_changed_ = true;
    top_.s_axil_araddr_i = offset;
    top_.s_axil_arvalid_i = 1;
    *value = 0;
    bool accepted = false;
    for (uint32_t i = 0; i < kRegisterTimeout; ++i) {
      BeginCycle();
      const bool accept_now = !accepted && top_.s_axil_arready_o;
      const bool answer = top_.s_axil_rvalid_o;
      const uint32_t data = top_.s_axil_rdata_o;
      const uint32_t response = top_.s_axil_rresp_o;
      EndCycle();
      if (accept_now) {
        accepted = true;
        inputs_changed_ = true;
        top_.s_axil_arvalid_i = 0;
      }
      if (answer) {
        *value = data;
        return response;
      }
    }
    inputs_changed_ = true;
    top_.s_axil_arvalid_i = 0;
    return kNoAnswer;
  }

  uint32_t WriteRegister(uint32_t offset, uint32_t value, uint32_t strobe) {
    inputs_changed_ = true;
    top_.s_axil_awaddr_i = offset;
    top_.s_axil_wdata_i = value;
    top_.s_axil_wstrb_i = strobe & 0xf;
    top_.s_axil_awvalid_i = 1;
    top_.s_axil_wvalid_i = 1;
    for (uint32_t i = 0; i < kRegisterTimeout; ++i) {
      BeginCycle();
      const bool address_now = top_.s_axil_awvalid_i && top_.s_axil_awready_o;
      const bool data_now = top_.s_axil_wvalid_i && top_.s_axil_wready_o;
      const bool answer = top_.s_axil_bvalid_o;
      const uint32_t response = top_.s_axil_bresp_o;
      EndCycle();
      inputs_changed_ |= address_now || data_now;
      if (address_now) top_.s_axil_awvalid_i = 0;
      if (data_now) top_.s_axil_wvalid_i = 0;
      if (answer) return response;
    }
    inputs_changed_ = true;
    top_.s_axil_awvalid_i = 0;
    top_.s_axil_wvalid_i = 0;
    return kNoAnswer;
  }

  uint64_t Run(uint64_t cycles, bool until_irq) {
    running_ = true;
    uint64_t i = 0;
    while (i < cycles && !(until_irq && top_.irq_o)) {
      Step();
      ++i;
    }
    running_ = false;
    return i;
  }

#ifdef NPU_MODEL_NETLIST
  npugen::StateRecorder& states() { return states_; }
#endif

  void ReadCounters(npu_model_counters* counters) const {
    const npugen::AxiMemoryCounts counts = memory_.counts();
    counters->cycles = cycles_;
    counters->read_bursts = counts.read_bursts;
    counters->read_beats = counts.read_beats;
    counters->write_bursts = counts.write_bursts;
    counters->write_beats = counts.write_beats;
    counters->violations = counts.violations;
    counters->bus_bytes = kBusBytes;
    counters->irq = top_.irq_o;
    counters->dram_reads = counts.hbm.reads;
    counters->dram_writes = counts.hbm.writes;
    counters->dram_activates = counts.hbm.activates;
    counters->dram_refreshes = counts.hbm.refreshes;
  }

  npugen::AxiMemory& memory() { return memory_; }
  void MemoryChanged() { copy_response_ = true; }
  const uint64_t* Trace(uint32_t* tags) const {
#ifdef NPU_MODEL_NO_TRACE
    *tags = 0;
    return trace_.get();
#endif
    *tags = last_tag_ + 1;
    return trace_.get();
  }
  void ClearTrace() {
    std::memset(trace_.get(), 0, (last_tag_ + 1) * NPU_MODEL_CAUSES * sizeof(uint64_t));
    last_tag_ = 0;
  }

  void RecordTimeline(uint64_t limit) {
    if (recorder_ == nullptr) recorder_ = std::make_unique<npugen::TimelineRecorder>();
    recorder_->Arm(limit, kBusBytes);
    recording_ = recorder_->armed();
  }
  npu_model_timeline ReadTimeline() {
    recording_ = false;
    return recorder_ == nullptr ? npu_model_timeline() : recorder_->Finish();
  }

 private:
  static constexpr uint32_t kBusBytes = sizeof(Vnpu_top::m_axi_rdata_i);

  void Step() {
    BeginCycle();
    EndCycle();
  }

  /// The low half of a cycle: inputs are applied and all outputs settle.
  void BeginCycle() {
    if (copy_response_) {
      CopyResponse();
      inputs_changed_ = true;
    }
    Settle();
#ifdef NPU_MODEL_NETLIST
    if (states_.active()) states_.Sample(top_.simulator().Sources(), running_);
#endif
    DumpWaves(0);
  }

  /// The rising edge, with what the memory and the trace see of the cycle that ends.
  void EndCycle() {
    if (!in_reset_) TickMemory();
#ifndef NPU_MODEL_NO_TRACE
    if (top_.trace_active_o) {
      const uint32_t tag = top_.trace_tag_o;
      ++trace_.get()[tag * NPU_MODEL_CAUSES + top_.trace_cause_o];
      if (tag > last_tag_) last_tag_ = tag;
    }
    if (recording_) Record();
#endif
    Edge();
    DumpWaves(1);
    ++cycles_;
  }

  /// Half a cycle for the wave file, which is complete when its cycles are over.
  void DumpWaves([[maybe_unused]] uint32_t half) {
#ifdef NPU_MODEL_WAVES
    if (!waves_ || cycles_ < waves_from_) return;
    if (cycles_ < waves_end_) {
      waves_->dump(cycles_ * 2 + half);
    } else {
      waves_->close();
      waves_.reset();
    }
#endif
  }

#ifndef NPU_MODEL_NO_TRACE
  void Record() {
    // Vectors of the model are little endian in memory, however wide they are.
    const auto word = [](const auto& vector) {
      uint64_t bits = 0;
      std::memcpy(&bits, &vector, std::min(sizeof bits, sizeof vector));
      return bits;
    };
    npugen::TimelineSignals signals;
    signals.active = top_.trace_active_o;
    signals.cause = top_.trace_cause_o;
    signals.tag = top_.trace_tag_o;
    signals.busy = word(top_.trace_busy_o);
    signals.waiting = word(top_.trace_waiting_o);
    signals.begin = word(top_.trace_begin_o);
    signals.end = top_.trace_end_o;
    signals.release = top_.trace_release_o;
    signals.tags = reinterpret_cast<const uint8_t*>(&top_.trace_unit_tag_o);
    signals.arrivals = word(top_.trace_arrival_o);
    signals.arrival_ids = reinterpret_cast<const uint8_t*>(&top_.trace_arrival_id_o);
    signals.arrival_amount = top_.trace_arrival_amount_o;
    signals.ar = top_.m_axi_arvalid_o && top_.m_axi_arready_i;
    signals.r = top_.m_axi_rvalid_i && top_.m_axi_rready_o;
    signals.aw = top_.m_axi_awvalid_o && top_.m_axi_awready_i;
    signals.w = top_.m_axi_wvalid_o && top_.m_axi_wready_i;
    signals.b = top_.m_axi_bvalid_i && top_.m_axi_bready_o;
    signals.ar_id = top_.m_axi_arid_o;
    signals.ar_addr = top_.m_axi_araddr_o;
    signals.r_id = top_.m_axi_rid_i;
    signals.r_last = top_.m_axi_rlast_i;
    signals.aw_addr = top_.m_axi_awaddr_o;
    signals.w_strb = top_.m_axi_wstrb_o;
    signals.w_last = top_.m_axi_wlast_o;
    recorder_->Sample(cycles_, signals);
    recording_ = recorder_->armed();
  }
#endif

#ifdef NPU_MODEL_ASSERTIONS
  /// The rule of the gated clocks: an edge for the registers whose clocks stand still in this cycle
  /// changes nothing. Ends the process where it does.
  void CheckGates() {
    const char* state = reinterpret_cast<const char*>(top_.rootp);
    before_.assign(state, state + sizeof(*top_.rootp));
    top_.rootp->__PVT__npu_gate_probe_pkg->probe = 1;
    top_.eval();
    top_.rootp->__PVT__npu_gate_probe_pkg->probe = 0;
    top_.eval();
    bool changed = false;
    for (const Signal& signal : kSignals) {
      if (std::memcmp(state + signal.offset, &before_[signal.offset], signal.bytes) == 0) continue;
      std::fprintf(stderr, "cycle %llu: the clock of %s stands still, and it would change\n",
                   static_cast<unsigned long long>(cycles_), signal.name);
      changed = true;
    }
    if (changed) std::abort();
  }
#endif

#if defined(NPU_MODEL_WAVES) || defined(NPU_MODEL_NETLIST) || defined(NPU_MODEL_ASSERTIONS) || \
    defined(NPU_MODEL_PLAIN)
  void Settle() {
    top_.clk_i = 0;
    top_.eval();
  }

  void Edge() {
#ifdef NPU_MODEL_ASSERTIONS
    if (!in_reset_) {
      top_.eval();
      CheckGates();
    }
#endif
    top_.clk_i = 1;
    top_.eval();
  }
#else
  // eval() looks twice a cycle at all clocks and inputs. What there is to do is known: logic behind
  // the inputs when they have changed, and what hangs on clocks at the rising edge. So the two
  // functions that eval() would call are called directly, while clk_i stays low.
  static_assert(std::is_same_v<decltype(Vnpu_top___024root::__VicoTriggered), VlTriggerVec<1>>,
                "inputs have one trigger in common");

  void Settle() {
    if (!inputs_changed_) return;
    inputs_changed_ = false;
    if (started_) {
      top_.rootp->__VicoTriggered.at(0) = true;
      Vnpu_top___024root___eval_ico(top_.rootp);
      return;
    }
    started_ = true;
    top_.clk_i = 0;
    top_.eval();
  }

  void Edge() { Vnpu_top___024root___eval_nba(top_.rootp); }
#endif

  void TickMemory() {
    if (!memory_.active() && !top_.m_axi_arvalid_o && !top_.m_axi_awvalid_o &&
        !top_.m_axi_wvalid_o) {
      memory_.Tick(npugen::AxiRequestSignals());
      copy_response_ = false;
      return;
    }
    npugen::AxiRequestSignals request;
    request.ar_addr = top_.m_axi_araddr_o;
    request.ar_id = top_.m_axi_arid_o;
    request.ar_len = top_.m_axi_arlen_o;
    request.ar_size = top_.m_axi_arsize_o;
    request.ar_burst = top_.m_axi_arburst_o;
    request.ar_valid = top_.m_axi_arvalid_o;
    request.r_ready = top_.m_axi_rready_o;
    request.aw_addr = top_.m_axi_awaddr_o;
    request.aw_id = top_.m_axi_awid_o;
    request.aw_len = top_.m_axi_awlen_o;
    request.aw_size = top_.m_axi_awsize_o;
    request.aw_burst = top_.m_axi_awburst_o;
    request.aw_valid = top_.m_axi_awvalid_o;
    request.w_data = reinterpret_cast<const uint8_t*>(&top_.m_axi_wdata_o);
    request.w_strb = top_.m_axi_wstrb_o;
    request.w_last = top_.m_axi_wlast_o;
    request.w_valid = top_.m_axi_wvalid_o;
    request.b_ready = top_.m_axi_bready_o;
    memory_.Tick(request);
    copy_response_ = true;
  }

  void CopyResponse() {
    const npugen::AxiResponseSignals& response = memory_.response();
    top_.m_axi_arready_i = response.ar_ready;
    top_.m_axi_awready_i = response.aw_ready;
    top_.m_axi_wready_i = response.w_ready;
    top_.m_axi_rvalid_i = response.r_valid;
    top_.m_axi_rlast_i = response.r_last;
    top_.m_axi_rid_i = response.r_id;
    top_.m_axi_rresp_i = response.r_resp;
    if (response.r_valid) std::memcpy(&top_.m_axi_rdata_i, response.r_data, kBusBytes);
    top_.m_axi_bvalid_i = response.b_valid;
    top_.m_axi_bid_i = response.b_id;
    top_.m_axi_bresp_i = response.b_resp;
  }

  struct Free {
    void operator()(void* pointer) const { std::free(pointer); }
  };

  std::unique_ptr<VerilatedContext> context_;
  Vnpu_top top_{context_.get()};
  npugen::AxiMemory memory_;
  std::unique_ptr<uint64_t, Free> trace_;
#ifdef NPU_MODEL_WAVES
  std::unique_ptr<VerilatedFstC> waves_;
  uint64_t waves_from_ = 0;
  uint64_t waves_end_ = 0;
#endif
  std::unique_ptr<npugen::TimelineRecorder> recorder_;
  uint64_t cycles_ = 0;
  uint32_t last_tag_ = 0;
  bool recording_ = false;
  bool running_ = false;  ///< cycles of Run(), not of an access to a register
  bool copy_response_ = true;
  bool in_reset_ = true;
  bool inputs_changed_ = true;  ///< since they were applied
  bool started_ = false;        ///< the verilated class has been evaluated
#ifdef NPU_MODEL_NETLIST
  npugen::StateRecorder states_;
#endif
#ifdef NPU_MODEL_ASSERTIONS
  std::vector<char> before_;  ///< the verilated class before the check of the gates
#endif
};

namespace {

npu_model* Create(const npu_model_settings* settings) {
  auto model = std::make_unique<npu_model>(*settings);
  return model->ok() ? model.release() : nullptr;
}

void AddErrorRange(npu_model* model, uint64_t address, uint64_t bytes, uint32_t response) {
  model->memory().AddErrorRange(address, bytes, static_cast<npugen::AxiResponseCode>(response & 3));
}

const char* Violation(npu_model* model, uint32_t index) {
  const std::vector<std::string>& texts = model->memory().violations();
  return index < texts.size() ? texts[index].c_str() : nullptr;
}

constexpr npu_model_interface kInterface = {
    .abi_version = NPU_MODEL_ABI_VERSION,
#ifdef NPU_MODEL_WAVES
    .has_waves = 1,
#else
    .has_waves = 0,
#endif
#ifdef NPU_MODEL_NETLIST
    .has_states = 1,
#else
    .has_states = 0,
#endif
    .create = Create,
    .destroy = [](npu_model* model) { delete model; },
    .read_register = [](npu_model* model, uint32_t offset,
                        uint32_t* value) { return model->ReadRegister(offset, value); },
    .write_register = [](npu_model* model, uint32_t offset, uint32_t value,
                         uint32_t strobe) { return model->WriteRegister(offset, value, strobe); },
    .run = [](npu_model* model, uint64_t cycles,
              uint32_t until_irq) { return model->Run(cycles, until_irq != 0); },
    .hardware_reset = [](npu_model* model) { model->HardwareReset(); },
    .add_error_range = AddErrorRange,
    .clear_errors = [](npu_model* model) { model->memory().ClearErrorRanges(); },
    .mute =
        [](npu_model* model, uint32_t channel, uint64_t transfers) {
          if (channel >= npugen::kAxiChannels) return;
          model->memory().Mute(static_cast<npugen::AxiChannel>(channel), transfers);
          model->MemoryChanged();
        },
    .unmute =
        [](npu_model* model) {
          model->memory().Unmute();
          model->MemoryChanged();
        },
    .drop_answers =
        [](npu_model* model) {
          model->memory().DropAnswers();
          model->MemoryChanged();
        },
    .read_counters = [](npu_model* model,
                        npu_model_counters* counters) { model->ReadCounters(counters); },
    .trace = [](npu_model* model, uint32_t* tags) { return model->Trace(tags); },
    .clear_trace = [](npu_model* model) { model->ClearTrace(); },
    .record_timeline = [](npu_model* model, uint64_t limit) { model->RecordTimeline(limit); },
    .read_timeline = [](npu_model* model,
                        npu_model_timeline* timeline) { *timeline = model->ReadTimeline(); },
#ifdef NPU_MODEL_NETLIST
    .record_states = [](npu_model* model, uint64_t least,
                        uint64_t seed) { model->states().Start(least, seed); },
    .read_states =
        [](npu_model* model, npu_model_states* states) {
          const npugen::StateRecorder& recorder = model->states();
          *states = {recorder.bits().data(), recorder.count(), recorder.cycles(),
                     recorder.state_bytes()};
        },
#else
    .record_states = [](npu_model*, uint64_t, uint64_t) {},
    .read_states = [](npu_model*, npu_model_states* states) { *states = {}; },
#endif
    .violation = Violation,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const npu_model_interface*
npu_model_get_interface(void) {
  return &kInterface;
}
