// SPDX-License-Identifier: Apache-2.0
// The cycle with traffic of the simulated AXI4 memory.
#include "verif/sim/axi_memory.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace npugen {
namespace {

constexpr uint32_t kHbmGranuleBytes = 32;

}  // namespace

AxiMemory::AxiMemory(uint8_t* storage, uint64_t base, uint64_t size,
                     const AxiMemoryOptions& options)
    : storage_(storage),
      base_(base),
      size_(size),
      options_(options),
      checker_(options.bus_bytes, options.max_burst_beats) {
  options_.read_latency = std::max(options_.read_latency, 1u);
  options_.write_latency = std::max(options_.write_latency, 1u);
  options_.max_outstanding = std::clamp(options_.max_outstanding, 1u, kCapacity);
  random_stalls_ = (options_.ar_stall | options_.r_stall | options_.aw_stall | options_.w_stall |
                    options_.b_stall) != 0;
  Reset();
}

void AxiMemory::Reset() {
  active_ = random_stalls_;
  cycle_ = 0;
  random_ = options_.seed * 0x9e3779b97f4a7c15ull | 1;
  response_ = AxiResponseSignals();
  reads_.count = writes_.count = replies_.count = 0;
  Unmute();
  checker_.Reset();
  counts_ = AxiMemoryCounts();
  if (options_.hbm != nullptr) {
    hbm_ = std::make_unique<HbmPort>(*options_.hbm, options_.hbm_options, options_.cycle_fs,
                                     options_.read_latency);
  }
}

void AxiMemory::AddErrorRange(uint64_t address, uint64_t bytes, AxiResponseCode code) {
  if (bytes != 0)
    error_ranges_.push_back({address, address + bytes - 1, static_cast<uint8_t>(code)});
}

uint8_t AxiMemory::CodeFor(uint64_t address) const {
  for (const ErrorRange& range : error_ranges_) {
    if (address <= range.last && address + options_.bus_bytes - 1 >= range.first) return range.code;
  }
  return static_cast<uint8_t>(Inside(address, options_.bus_bytes) ? AxiResponseCode::kOkay
                                                                  : AxiResponseCode::kDecodeError);
}

void AxiMemory::AcceptWriteBeat(const AxiRequestSignals& request) {
  Burst& burst = writes_.at(0);
  const uint32_t bus = options_.bus_bytes;
  const uint64_t all = bus == 64 ? ~uint64_t{0} : (uint64_t{1} << bus) - 1;
  const uint8_t code = CodeFor(burst.address);
  burst.code = std::max(burst.code, code);
  if (code == 0) {
    uint8_t* to = storage_ + (burst.address - base_);
    if ((request.w_strb & all) == all) {
      std::memcpy(to, request.w_data, bus);
    } else {
      for (uint64_t strobes = request.w_strb & all; strobes != 0; strobes &= strobes - 1) {
        const int byte = std::countr_zero(strobes);
        to[byte] = request.w_data[byte];
      }
    }
  }
  ++counts_.write_beats;
  if (hbm_) {
    for (uint64_t at = burst.address; at < burst.address + bus; at += kHbmGranuleBytes) {
      // Beats smaller than a granule: with its last one.
      if (burst.left == 1 || (burst.address + bus) % kHbmGranuleBytes == 0) hbm_->Write(at, cycle_);
    }
  }
  burst.address += bus;
  if (--burst.left == 0) {
    burst.due = cycle_ + options_.write_latency;
    if (!burst.lost) replies_.Push(burst);
    writes_.Pop();
  }
}

bool AxiMemory::Ready(const Burst& burst) const {
  if (!hbm_) return burst.due <= cycle_ + 1;
  const uint64_t before = burst.first / kHbmGranuleBytes;
  const uint64_t last = (burst.address + options_.bus_bytes - 1) / kHbmGranuleBytes;
  return hbm_->Arrived(
      burst.granule + static_cast<uint32_t>(burst.address / kHbmGranuleBytes - before),
      burst.granule + static_cast<uint32_t>(last - before));
}

