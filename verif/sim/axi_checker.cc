// SPDX-License-Identifier: Apache-2.0
// The rules of the bus.
#include "verif/sim/axi_checker.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace npugen {

void AxiChecker::Violation(const char* format, ...) {
  ++count_;
  if (texts_.size() >= 16) return;
  char text[160];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  texts_.push_back("cycle " + std::to_string(cycle_) + ": " + text);
}

void AxiChecker::CheckAddress(const char* channel, uint64_t address, uint32_t beats, uint8_t size,
                              uint8_t burst, uint8_t id) {
  const unsigned long long shown = address;
  if (burst != 1) Violation("%s 0x%llx: burst type %u is not INCR", channel, shown, burst);
  if (size > 7 || (1u << size) != bus_bytes_) {
    Violation("%s 0x%llx: size %u is not the bus width", channel, shown, size);
  }
  if (address % bus_bytes_ != 0) {
    Violation("%s 0x%llx: not aligned to the bus width", channel, shown);
  }
  if (address / 4096 != (address + uint64_t{beats} * bus_bytes_ - 1) / 4096) {
    Violation("%s 0x%llx: %u beats cross a 4 KiB boundary", channel, shown, beats);
  }
  if (beats > max_burst_beats_) Violation("%s 0x%llx: %u beats", channel, shown, beats);
  if (id >= kIds) Violation("%s 0x%llx: id %u", channel, shown, id);
}

void AxiChecker::CheckWrite(const AxiRequestSignals& request) {
  const uint64_t all = bus_bytes_ == 64 ? ~uint64_t{0} : (uint64_t{1} << bus_bytes_) - 1;
  if ((request.w_strb & ~all) != 0) Violation("W: strobes beyond the bus width");
  if (write_beats_.count == 0) {
    Violation("W: data before its address");
    return;
  }
  const uint32_t left = write_beats_.front();
  if (request.w_last != (left == 1)) {
    Violation("W: last is %d with %u beats to come", request.w_last, left);
  }
  write_beats_.front() = static_cast<uint16_t>(left - 1);
  if (left > 1) return;
  ++unanswered_[write_ids_.front()];
  write_ids_.Pop();
  write_beats_.Pop();
}

void AxiChecker::CheckRead(const AxiResponseSignals& response) {
  Queue& bursts = reads_[response.r_id % kIds];
  if (response.r_id >= kIds || bursts.count == 0) {
    Violation("R: no read with id %u is under way", response.r_id);
    return;
  }
  const uint32_t left = bursts.front();
  if (response.r_last != (left == 1)) {
    Violation("R: last is %d with %u beats to come of id %u", response.r_last, left, response.r_id);
  }
  bursts.front() = static_cast<uint16_t>(left - 1);
  if (left <= 1) bursts.Pop();
}

void AxiChecker::CheckAnswer(const AxiResponseSignals& response) {
  if (response.b_id >= kIds || unanswered_[response.b_id % kIds] == 0) {
    Violation("B: no write with id %u is complete and unanswered", response.b_id);
    return;
  }
  --unanswered_[response.b_id];
}

void AxiChecker::CheckHeld(const AxiRequestSignals& request, const AxiResponseSignals& response) {
  if (ar_held_ && (!request.ar_valid || request.ar_addr != held_.ar_addr ||
                   request.ar_len != held_.ar_len || request.ar_id != held_.ar_id ||
                   request.ar_size != held_.ar_size || request.ar_burst != held_.ar_burst)) {
    Violation("AR changed before it was accepted");
  }
  if (aw_held_ && (!request.aw_valid || request.aw_addr != held_.aw_addr ||
                   request.aw_len != held_.aw_len || request.aw_id != held_.aw_id ||
                   request.aw_size != held_.aw_size || request.aw_burst != held_.aw_burst)) {
    Violation("AW changed before it was accepted");
  }
  if (w_held_ &&
      (!request.w_valid || request.w_strb != held_.w_strb || request.w_last != held_.w_last ||
       std::memcmp(request.w_data, held_data_, bus_bytes_) != 0)) {
    Violation("W changed before it was accepted");
  }
  if (r_held_ &&
      (!response.r_valid || response.r_id != held_response_.r_id ||
       response.r_resp != held_response_.r_resp || response.r_last != held_response_.r_last ||
       std::memcmp(response.r_data, held_response_.r_data, bus_bytes_) != 0)) {
    Violation("R changed before it was accepted");
  }
  if (b_held_ && (!response.b_valid || response.b_id != held_response_.b_id ||
                  response.b_resp != held_response_.b_resp)) {
    Violation("B changed before it was accepted");
  }
}

void AxiChecker::RememberHeld(const AxiRequestSignals& request,
                              const AxiResponseSignals& response) {
  ar_held_ = request.ar_valid && !response.ar_ready;
  aw_held_ = request.aw_valid && !response.aw_ready;
  w_held_ = request.w_valid && !response.w_ready;
  r_held_ = response.r_valid && !request.r_ready;
  b_held_ = response.b_valid && !request.b_ready;
  if (ar_held_ || aw_held_ || w_held_) {
    held_ = request;
    held_.w_data = nullptr;
    if (w_held_) std::memcpy(held_data_, request.w_data, bus_bytes_);
  }
  if (r_held_ || b_held_) held_response_ = response;
}

void AxiChecker::Check(const AxiRequestSignals& request, const AxiResponseSignals& response) {
  if (holding()) CheckHeld(request, response);
  RememberHeld(request, response);
  // Answers and data first: what is asked for at this edge cannot be answered before the next one.
  if (response.r_valid && request.r_ready) CheckRead(response);
  if (response.b_valid && request.b_ready) CheckAnswer(response);
  if (request.ar_valid && response.ar_ready) {
    const uint32_t beats = request.ar_len + 1u;
    CheckAddress("AR", request.ar_addr, beats, request.ar_size, request.ar_burst, request.ar_id);
    reads_[request.ar_id % kIds].Push(beats);
  }
  const bool address = request.aw_valid && response.aw_ready;
  if (address) {
    const uint32_t beats = request.aw_len + 1u;
    CheckAddress("AW", request.aw_addr, beats, request.aw_size, request.aw_burst, request.aw_id);
    write_ids_.Push(request.aw_id % kIds);
    write_beats_.Push(beats);
  }
  if (request.w_valid && response.w_ready) CheckWrite(request);
  ++cycle_;
}

void AxiChecker::DropAnswers() {
  for (Queue& bursts : reads_) bursts.count = 0;
  unanswered_ = {};
  r_held_ = b_held_ = false;
}

}  // namespace npugen
