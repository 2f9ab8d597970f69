// SPDX-License-Identifier: Apache-2.0
// The verilated npu_cxl_link with a host of the model before it, and a wire that does harm.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "Vdut.h"
#include "verif/sim/cxl_model.h"
#include "verif/unit/bits.h"

namespace npugen::cxl {

inline constexpr uint32_t kStarting = 1, kUp = 2, kDown = 3;

/// A slot on its way, and the CRC if it is the last one.
struct Beat {
  bool valid = false, first = false;
  Chunk data = {};
  uint16_t crc = 0;
};

/// A message with all fields drawn; to the device it is one that a device knows.
template <typename Random>
Transfer Draw(Random& random, Direction direction) {
  const bool data = random() % 2 != 0, to_device = direction == Direction::kToDevice;
  Transfer transfer;
  transfer.message =
      Message(to_device ? (data ? Kind::kRwd : Kind::kReq) : (data ? Kind::kDrs : Kind::kNdr));
  transfer.has_enables = data && to_device && random() % 2 != 0;
  size_t i = 0;
  for (const Field& field : LayoutOf(transfer.message.kind)) {
    transfer.message.fields[i++] = random() & ((uint64_t{1} << field.width) - 1);
  }
  transfer.message.Set("valid", 1);
  while (to_device && !IsKnown(transfer.message)) transfer.message.Set("opcode", random() % 16);
  if (transfer.message.kind == Kind::kDrs) transfer.message.Set("rsvd", 0);
  for (uint32_t c = 0; c < ChunksOf(transfer); ++c) {
    for (uint8_t& byte : transfer.chunks[c]) byte = static_cast<uint8_t>(random());
  }
  return transfer;
}

/// The device: what it is given to answer, and what it gave.
class Device {
 public:
  explicit Device(uint64_t seed) : random_(seed) {
    dut_.timeout_i = 1000;
    dut_.up_i = 1;
  }
  ~Device() { dut_.final(); }

  Vdut& dut() { return dut_; }
  uint32_t state() const { return dut_.state_o; }

  std::deque<Transfer> ndrs, drss;  ///< to be sent, oldest first
  std::vector<Transfer> received;   ///< whole ones
  double gives = 1, takes = 1;      ///< share of cycles
  bool trains = true;               ///< the PHY trains when it is asked to
  bool heads_only = false;          ///< the reader takes no chunk
  uint64_t bad = 0, resent = 0, requests = 0, unknown = 0, reinits = 0;

  Beat Drive(const Beat& arrives) {
    dut_.clk_i = 0;
    dut_.rx_valid_i = arrives.valid;
    dut_.rx_first_i = arrives.first;
    SetBytes(&dut_.rx_data_i, arrives.data.data(), 16);
    dut_.rx_crc_i = arrives.crc;
    dut_.reinit_done_i = trains && dut_.reinit_o;
    dut_.ready_i = Chance(takes) && !(heads_only && left_ != 0);
    // What is offered stays until it is taken.
    ndr_offered_ = !ndrs.empty() && (ndr_offered_ || Chance(gives));
    word_offered_ = words_ < 4 * drss.size() && (word_offered_ || Chance(gives));
    drs_offered_ = words_ >= 4 && (drs_offered_ || Chance(gives));
    dut_.ndr_valid_i = ndr_offered_;
    dut_.word_valid_i = word_offered_;
    dut_.drs_valid_i = drs_offered_;
    if (!ndrs.empty()) dut_.ndr_i = static_cast<uint32_t>(Bits(ndrs.front().message) >> 1);
    if (!drss.empty()) dut_.drs_i = static_cast<uint32_t>(Bits(drss.front().message) >> 1);
    if (word_offered_) SetBytes(&dut_.word_i, drss[words_ / 4].chunks[words_ % 4].data(), 16);
    dut_.eval();
    Beat leaves{dut_.tx_valid_o != 0, dut_.tx_first_o != 0, {}, dut_.tx_crc_o};
    GetBytes(&dut_.tx_data_o, leaves.data.data(), 16);
    return leaves;
  }
  void Edge() {
    const uint32_t events = dut_.rst_ni ? dut_.events_o : 0;
    bad += events & 1;
    resent += events >> 1 & 1;
    requests += events >> 2 & 1;
    unknown += events >> 3;
    reinits += dut_.reinit_done_i;
    if (dut_.rst_ni && dut_.up_i && dut_.valid_o && dut_.ready_i) Take();
    if (dut_.ndr_valid_i && dut_.ndr_ready_o) {
      ndrs.pop_front();
      ndr_offered_ = false;
    }
    if (dut_.word_valid_i && dut_.word_ready_o) {
      ++words_;
      word_offered_ = false;
    }
    if (dut_.drs_valid_i && dut_.drs_ready_o) {
      drss.pop_front();
      words_ -= 4;
      drs_offered_ = false;
    }
    dut_.clk_i = 1;
    dut_.eval();
  }
  /// Nothing of a message has been given or taken.
  void Forget() {
    ndrs.clear();
    drss.clear();
    received.clear();
    words_ = left_ = 0;
    ndr_offered_ = drs_offered_ = word_offered_ = false;
  }

