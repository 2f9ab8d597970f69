// SPDX-License-Identifier: Apache-2.0
// Two ends of a link in simulation, what is sent over them, and a wire that does harm.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "Vdut.h"
#include "verif/sim/link_model.h"
#include "verif/unit/bits.h"

namespace npugen::link {

/// A packet of one of `types`, of `low`..`high` bytes.
template <typename Random>
Packet RandomPacket(Random& random, std::initializer_list<uint32_t> types, uint32_t low,
                    uint32_t high) {
  Packet packet;
  packet.type = types.begin()[random() % types.size()];
  packet.length = low + static_cast<uint32_t>(random() % (high - low + 1));
  packet.request = random() & ((uint64_t{1} << 47) - 1);
  packet.words.resize(WordsOf(packet.type, packet.length));
  for (Word& word : packet.words) {
    for (uint32_t& part : word) part = static_cast<uint32_t>(random());
  }
  return packet;
}

/// A wire of one direction: delay, and harm at random.
class Wire {
 public:
  Wire(uint32_t delay, uint64_t seed) : delay_(delay), random_(seed) {}

  double bit_errors = 0;    ///< share of bits that flip, those of `kind` included
  double lost_words = 0;    ///< share of words that are lost
  double doubled = 0;       ///< share of words that come twice
  double bursts = 0;        ///< share of words in which a burst of up to 40 bits begins
  double lost_packets = 0;  ///< share of headers whose packet is lost from there on for 1..40 words
  bool cut = false;
  std::function<void(Flit&)> touch;  ///< harm that a test does by itself
  uint64_t harmed = 0;               ///< injected errors

  /// A cycle: takes what is sent, gives what arrives.
  Flit Move(Flit sent) {
    if (lost_for_ > 0) {
      --lost_for_;
      sent.kind = 0;
    } else if (sent.kind != 0) {
      if (Chance(lost_words)) sent.kind = 0, ++harmed;
      if (sent.kind == 3 && Chance(lost_packets)) {
        lost_for_ = 1 + random_() % 40;
        sent.kind = 0;
        ++harmed;
      }
      if (Chance(bursts)) Burst(sent), ++harmed;
    }
    if (touch) touch(sent);
    if (cut) sent.kind = 0;
    if (bit_errors > 0) FlipBits(sent);
    flits_.push_back(sent);
    if (sent.kind != 0 && Chance(doubled)) twice_ = sent, ++harmed;
    if (flits_.size() <= delay_) return {};
    // What comes twice takes the place of a cycle with nothing, or pushes all behind it back.
    Flit arrives = flits_.front();
    flits_.pop_front();
    if (twice_) {
      flits_.push_back(*twice_);
      twice_.reset();
    }
    while (flits_.size() > delay_) {
      const auto idle = std::find_if(flits_.begin(), flits_.end(),
                                     [](const Flit& flit) { return flit.kind == 0; });
      if (idle == flits_.end()) break;
      flits_.erase(idle);
    }
    return arrives;
  }

 private:
  bool Chance(double share) {
    return share > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < share;
  }
  static void Flip(Flit& flit, uint32_t bit) {
    if (bit < 128) {
      flit.word[bit / 32] ^= 1u << bit % 32;
    } else if (bit < 130) {
      flit.kind ^= 1u << (bit - 128);
    }
  }
  void Burst(Flit& flit) {
    const uint32_t length = 1 + random_() % 40;
    const uint32_t first = random_() % 130;
    Flip(flit, first);
    for (uint32_t i = 1; i < length; ++i) {
      if (random_() % 2 != 0) Flip(flit, first + i);
    }
  }
  void FlipBits(Flit& flit) {
    if (!next_) next_ = Gap();
    while (*next_ < 130) {
      Flip(flit, static_cast<uint32_t>(*next_));
      ++harmed;
      *next_ += 1 + Gap();
    }
    *next_ -= 130;
  }
  uint64_t Gap() {
    return static_cast<uint64_t>(
        std::log1p(-std::uniform_real_distribution<double>(0, 1)(random_)) /
        std::log1p(-bit_errors));
  }

  uint32_t delay_;
  std::mt19937_64 random_;
  std::deque<Flit> flits_;
  std::optional<Flit> twice_;
  std::optional<uint64_t> next_;  // bits until the next one that flips
  uint64_t lost_for_ = 0;
};

/// One end of a link: the verilated npu_link, what it is given and what it gave.
class End {
 public:
  explicit End(uint64_t seed) : random_(seed) {
    dut_.session_i = static_cast<uint8_t>(seed);
    dut_.hash_i = 0x0123456789abcdef;
    dut_.tick_cycles_i = 128;
  }
  ~End() { dut_.final(); }

  Vdut& dut() { return dut_; }
  uint32_t state() const { return dut_.state_o; }
  uint32_t cause() const { return dut_.cause_o; }

  std::deque<Packet> to_send[2];        ///< of each channel, oldest first
  std::vector<Packet> received[2];      ///< whole ones
  double gives = 1;                     ///< share of cycles in which a head or word is there
  double takes[2] = {1, 1};             ///< share of cycles in which a reader takes a word
  std::array<uint64_t, 5> events = {};  ///< counted
  uint64_t words = 0;                   ///< of payload, received
  uint64_t taken = 0;                   ///< heads taken