void AxiMemory::PresentRead() {
  if (reads_.count == 0 || Chance(options_.r_stall) || Muted(AxiChannel::kRead)) return;
  uint32_t chosen = 0;
  if (options_.interleave) {
    // The oldest burst of each id competes; each has a chance of one half over the next.
    uint32_t seen_ids = 0;
    bool found = false;
    for (uint32_t i = 0; i < reads_.count; ++i) {
      const Burst& burst = reads_.at(i);
      const uint32_t bit = 1u << (burst.id & 31);
      if ((seen_ids & bit) == 0 && Ready(burst) && (!found || Chance(0x8000))) {
        chosen = i;
        found = true;
      }
      seen_ids |= bit;
    }
    if (!found) return;
  } else if (!Ready(reads_.at(0))) {
    return;
  }
  Burst& burst = reads_.at(chosen);
  Count(AxiChannel::kRead);
  response_.r_valid = true;
  response_.r_id = burst.id;
  response_.r_resp = CodeFor(burst.address);
  response_.r_last = burst.left == 1;
  if (Inside(burst.address, options_.bus_bytes)) {
    std::memcpy(response_.r_data, storage_ + (burst.address - base_), options_.bus_bytes);
  } else {
    std::memset(response_.r_data, 0xbd, sizeof response_.r_data);
  }
  burst.address += options_.bus_bytes;
  if (--burst.left == 0) reads_.Remove(chosen);
}

void AxiMemory::PresentAnswer() {
  if (replies_.count == 0 || Chance(options_.b_stall) || Muted(AxiChannel::kWriteResponse)) return;
  uint32_t chosen = 0;
  if (options_.interleave && replies_.count > 1 && replies_.at(0).id != replies_.at(1).id &&
      Chance(0x8000)) {
    chosen = 1;  // answers of different ids come in any order
  }
  if (replies_.at(chosen).due > cycle_ + 1) return;
  Count(AxiChannel::kWriteResponse);
  response_.b_valid = true;
  response_.b_id = replies_.at(chosen).id;
  response_.b_resp = replies_.at(chosen).code;
  replies_.Remove(chosen);
}

void AxiMemory::DropAnswers() {
  reads_.count = replies_.count = 0;
  for (uint32_t i = 0; i < writes_.count; ++i) writes_.at(i).lost = true;
  response_.r_valid = response_.b_valid = false;
  checker_.DropAnswers();
}

void AxiMemory::Advance(const AxiRequestSignals& request) {
  checker_.Check(request, response_);

  // Handshakes of this edge.
  if (request.ar_valid && response_.ar_ready) {
    const uint32_t beats = request.ar_len + 1u;
    Count(AxiChannel::kReadAddress);
    const uint64_t first = request.ar_addr & ~uint64_t{options_.bus_bytes - 1};
    Burst burst = {first, cycle_ + options_.read_latency, beats, request.ar_id, 0, first};
    if (hbm_) burst.granule = hbm_->StartRead(first, uint64_t{beats} * options_.bus_bytes, cycle_);
    reads_.Push(burst);
    ++counts_.read_bursts;
  }
  if (request.w_valid && response_.w_ready) {
    Count(AxiChannel::kWrite);
    AcceptWriteBeat(request);
  }
  if (request.aw_valid && response_.aw_ready) {
    const uint32_t beats = request.aw_len + 1u;
    Count(AxiChannel::kWriteAddress);
    writes_.Push({request.aw_addr & ~uint64_t{options_.bus_bytes - 1}, 0, beats, request.aw_id, 0});
    ++counts_.write_bursts;
  }
  if (response_.r_valid && request.r_ready) {
    ++counts_.read_beats;
    response_.r_valid = false;
  }
  if (response_.b_valid && request.b_ready) response_.b_valid = false;

  // What the next cycle shows.
  if (hbm_) hbm_->Tick(cycle_ + 1);
  if (!response_.r_valid) PresentRead();
  if (!response_.b_valid) PresentAnswer();
  response_.ar_ready = reads_.count < options_.max_outstanding && !Chance(options_.ar_stall) &&
                       !Muted(AxiChannel::kReadAddress);
  response_.aw_ready = writes_.count + replies_.count < options_.max_outstanding &&
                       !Chance(options_.aw_stall) && !Muted(AxiChannel::kWriteAddress);
  response_.w_ready = writes_.count != 0 && (!hbm_ || hbm_->RoomForWrite()) &&
                      !Chance(options_.w_stall) && !Muted(AxiChannel::kWrite);
  active_ = random_stalls_ || reads_.count != 0 || writes_.count != 0 || replies_.count != 0 ||
            response_.r_valid || response_.b_valid || checker_.holding() ||
            (hbm_ && hbm_->waiting());
  ++cycle_;
}

}  // namespace npugen
