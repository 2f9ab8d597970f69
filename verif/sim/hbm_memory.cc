// SPDX-License-Identifier: Apache-2.0
// Channels of HBM: the commands of a tick, from tick to tick in which there may be one.
#include "verif/sim/hbm_memory.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace npugen {
namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

}  // namespace

HbmChannel::HbmChannel(const HbmSheet& sheet, uint32_t queue)
    : rules_(sheet), bank_groups_(sheet.bank_groups), banks_(sheet.banks), queue_(queue) {
  for (PseudoChannel& channel : pseudo_channels_) {
    channel.banks.resize(sheet.stacks * sheet.bank_groups * sheet.banks);
    channel.groups.resize(sheet.stacks * sheet.bank_groups);
    channel.stack_read.assign(sheet.stacks, 0);
    channel.activates.fill(-rules_.four_activates);
    channel.refresh_due = rules_.refresh_interval;
  }
}

void HbmChannel::Push(bool write, const HbmPlace& place, uint32_t token) {
  const uint32_t group = place.stack * bank_groups_ + place.bank_group;
  (write ? writes_ : reads_).push_back({place, group * banks_ + place.bank, group, token});
}

void HbmChannel::AdvanceTo(int64_t tick) {
  while (now_ < tick) now_ = std::min(tick, Step());
}

bool HbmChannel::PopRead(uint32_t* token) {
  if (answers_.empty() || answers_.front().tick > now_) return false;
  *token = answers_.front().token;
  answers_.pop_front();
  return true;
}

int64_t HbmChannel::Step() {
  // Writes wait for one another: turning the data bus costs more than a row.
  if (write_mode_) {
    if (writes_.empty() || (writes_.size() * 5 <= queue_ && !reads_.empty())) write_mode_ = false;
  } else if (writes_.size() * 5 >= queue_ * 4 || (reads_.empty() && !writes_.empty())) {
    write_mode_ = true;
  }
  std::vector<Request>& queue = write_mode_ ? writes_ : reads_;
  int64_t next = kNever;
  const bool row_busy = row_free_ > now_;
  if (row_busy) next = row_free_;
  const bool refreshed = Refresh(&next);
  const bool column = Column(&queue, &next);
  const bool row = !row_busy && !refreshed && Row(&queue, &next);
  return refreshed || column || row ? now_ + 1 : next;
}

bool HbmChannel::Refresh(int64_t* next) {
  bool issued = row_free_ > now_;
  const bool busy = issued;
  for (uint32_t index = 0; index < pseudo_channels_.size(); ++index) {
    PseudoChannel& channel = pseudo_channels_[index];
    if (now_ < channel.refresh_due) {
      *next = std::min(*next, channel.refresh_due);
      continue;
    }
    channel.refreshing = true;
    if (issued) continue;
    int64_t ready = 0;
    bool open = false;
    for (const Bank& bank : channel.banks) {
      open |= bank.row >= 0;
      ready = std::max(ready, bank.row >= 0 ? bank.precharge : bank.activate);
    }
    if (now_ < ready) {
      *next = std::min(*next, ready);
      continue;
    }
    for (Bank& bank : channel.banks) {
      if (open && bank.row < 0) continue;
      bank.row = -1;
      bank.activate =
          std::max(bank.activate, now_ + (open ? rules_.precharge_to_activate : rules_.refresh));
    }
    if (!open) {
      channel.refresh_due += rules_.refresh_interval;
      channel.refreshing = false;
      ++counts_.refreshes;
    }
    See(open ? HbmCommand::kPrechargeAll : HbmCommand::kRefresh, {0, index, 0, 0, 0, 0});
    issued = true;
  }
  return issued && !busy;
}