  /// The first half of a cycle: what arrives, and what leaves in it.
  Flit Drive(const Flit& arrives) {
    dut_.clk_i = 0;
    dut_.rx_kind_i = static_cast<uint8_t>(arrives.kind);
    SetBytes(&dut_.rx_data_i, arrives.word.data(), 16);
    dut_.head_valid_i = dut_.word_valid_i = dut_.ready_i = 0;
    for (unsigned c = 0; c < 2; ++c) {
      if (!offered_[c]) offered_[c] = Chance(gives);
      if (to_send[c].empty() || !offered_[c]) continue;
      const Packet& packet = to_send[c].front();
      if (!in_words_[c]) {
        dut_.head_valid_i |= 1u << c;
        SetBits(&dut_.head_i, 60 * c, 4, packet.type);
        SetBits(&dut_.head_i, 60 * c + 4, 9, packet.length);
        SetBits(&dut_.head_i, 60 * c + 13, 47, packet.request);
      } else {
        dut_.word_valid_i |= 1u << c;
        SetBytes(reinterpret_cast<char*>(&dut_.word_i) + 16 * c, packet.words[word_[c]].data(), 16);
      }
    }
    for (unsigned c = 0; c < 2; ++c) {
      if (Chance(takes[c])) dut_.ready_i |= 1u << c;
    }
    dut_.eval();
    Flit leaves{dut_.tx_kind_o, {}};
    GetBytes(&dut_.tx_data_o, leaves.word.data(), 16);
    return leaves;
  }
  /// The second half.
  void Edge() {
    for (unsigned i = 0; i < 5; ++i) events[i] += dut_.events_o >> i & 1;
    for (unsigned c = 0; c < 2; ++c) {
      if (!in_words_[c] && (dut_.head_valid_i & dut_.head_ready_o) >> c & 1) {
        ++taken;
        offered_[c] = false;
        in_words_[c] = !to_send[c].front().words.empty();
        word_[c] = 0;
        if (!in_words_[c]) to_send[c].pop_front();
      } else if (in_words_[c] && (dut_.word_valid_i & dut_.word_ready_o) >> c & 1) {
        offered_[c] = false;
        if (++word_[c] == to_send[c].front().words.size()) {
          in_words_[c] = false;
          to_send[c].pop_front();
        }
      }
      if ((dut_.valid_o & dut_.ready_i) >> c & 1) Take(c);
    }
    dut_.clk_i = 1;
    dut_.eval();
  }
  /// As it is after reset: nothing of a packet has been given or taken.
  void Forget() {
    for (unsigned c = 0; c < 2; ++c) {
      to_send[c].clear();
      in_words_[c] = offered_[c] = false;
      left_[c] = 0;
    }
  }

 private:
  bool Chance(double share) {
    return share >= 1 || std::uniform_real_distribution<double>(0, 1)(random_) < share;
  }
  void Take(unsigned c) {
    Word word;
    GetBytes(reinterpret_cast<const Word*>(reinterpret_cast<const char*>(&dut_.data_o) + 16 * c),
             word.data(), 16);
    if (left_[c] == 0) {
      Packet& packet = reading_[c];
      packet.type = static_cast<uint32_t>(GetBits(&word, 32, 4));
      packet.length = static_cast<uint32_t>(GetBits(&word, 72, 9));
      packet.request = GetBits(&word, 81, 47);
      packet.words.clear();
      left_[c] = WordsOf(packet.type, packet.length);
    } else {
      reading_[c].words.push_back(word);
      ++words;
      --left_[c];
    }
    if (left_[c] == 0) received[c].push_back(reading_[c]);
  }

  Vdut dut_;
  std::mt19937_64 random_;
  bool offered_[2] = {};   // the head or word at the front is shown until it is taken
  bool in_words_[2] = {};  // its head was taken
  size_t word_[2] = {};
  uint32_t left_[2] = {};  // words of the packet that is read
  Packet reading_[2];
};

/// Two ends and their wires.
struct Pair {
  explicit Pair(uint32_t delay, uint64_t seed = 1)
      : a(std::make_unique<End>(seed)),
        b(std::make_unique<End>(seed + 1)),
        to_b(delay, seed + 2),
        to_a(delay, seed + 3) {
    for (End* end : {a.get(), b.get()}) {
      end->dut().rst_ni = 0;
      end->dut().enable_i = 1;
    }
    for (int i = 0; i < 3; ++i) Cycle();
    for (End* end : {a.get(), b.get()}) end->dut().rst_ni = 1;
  }

  void Cycle() {
    const Flit from_a = a->Drive(arrives_a), from_b = b->Drive(arrives_b);
    a->Edge();
    b->Edge();
    arrives_b = to_b.Move(from_a);
    arrives_a = to_a.Move(from_b);
    ++cycles;
  }
  /// Cycles until `done` or `most` have gone by; whether it was done.
  template <typename Done>
  bool RunUntil(Done done, uint64_t most) {
    for (uint64_t i = 0; i < most; ++i) {
      if (done()) return true;
      Cycle();
    }
    return done();
  }
  bool ComeUp(uint64_t most = 100000) {
    return RunUntil([&] { return a->state() == 2 && b->state() == 2; }, most);
  }

  std::unique_ptr<End> a, b;
  Wire to_b, to_a;
  Flit arrives_a, arrives_b;
  uint64_t cycles = 0;
};

}  // namespace npugen::link
