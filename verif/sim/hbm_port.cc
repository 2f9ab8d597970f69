// SPDX-License-Identifier: Apache-2.0
// Granules on their way from the bus to the channels of HBM and back.
#include "verif/sim/hbm_port.h"

namespace npugen {

HbmPort::HbmPort(const HbmSheet& sheet, const HbmOptions& options, double cycle_fs,
                 uint32_t latency)
    : memory_(sheet, options, cycle_fs),
      latency_(latency),
      reads_(options.channels),
      writes_(options.channels),
      arrived_(kUnderWay) {}

uint32_t HbmPort::StartRead(uint64_t address, uint64_t bytes, uint64_t cycle) {
  const uint32_t first = next_number_;
  const uint64_t last = (address + bytes - 1) / kGranuleBytes;
  for (uint64_t granule = address / kGranuleBytes; granule <= last; ++granule) {
    const uint64_t at = granule * kGranuleBytes;
    reads_[memory_.Place(at).channel].push_back({at, cycle + latency_, next_number_});
    arrived_[next_number_++ % kUnderWay] = false;
    ++waiting_reads_;
  }
  return first;
}

void HbmPort::Write(uint64_t address, uint64_t cycle) {
  const uint64_t at = address / kGranuleBytes * kGranuleBytes;
  writes_[memory_.Place(at).channel].push_back({at, cycle + latency_, 0});
  ++waiting_writes_;
}

void HbmPort::Feed(std::deque<Granule>* queue, bool write, uint32_t* waiting, uint64_t cycle) {
  while (!queue->empty() && queue->front().from <= cycle &&
         memory_.Push(write, queue->front().address, queue->front().number)) {
    queue->pop_front();
    --*waiting;
  }
}

void HbmPort::Tick(uint64_t cycle) {
  memory_.AdvanceTo(cycle);
  for (uint32_t number; memory_.PopRead(&number);) arrived_[number % kUnderWay] = true;
  if (!waiting()) return;
  for (uint32_t channel = 0; channel < reads_.size(); ++channel) {
    Feed(&reads_[channel], false, &waiting_reads_, cycle);
    Feed(&writes_[channel], true, &waiting_writes_, cycle);
  }
}

}  // namespace npugen