bool HbmChannel::Column(std::vector<Request>* queue, int64_t* next) {
  if (column_free_ > now_) {
    *next = std::min(*next, column_free_);
    return false;
  }
  for (size_t i = 0; i < queue->size(); ++i) {
    const Request request = (*queue)[i];
    PseudoChannel& channel = pseudo_channels_[request.place.pseudo_channel];
    Bank& bank = channel.banks[request.bank];
    Group& group = channel.groups[request.group];
    if (bank.row != request.place.row) continue;
    const int64_t ready = write_mode_ ? std::max({bank.write, group.write, channel.write})
                                      : std::max({bank.read, group.read, channel.read,
                                                  channel.stack_read[request.place.stack]});
    if (now_ < ready) {
      *next = std::min(*next, ready);
      continue;
    }
    const auto later = [this](int64_t* time, int64_t distance) {
      *time = std::max(*time, now_ + distance);
    };
    if (write_mode_) {
      later(&channel.write, rules_.write_to_write_s);
      later(&group.write, rules_.write_to_write_l);
      later(&channel.read, rules_.write_to_read_s);
      later(&group.read, rules_.write_to_read_l);
      later(&bank.precharge, rules_.write_to_precharge);
      ++counts_.writes;
    } else {
      later(&channel.read, rules_.read_to_read_s);
      later(&group.read, rules_.read_to_read_l);
      for (uint32_t stack = 0; stack < channel.stack_read.size(); ++stack) {
        if (stack != request.place.stack)
          later(&channel.stack_read[stack], rules_.read_to_read_stack);
      }
      later(&channel.write, rules_.read_to_write);
      later(&bank.precharge, rules_.read_to_precharge);
      answers_.push_back({now_ + rules_.read_latency + rules_.burst, request.token});
      ++counts_.reads;
    }
    See(write_mode_ ? HbmCommand::kWrite : HbmCommand::kRead, request.place);
    queue->erase(queue->begin() + static_cast<std::ptrdiff_t>(i));
    column_free_ = now_ + rules_.column_bus;
    return true;
  }
  return false;
}

bool HbmChannel::WantedEarlier(const std::vector<Request>& queue, size_t index) const {
  const Request& request = queue[index];
  const int64_t row = pseudo_channels_[request.place.pseudo_channel].banks[request.bank].row;
  return std::any_of(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(index),
                     [&](const Request& other) {
                       return other.bank == request.bank && other.place.row == row &&
                              other.place.pseudo_channel == request.place.pseudo_channel;
                     });
}

void HbmChannel::Activate(PseudoChannel* channel, const Request& request) {
  Bank& bank = channel->banks[request.bank];
  bank.row = request.place.row;
  bank.read = std::max(bank.read, now_ + rules_.activate_to_read);
  bank.write = std::max(bank.write, now_ + rules_.activate_to_write);
  bank.precharge = std::max(bank.precharge, now_ + rules_.activate_to_precharge);
  bank.activate = now_ + rules_.activate_to_activate;
  channel->groups[request.group].activate = now_ + rules_.activate_to_other_l;
  channel->activate = now_ + rules_.activate_to_other_s;
  channel->activates[channel->oldest] = now_;
  channel->oldest = (channel->oldest + 1) % channel->activates.size();
  row_free_ = now_ + rules_.activate_bus;
  ++counts_.activates;
  See(HbmCommand::kActivate, request.place);
}

bool HbmChannel::Row(std::vector<Request>* queue, int64_t* next) {
  for (size_t i = 0; i < queue->size(); ++i) {
    const Request& request = (*queue)[i];
    PseudoChannel& channel = pseudo_channels_[request.place.pseudo_channel];
    if (channel.refreshing) continue;
    Bank& bank = channel.banks[request.bank];
    if (bank.row == request.place.row) continue;
    const bool open = bank.row >= 0;
    const int64_t ready =
        open ? bank.precharge
             : std::max({bank.activate, channel.groups[request.group].activate, channel.activate,
                         channel.activates[channel.oldest] + rules_.four_activates});
    if (now_ < ready) {
      *next = std::min(*next, ready);
      continue;
    }
    if (!open) {
      Activate(&channel, request);
      return true;
    }
    if (WantedEarlier(*queue, i)) continue;
    bank.row = -1;
    bank.activate = std::max(bank.activate, now_ + rules_.precharge_to_activate);
    row_free_ = now_ + 1;
    ++counts_.precharges;
    See(HbmCommand::kPrecharge, request.place);
    return true;
  }
  return false;
}

