// SPDX-License-Identifier: Apache-2.0
// Carries out the sends of all chips in an order that is drawn.
#include "verif/pod/golden_collective.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <random>
#include <utility>

#include "generator/support/check.h"
#include "sw/numerics/float_format.h"
#include "sw/numerics/fp32.h"

namespace npugen {
namespace {

uint32_t ReadElement(const uint8_t* bytes, uint32_t size) {
  uint32_t value = 0;
  for (uint32_t i = 0; i < size; ++i) value |= uint32_t{bytes[i]} << 8 * i;
  return value;
}

void WriteElement(uint32_t value, uint32_t size, uint8_t* bytes) {
  for (uint32_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(value >> 8 * i);
}

/// A piece on its way.
struct Message {
  Send send;
  std::vector<uint8_t> bytes;
};

class GoldenRun {
 public:
  GoldenRun(const Collective& collective, SumType type, const ChipOrder& order,
            std::vector<std::vector<uint8_t>>* arrays)
      : collective_(collective),
        type_(type),
        heeds_asks_(order.heeds_asks),
        random_(order.seed),
        arrays_(*arrays),
        parts_(PartsOf(collective).size()),
        tracks_(arrays->size() * parts_),
        links_(arrays->size() * collective.rings.size() * 2) {
    for (uint32_t chip = 0; chip < arrays_.size(); ++chip) {
      for (const Send& send : SendsOf(collective_, chip)) TrackOf(chip, send).sends.push_back(send);
      for (const Send& send : ArrivalsOf(collective_, chip)) {
        TrackOf(chip, send).steps.push_back(send.step);
      }
    }
  }

  void Run() {
    for (;;) {
      std::vector<std::pair<bool, size_t>> choices;  // is a message, number of track or link
      for (size_t t = 0; t < tracks_.size(); ++t) {
        if (CanSend(tracks_[t])) choices.emplace_back(false, t);
      }
      for (size_t l = 0; l < links_.size(); ++l) {
        if (!links_[l].empty()) choices.emplace_back(true, l);
      }
      if (choices.empty()) break;
      const auto [is_message, number] = choices[random_() % choices.size()];
      if (is_message) {
        Deliver(number);
      } else {
        Emit(&tracks_[number]);
      }
    }
    for (const Track& track : tracks_) {
      Check(track.next == track.sends.size() && track.arrived == track.steps.size(),
            "a collective came to a standstill");
    }
  }

 private:
  /// One part of the work of one chip.
  struct Track {
    std::vector<Send> sends;
    std::vector<uint32_t> steps;  ///< of what arrives, in this order
    size_t next = 0, arrived = 0;
    /// Whether everything of steps below `step` has come.
    bool HasBefore(uint32_t step) const {
      return arrived == steps.size() || steps[arrived] >= step;
    }
  };

  Track& TrackOf(uint32_t chip, const Send& send) { return tracks_[chip * parts_ + send.part]; }

  bool CanSend(const Track& track) {
    if (track.next == track.sends.size()) return false;
    const Send& send = track.sends[track.next];
    if (!track.HasBefore(send.step)) return false;
    return !send.asks || !heeds_asks_ || TrackOf(send.to, send).HasBefore(send.round);
  }

  void Emit(Track* track) {
    const Send& send = track->sends[track->next++];
    const uint8_t* bytes = arrays_[send.from].data();
    const uint32_t size = collective_.element_bytes;
    const size_t link =
        (size_t{send.from} * collective_.rings.size() + send.axis) * 2 + (send.direction > 0);
    links_[link].push_back(
        {send, {bytes + send.elements.begin * size, bytes + send.elements.end * size}});
  }

  void Deliver(size_t link) {
    const Message message = std::move(links_[link].front());
    links_[link].pop_front();
    const uint32_t size = collective_.element_bytes;
    uint8_t* there = arrays_[message.send.to].data() + message.send.elements.begin * size;
    if (!message.send.reduce) {
      std::copy(message.bytes.begin(), message.bytes.end(), there);
    } else {
      for (size_t at = 0; at < message.bytes.size(); at += size) {
        WriteElement(AddElements(type_, ReadElement(there + at, size),
                                 ReadElement(message.bytes.data() + at, size)),
                     size, there + at);
      }
    }
    ++TrackOf(message.send.to, message.send).arrived;
  }

  const Collective& collective_;
  const SumType type_;
  const bool heeds_asks_;
  std::mt19937_64 random_;
  std::vector<std::vector<uint8_t>>& arrays_;
  const size_t parts_;
  std::vector<Track> tracks_;               ///< chip by chip, part by part
  std::vector<std::deque<Message>> links_;  ///< of a chip, an axis, a direction
};

}  // namespace

std::optional<SumType> SumTypeOf(std::string_view name) {
  if (name == "s32") return SumType::kS32;
  if (name == "f32") return SumType::kF32;
  if (name == "bf16") return SumType::kBf16;
  return std::nullopt;
}

uint32_t SumBytes(SumType type) { return type == SumType::kBf16 ? 2 : 4; }

uint32_t AddElements(SumType type, uint32_t local, uint32_t arriving) {
  using numerics::kBf16;
  switch (type) {
    case SumType::kS32:
      return local + arriving;
    case SumType::kF32:
      return numerics::Add(local, arriving);
    case SumType::kBf16:
      return numerics::ToFormat(
          kBf16,
          numerics::Add(numerics::FromFormat(kBf16, local), numerics::FromFormat(kBf16, arriving)),
          numerics::Overflow::kInfinity);
  }
  return 0;
}

void RunCollective(const Collective& collective, SumType type, const ChipOrder& order,
                   std::vector<std::vector<uint8_t>>* arrays) {
  Check(collective.element_bytes == SumBytes(type) && arrays->size() == collective.chips(),
        "arrays of another collective");
  for (const std::vector<uint8_t>& array : *arrays) {
    Check(array.size() == collective.elements * collective.element_bytes,
          "an array of another size");
  }
  GoldenRun(collective, type, order, arrays).Run();
}

}  // namespace npugen
