// SPDX-License-Identifier: Apache-2.0
// One end of a link in C++, written from docs/machine.md, section 7.
#include "verif/sim/link_model.h"

#include <algorithm>
#include <utility>

namespace npugen::link {
namespace {

constexpr uint32_t kTries = 16, kSilentTicks = 64, kOpenTicks = 4, kUnarmedTicks = 2;
constexpr uint32_t kCreditMask = 1023, kMostCredits = 511, kPause = 7;

bool IsPacket(uint32_t type) { return type <= kReduce || type == kData; }
uint32_t ChannelOf(uint32_t type) { return type == kData ? 1 : 0; }

}  // namespace

uint32_t WordsOf(uint32_t type, uint32_t length) {
  const bool carries = type == kWrite || type == kReduce || type == kData;
  return carries ? (length + 15) / 16 : 0;
}

uint64_t GetField(const Word& word, uint32_t low, uint32_t width) {
  uint64_t value = 0;
  for (uint32_t i = 0; i < width; ++i) {
    value |= uint64_t{word[(low + i) / 32] >> (low + i) % 32 & 1} << i;
  }
  return value;
}

void SetField(Word& word, uint32_t low, uint32_t width, uint64_t value) {
  for (uint32_t i = 0; i < width; ++i) {
    uint32_t& part = word[(low + i) / 32];
    const uint32_t bit = 1u << (low + i) % 32;
    part = (value >> i & 1) != 0 ? part | bit : part & ~bit;
  }
}

uint32_t PacketCrc(std::span<const Word> payload, Word header) {
  header[0] = 0;
  uint32_t crc = ~0u;
  const auto take = [&crc](const Word& word) {
    for (const uint32_t part : word) {
      for (uint32_t i = 0; i < 32; ++i) {
        const bool feeds = ((crc ^ part >> i) & 1) != 0;
        crc = crc >> 1 ^ (feeds ? 0x82F63B78u : 0);
      }
    }
  };
  for (const Word& word : payload) take(word);
  take(header);
  return ~crc;
}

void LinkModel::Start() {
  state_ = LinkState::kStarting;
  for (uint32_t& granted : granted_) granted = options_.buffer_words;
  init_due_ = true;
}

void LinkModel::Down(LinkCause cause) {
  state_ = LinkState::kDown;
  cause_ = cause;
}

std::optional<Packet> LinkModel::Take(uint32_t channel) {
  if (arrived_[channel].empty()) return std::nullopt;
  Packet packet = std::move(arrived_[channel].front());
  arrived_[channel].pop_front();
  const auto words = static_cast<uint32_t>(packet.words.size()) + 1;
  held_[channel] -= words;
  granted_[channel] = (granted_[channel] + words) & kCreditMask;
  return packet;
}

Flit LinkModel::Cycle(const Flit& arrives) {
  if (state_ == LinkState::kDown) return {};
  Receive(arrives);
  if (++cycle_ == options_.tick) {
    cycle_ = 0;
    Tick();
  }
  return state_ == LinkState::kDown ? Flit{} : Send();
}

void LinkModel::Tick() {
  if (state_ == LinkState::kStarting) init_due_ = true;
  if (state_ != LinkState::kUp) return;
  if (++silent_ == kSilentTicks) return Down(LinkCause::kSilence);
  if (quiet_) ack_due_ = true;
  quiet_ = true;
  if (!armed_ && ++unarmed_ticks_ == kUnarmedTicks) armed_ = true;
  if (sent_ == 0)
    open_ticks_ = 0;
  else if (++open_ticks_ == kOpenTicks)
    GoBack();
}

bool LinkModel::IsGood(const Word& header) const {
  if (PacketCrc(payload_, header) != header[0]) return false;
  const auto type = static_cast<uint32_t>(GetField(header, 32, 4));
  const auto length = static_cast<uint32_t>(GetField(header, 72, 9));
  if (type == kAck || type == kNak || type == kInit) return payload_.empty();
  if (!IsPacket(type) || length > options_.payload) return false;
  const uint32_t words = WordsOf(type, length);
  if ((type & 1) != 0 && words == 0) return false;
  const uint32_t channel = ChannelOf(type);
  if (payload_.size() != words || std::any_of(kinds_.begin(), kinds_.end(),
                                              [&](uint32_t kind) { return kind != channel + 1; })) {
    return false;
  }
  // A word that waits at its reader has been taken out.
  const uint32_t room = options_.buffer_words + (held_[channel] > 0 ? 1 : 0) - held_[channel];
  return state_ != LinkState::kUp || GetField(header, 36, 8) != expected_ || words + 1 <= room;
}

void LinkModel::Receive(const Flit& flit) {
  if (flit.kind == 1 || flit.kind == 2) {
    if (payload_.size() < 40) {  // more than any packet has
      payload_.push_back(flit.word);
      kinds_.push_back(flit.kind);
    }
  } else if (flit.kind == 3) {
    const auto type = static_cast<uint32_t>(GetField(flit.word, 32, 4));
    if (!IsGood(flit.word)) {
      ++bad_;
      if (state_ == LinkState::kUp) WantNak(false);
    } else if (type == kInit) {
      silent_ = 0;
      ReceiveInit(flit.word);
    } else if (state_ == LinkState::kUp) {
      silent_ = 0;
      ReceiveTold(flit.word, type);
      if (IsPacket(type) && state_ == LinkState::kUp) ReceivePacket(flit.word, type);
    }
    payload_.clear();
    kinds_.clear();
  }
}

void LinkModel::ReceivePacket(const Word& header, uint32_t type) {
  const auto ahead = static_cast<uint8_t>(GetField(header, 36, 8) - expected_);
  if (ahead == 0) {
    const uint32_t channel = ChannelOf(type);
    arrived_[channel].push_back(
        {type, static_cast<uint32_t>(GetField(header, 72, 9)), GetField(header, 81, 47), payload_});
    held_[channel] += static_cast<uint32_t>(payload_.size()) + 1;
    ++expected_;
    armed_ = true;
    last_ahead_.reset();
    return;
  }
  ++dropped_;
  if (ahead >= 128) {
    ack_due_ = true;
    return;
  }
  const bool gone_back = last_ahead_ && ahead <= *last_ahead_;
  last_ahead_ = ahead;
  WantNak(gone_back);
}

void LinkModel::WantNak(bool gone_back) {
  if (!armed_ && !gone_back) return;
  nak_due_ = true;
  armed_ = false;
  unarmed_ticks_ = 0;
}

void LinkModel::ReceiveTold(const Word& header, uint32_t type) {
  const auto forward = static_cast<uint8_t>(GetField(header, 44, 8) - base_);
  if (forward > 0 && forward <= sent_) {
    base_ = static_cast<uint8_t>(base_ + forward);
    kept_.erase(kept_.begin(), kept_.begin() + forward);
    sent_ -= forward;
    next_ = next_ < forward ? 0 : next_ - forward;
    tries_ = open_ticks_ = 0;
  }
  for (uint32_t c = 0; c < 2; ++c) {
    const auto told = static_cast<uint32_t>(GetField(header, 52 + 10 * c, 10));
    const uint32_t room = (told - used_[c]) & kCreditMask;
    if (room <= kMostCredits && room > ((limit_[c] - used_[c]) & kCreditMask)) limit_[c] = told;
  }
  if (type == kNak && sent_ > 0) GoBack();
}

void LinkModel::GoBack() {
  open_ticks_ = 0;
  if (++tries_ == kTries) return Down(LinkCause::kTries);
  go_back_ = true;
}

void LinkModel::ReceiveInit(const Word& header) {
  const auto session = static_cast<uint8_t>(GetField(header, 36, 8));
  const bool echoes = GetField(header, 52, 1) != 0 && GetField(header, 44, 8) == options_.session;
  const uint64_t hash = header[2] | uint64_t{header[3]} << 32;
  if (state_ == LinkState::kStarting) {
    peer_session_ = session;
    peer_known_ = true;
    init_due_ = true;
    if (hash != options_.hash) return Down(LinkCause::kHash);
    if (echoes) state_ = LinkState::kUp;
  } else if (session != peer_session_ || !echoes) {
    Down(LinkCause::kReset);
  } else if (GetField(header, 53, 1) == 0) {
    init_due_ = true;
  }
}

Word LinkModel::InitWord() const {
  Word word = {};
  SetField(word, 32, 4, kInit);
  SetField(word, 36, 8, options_.session);
  SetField(word, 44, 8, peer_session_);
  SetField(word, 52, 1, peer_known_ ? 1 : 0);
  SetField(word, 53, 1, state_ == LinkState::kUp ? 1 : 0);
  word[2] = static_cast<uint32_t>(options_.hash);
  word[3] = static_cast<uint32_t>(options_.hash >> 32);
  return word;
}

Word LinkModel::Told(uint32_t type) {
  Word word = {};
  SetField(word, 44, 8, expected_);
  SetField(word, 52, 10, granted_[0]);
  SetField(word, 62, 10, granted_[1]);
  told_ = word;
  quiet_ = ack_due_ = false;
  pause_ = 0;
  SetField(word, 32, 4, type);
  return word;
}

Flit LinkModel::Send() {
  const auto header = [](std::span<const Word> payload, Word word) {
    word[0] = PacketCrc(payload, word);
    return Flit{3, word};
  };
  pause_ = std::min(pause_ + 1, kPause + 1);
  if (!sending_) {
    if (std::exchange(init_due_, false)) return header({}, InitWord());
    if (state_ != LinkState::kUp) return {};
    if (std::exchange(nak_due_, false)) return header({}, Told(kNak));
    if (std::exchange(go_back_, false)) next_ = 0;
    // A new packet, of the channels in turn.
    for (uint32_t i = 0; i < 2 && next_ == kept_.size() && kept_.size() < options_.replay; ++i) {
      const uint32_t c = (turn_ + i) % 2;
      if (waiting_[c].empty()) continue;
      const auto cost = static_cast<uint32_t>(waiting_[c].front().words.size()) + 1;
      if (cost > ((limit_[c] - used_[c]) & kCreditMask)) continue;
      used_[c] = (used_[c] + cost) & kCreditMask;
      kept_.push_back(std::move(waiting_[c].front()));
      waiting_[c].pop_front();
      turn_ = 1 - c;
    }
    if (next_ < kept_.size()) {
      sending_ = kept_[next_];
      number_ = static_cast<uint8_t>(base_ + next_);
      word_ = 0;
    }
  }
  if (sending_) {
    const Packet packet = *sending_;
    if (word_ < packet.words.size()) {
      return {ChannelOf(packet.type) + 1, packet.words[word_++]};
    }
    Word word = Told(packet.type);
    SetField(word, 36, 8, number_);
    SetField(word, 72, 9, packet.length);
    SetField(word, 81, 47, packet.request);
    // It may have been acknowledged while it was sent again.
    const uint32_t place = static_cast<uint8_t>(number_ - base_);
    if (place < kept_.size()) {
      resent_ += place < sent_ ? 1 : 0;
      next_ = place + 1;
      sent_ = std::max(sent_, next_);
    }
    sending_.reset();
    return header(packet.words, word);
  }
  Word news = {};
  SetField(news, 44, 8, expected_);
  SetField(news, 52, 10, granted_[0]);
  SetField(news, 62, 10, granted_[1]);
  if (pause_ > kPause && (ack_due_ || news != told_)) return header({}, Told(kAck));
  return {};
}

}  // namespace npugen::link