 private:
  static uint64_t Bits(const Message& message) {
    Payload payload = {};
    SetMessage(payload, 0, message);
    return GetField(payload, 0, 40);
  }
  bool Chance(double share) {
    return share >= 1 || std::uniform_real_distribution<double>(0, 1)(random_) < share;
  }
  void Take() {
    Payload data = {};
    GetBytes(&dut_.data_o, data.data(), 16);
    EXPECT_EQ(dut_.chunk_o != 0, left_ != 0);
    if (left_ == 0) {
      const bool rwd = GetField(data, 87, 1) != 0;
      reading_ = Transfer();
      reading_.message = GetMessage(data, 0, rwd ? Kind::kRwd : Kind::kReq);
      reading_.has_enables = rwd && GetField(data, 88, 1) != 0;
      left_ = ChunksOf(reading_);
    } else {
      std::copy_n(data.begin(), 16, reading_.chunks[ChunksOf(reading_) - left_].begin());
      --left_;
    }
    if (left_ == 0) received.push_back(reading_);
  }

  Vdut dut_;
  std::mt19937_64 random_;
  bool ndr_offered_ = false, drs_offered_ = false, word_offered_ = false;
  uint32_t words_ = 0;  // given, of the DRS from the front on
  uint32_t left_ = 0;
  Transfer reading_;
};

/// Flips bits of flits.
class Harm {
 public:
  explicit Harm(uint64_t seed) : random_(seed) {}
  double errors = 0;  ///< share of flits of which 1..3 bits flip
  double bursts = 0;  ///< share with a burst of up to 16 bits
  uint64_t done = 0;
  std::function<void(Flit&)> touch;  ///< harm that a test does by itself

  void Do(Flit& flit) {
    if (touch) touch(flit);
    if (Chance(errors)) {
      for (uint64_t i = 0, bits = 1 + random_() % 3; i < bits; ++i) Flip(flit, random_() % 528);
      ++done;
    }
    if (Chance(bursts)) {
      const uint32_t first = random_() % 513;
      Flip(flit, first);
      for (uint32_t i = 1; i < 16; ++i) {
        if (random_() % 2 != 0) Flip(flit, first + i);
      }
      ++done;
    }
  }
  static void Flip(Flit& flit, uint64_t bit) {
    if (bit >= 512) {
      flit.crc ^= static_cast<uint16_t>(1u << (bit - 512));
    } else {
      flit.payload[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    }
  }

 private:
  bool Chance(double share) {
    return share > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < share;
  }
  std::mt19937_64 random_;
};

/// Host and device with a wire of `delay` cycles.
struct Link {
  explicit Link(uint32_t delay, uint64_t seed = 1, CxlOptions options = {})
      : device(std::make_unique<Device>(seed)),
        options(options),
        to_device(seed + 1),
        to_host(seed + 2),
        delay(delay) {
    Reset();
  }

  /// Both sides begin anew.
  void Reset() {
    host = std::make_unique<CxlModel>(options);
    device->Forget();
    device->dut().rst_ni = 0;
    for (int i = 0; i < 3; ++i) {
      device->Drive({});
      device->Edge();
    }
    device->dut().rst_ni = 1;
    beats_.assign(delay, {});
    flits_.clear();
    sending_.clear();
    slot_ = 0;
  }
  void Cycle() {
    if (cycles++ % 4 == 0) {
      if (std::optional<Flit> flit = send ? send() : host->Send()) {
        to_device.Do(*flit);
        Put(*flit);
      }
    }
    Beat arrives;
    if (!sending_.empty() && !hold) {
      arrives = sending_.front();
      sending_.pop_front();
    }
    beats_.push_back(arrives);
    const Beat leaves = device->Drive(beats_.front());
    beats_.pop_front();
    device->Edge();
    if (leaves.valid) Collect(leaves);
    while (!flits_.empty() && flits_.front().first <= cycles) {
      host->Receive(flits_.front().second);
      flits_.pop_front();
    }
    if (host->lrsm() == Lrsm::kReinit) host->Reinitialized();
  }
  template <typename Done>
  bool RunUntil(Done done, uint64_t most) {
    for (uint64_t i = 0; i < most && !done(); ++i) Cycle();
    return done();
  }
  bool ComeUp(uint64_t most = 1000) {
    return RunUntil([&] { return device->state() == kUp && host->up(); }, most);
  }
  /// The beats of a flit, to be sent.
  void Put(const Flit& flit) {
    for (uint32_t slot = 0; slot < 4; ++slot) {
      Beat beat{true, slot == 0, {}, slot == 3 ? flit.crc : uint16_t{0x5a5a}};
      std::copy_n(flit.payload.begin() + 16 * slot, 16, beat.data.begin());
      sending_.push_back(beat);
    }
  }

  std::unique_ptr<CxlModel> host;
  std::unique_ptr<Device> device;
  CxlOptions options;
  Harm to_device, to_host;
  std::function<std::optional<Flit>()> send;  ///< instead of the host
  bool hold = false;                          ///< what the host sends waits on the wire
  uint32_t delay;
  uint64_t cycles = 0;
  uint64_t flits = 0;  ///< of the device

 private:
  void Collect(const Beat& beat) {
    EXPECT_EQ(beat.first, slot_ == 0) << "slots of a flit of the device";
    std::copy(beat.data.begin(), beat.data.end(), collected_.payload.begin() + 16 * slot_);
    if (++slot_ < 4) return;
    slot_ = 0;
    ++flits;
    collected_.crc = beat.crc;
    EXPECT_EQ(FlitCrc(collected_.payload), collected_.crc);
    to_host.Do(collected_);
    flits_.emplace_back(cycles + delay, collected_);
  }

  std::deque<Beat> beats_, sending_;
  std::deque<std::pair<uint64_t, Flit>> flits_;  // with the cycle in which they arrive
  Flit collected_;
  uint32_t slot_ = 0;
};

}  // namespace npugen::cxl