std::string CheckHbmOptions(const HbmOptions& options) {
  if (options.channels < 1 || options.channels > 16 || !std::has_single_bit(options.channels))
    return "channels of HBM must be 1, 2, 4, 8 or 16";
  if (options.queue < 5 || options.queue > 1024)
    return "the controller's queue must have 5 to 1024 places";
  std::string letters = options.map;
  if (!letters.empty() && (letters.back() == 'x' || letters.back() == 'y')) letters.pop_back();
  std::string sorted;
  for (const char letter : letters) {
    if (letter != 'c') sorted += letter;
  }
  std::sort(sorted.begin(), sorted.end());
  if (sorted != "Cbghprs" || letters.back() != 'r' ||
      std::count(letters.begin(), letters.end(), 'c') > 5)
    return "a map of HBM has each of C, h, p, g, b and s once, up to five c, r last, and then x, y "
           "or nothing";
  return "";
}

HbmMemory::HbmMemory(const HbmSheet& sheet, const HbmOptions& options, double cycle_fs)
    : sheet_(sheet),
      options_(options),
      ticks_per_cycle_(cycle_fs / HbmRules(sheet).tick_fs),
      channels_(options.channels, HbmChannel(sheet, options.queue)) {}

HbmPlace HbmMemory::Place(uint64_t address) const {
  uint64_t rest = address / kGranuleBytes;
  const auto take = [&rest](uint32_t values) {
    const uint32_t taken = static_cast<uint32_t>(rest % values);
    rest /= values;
    return taken;
  };
  HbmPlace place = {};
  const auto column_bits = std::count(options_.map.begin(), options_.map.end(), 'c');
  const uint32_t column_values = sheet_.columns >> column_bits;
  for (const char letter : options_.map) {
    switch (letter) {
      case 'c':
        take(2);
        break;
      case 'C':
        take(column_values);
        break;
      case 'h':
        place.channel = take(options_.channels);
        break;
      case 'p':
        place.pseudo_channel = take(2);
        break;
      case 'g':
        place.bank_group = take(sheet_.bank_groups);
        break;
      case 'b':
        place.bank = take(sheet_.banks);
        break;
      case 's':
        place.stack = take(sheet_.stacks);
        break;
      case 'r':
        place.row = take(sheet_.rows);
        break;
      default:
        break;
    }
  }
  uint32_t folded = 0;
  if (options_.map.back() == 'x') folded = place.row;
  if (options_.map.back() == 'y') {
    for (uint32_t row = place.row; row != 0; row /= sheet_.bank_groups * sheet_.banks)
      folded ^= row % (sheet_.bank_groups * sheet_.banks);
  }
  place.bank_group ^= folded % sheet_.bank_groups;
  place.bank ^= folded / sheet_.bank_groups % sheet_.banks;
  return place;
}

bool HbmMemory::Push(bool write, uint64_t address, uint32_t token) {
  const HbmPlace place = Place(address);
  HbmChannel& channel = channels_[place.channel];
  if (channel.Full(write)) return false;
  channel.Push(write, place, token);
  return true;
}

void HbmMemory::AdvanceTo(uint64_t cycle) {
  const auto tick = static_cast<int64_t>(static_cast<double>(cycle) * ticks_per_cycle_);
  for (HbmChannel& channel : channels_) channel.AdvanceTo(tick);
}

bool HbmMemory::PopRead(uint32_t* token) {
  for (uint32_t i = 0; i < channels_.size(); ++i) {
    if (channels_[(next_ + i) % channels_.size()].PopRead(token)) {
      next_ = (next_ + i) % static_cast<uint32_t>(channels_.size());
      return true;
    }
  }
  return false;
}

bool HbmMemory::idle() const {
  return std::all_of(channels_.begin(), channels_.end(),
                     [](const HbmChannel& channel) { return channel.idle(); });
}

HbmCounts HbmMemory::counts() const {
  HbmCounts sum;
  for (const HbmChannel& channel : channels_) {
    sum.reads += channel.counts().reads;
    sum.writes += channel.counts().writes;
    sum.activates += channel.counts().activates;
    sum.precharges += channel.counts().precharges;
    sum.refreshes += channel.counts().refreshes;
  }
  return sum;
}

}  // namespace npugen
