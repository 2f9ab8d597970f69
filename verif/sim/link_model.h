// SPDX-License-Identifier: Apache-2.0
// One end of a link in C++, written from docs/machine.md, section 7: what the RTL is compared with,
// and its neighbour in benches. Times are not those of the RTL, only their order is.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace npugen::link {

/// A word of a wire, bits 31..0 first.
using Word = std::array<uint32_t, 4>;

/// What moves over a wire in a cycle: kind 0 nothing, 1 and 2 payload of channel 0 and 1, 3 header.
struct Flit {
  uint32_t kind = 0;
  Word word = {};
  bool operator==(const Flit&) const = default;
};

inline constexpr uint32_t kSignal = 0, kWrite = 1, kRead = 2, kReduce = 3, kData = 5;
inline constexpr uint32_t kAck = 8, kNak = 9, kInit = 10;

struct Packet {
  uint32_t type = kWrite;
  uint32_t length = 0;   ///< bytes, 0..256
  uint64_t request = 0;  ///< 47 bits
  std::vector<Word> words;
  bool operator==(const Packet&) const = default;
};

/// Payload words of a packet.
uint32_t WordsOf(uint32_t type, uint32_t length);

/// `width` (1..57) bits of a word from bit `low` on.
uint64_t GetField(const Word& word, uint32_t low, uint32_t width);
void SetField(Word& word, uint32_t low, uint32_t width, uint64_t value);

/// The CRC of a packet, of the header without its own CRC field.
uint32_t PacketCrc(std::span<const Word> payload, Word header);

enum class LinkState : uint32_t { kOff, kStarting, kUp, kDown };
enum class LinkCause : uint32_t { kNone, kTries, kSilence, kReset, kHash };

struct LinkOptions {
  uint8_t session = 1;
  uint64_t hash = 0;
  uint32_t tick = 128;          ///< cycles
  uint32_t buffer_words = 136;  ///< of each channel
  uint32_t replay = 32;         ///< packets
  uint32_t payload = 256;       ///< bytes of a packet, at most
};

/// An end that is enabled from the start.
class LinkModel {
 public:
  explicit LinkModel(const LinkOptions& options) : options_(options) { Start(); }

  /// A cycle: takes what arrives, gives what leaves.
  Flit Cycle(const Flit& arrives);
  /// A packet to be sent, behind those of its channel.
  void Send(Packet packet) { waiting_[packet.type == kData ? 1 : 0].push_back(std::move(packet)); }
  /// Of the packets that have arrived on a channel, the oldest one: it leaves the buffer.
  std::optional<Packet> Take(uint32_t channel);

  LinkState state() const { return state_; }
  LinkCause cause() const { return cause_; }
  uint8_t expected() const { return expected_; }  ///< number of the packet that comes next
  uint64_t bad() const { return bad_; }           ///< bad packets
  uint64_t dropped() const { return dropped_; }   ///< good ones that were not the expected one
  uint64_t resent() const { return resent_; }

 private:
  void Start();
  void Down(LinkCause cause);
  void Receive(const Flit& flit);
  void ReceivePacket(const Word& header, uint32_t type);
  void ReceiveTold(const Word& header, uint32_t type);
  void ReceiveInit(const Word& header);
  /// The header as a packet: whether it is good.
  bool IsGood(const Word& header) const;
  void WantNak(bool gone_back);
  void GoBack();
  Flit Send();
  Word Told(uint32_t type);
  Word InitWord() const;
  void Tick();

  LinkOptions options_;
  LinkState state_ = LinkState::kStarting;
  LinkCause cause_ = LinkCause::kNone;
  uint64_t bad_ = 0, dropped_ = 0, resent_ = 0;
  uint32_t cycle_ = 0, silent_ = 0;
  bool init_due_ = false, peer_known_ = false;
  uint8_t peer_session_ = 0;

  // Receiver.
  std::vector<Word> payload_;    // words since the last header
  std::vector<uint32_t> kinds_;  // their kinds
  std::deque<Packet> arrived_[2];
  uint32_t held_[2] = {};     // words of them
  uint32_t granted_[2] = {};  // modulo 1024
  uint8_t expected_ = 0;
  bool armed_ = true;
  uint32_t unarmed_ticks_ = 0;
  std::optional<uint32_t> last_ahead_;

  // Sender.
  std::deque<Packet> waiting_[2];
  std::deque<Packet> kept_;        // from number base_ on
  uint8_t base_ = 0;               // the oldest that is not acknowledged
  uint32_t next_ = 0;              // of kept_, to be sent next
  uint32_t sent_ = 0;              // of kept_, ever sent to the end
  std::optional<Packet> sending_;  // once begun, it is sent to its end
  uint8_t number_ = 0;             // its number
  uint32_t word_ = 0;              // its next word
  bool go_back_ = false, nak_due_ = false, ack_due_ = false, quiet_ = false;
  uint32_t used_[2] = {}, limit_[2] = {};  // modulo 1024
  uint32_t tries_ = 0, open_ticks_ = 0, pause_ = 7, turn_ = 0;
  Word told_ = {};  // of the last header, fields that are news
};

}  // namespace npugen::link
