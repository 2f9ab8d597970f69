// SPDX-License-Identifier: Apache-2.0
// Adds columns up from the lowest one, always the bits that are there first.
#include "generator/emit/column_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace npugen {
namespace {

/// How long adders take, in units of about two gates.
constexpr double kFullSum = 2.0;
constexpr double kFullCarry = 1.7;
constexpr double kOneSum = 1.5;
constexpr double kOneCarry = 1.0;

}  // namespace

void ColumnTreePlan::Column::Put(TimedBit bit) {
  const auto later = std::upper_bound(
      bits_.begin(), bits_.end(), bit.arrival,
      [](double arrival, const TimedBit& other) { return arrival < other.arrival; });
  bits_.insert(later, std::move(bit));
}

size_t ColumnTreePlan::Column::Together() const {
  size_t count = 0;
  while (count < bits_.size() && bits_[count].arrival <= bits_.front().arrival) ++count;
  return count;
}

std::vector<TreeBit> ColumnTreePlan::Column::Take(size_t count, double& arrival) {
  count = std::min(count, bits_.size());
  std::vector<TreeBit> taken;
  for (size_t i = 0; i < count; ++i) {
    arrival = std::max(arrival, bits_[i].arrival);
    taken.push_back(bits_[i].bit);
  }
  bits_.erase(bits_.begin(), bits_.begin() + static_cast<ptrdiff_t>(count));
  return taken;
}

ColumnTreePlan::ColumnTreePlan(uint32_t width) : open_(width + 1) {
  tree_.width = width;
  tree_.inputs.resize(width + 1);
  tree_.ones.resize(width + 1);
}

void ColumnTreePlan::Add(uint32_t column, TreeBit bit, double arrival) {
  tree_.inputs.at(column).push_back(bit);
  open_.at(column).Put({arrival, std::move(bit)});
}

void ColumnTreePlan::AddConstant(uint64_t number) {
  for (uint32_t k = 0; k < tree_.ones.size(); ++k) tree_.ones[k] = (number >> k & 1) != 0;
}

ColumnTree ColumnTreePlan::Finish() {
  for (uint32_t k = 0; k < tree_.width; ++k) {
    bool one = tree_.ones[k];
    uint32_t number = 0;
    while (one || open_[k].size() > 2) {
      // Adders whose bits arrive together stand side by side.
      size_t count = 1;
      if (!one) {
        count = std::max(count, open_[k].Together() / 3);
        count = std::min(count, (open_[k].size() - 1) / 2);
      }
      double arrival = 0;
      ColumnAdders adders;
      adders.kind = one ? AdderKind::kWithOne : AdderKind::kFull;
      adders.column = k;
      adders.a = open_[k].Take(count, arrival);
      adders.b = open_[k].Take(count, arrival);
      if (!one) adders.c = open_[k].Take(count, arrival);
      adders.a.resize(count);  // beside a one there may be fewer bits
      adders.b.resize(count);
      adders.sum = fmt::format("sum{}_{}", k, number);
      adders.carry = fmt::format("carry{}_{}", k, number);
      ++number;
      adders.arrival = arrival + (one ? kOneSum : kFullSum);
      const double carry_arrival = arrival + (one ? kOneCarry : kFullCarry);
      tree_.latest = std::max(tree_.latest, adders.arrival);
      for (uint32_t i = 0; i < count; ++i) {
        open_[k].Put({adders.arrival, {adders.sum, i}});
        open_[k + 1].Put({carry_arrival, {adders.carry, i}});
      }
      one = false;
      tree_.adders.push_back(std::move(adders));
    }
    double arrival = 0;
    std::vector<TreeBit> rows = open_[k].Take(open_[k].size(), arrival);
    rows.resize(2);
    tree_.first.push_back(rows[0]);
    tree_.second.push_back(rows[1]);
  }
  double arrival = 0;
  tree_.top = open_[tree_.width].Take(open_[tree_.width].size(), arrival);
  return std::move(tree_);
}

ColumnTree ColumnTreePlan::FinishByLevels() {
  const TreeBit one = {"one", 0};
  std::vector<std::vector<TreeBit>> bits(tree_.width + 1);
  std::vector<uint32_t> numbers(tree_.width + 1);  // of adders so far
  size_t highest = 2;
  for (uint32_t k = 0; k <= tree_.width; ++k) {
    double arrival = 0;
    bits[k] = open_[k].Take(open_[k].size(), arrival);
    if (tree_.ones[k]) bits[k].push_back(one);
    highest = std::max(highest, bits[k].size());
  }
  std::vector<size_t> heights = {2};  // that a level of full adders brings to the one before
  while (heights.back() < highest) heights.push_back(heights.back() * 3 / 2);
  heights.pop_back();
  std::reverse(heights.begin(), heights.end());
  uint32_t level = 0;
  for (const size_t height : heights) {
    ++level;
    std::vector<std::vector<TreeBit>> next(tree_.width + 1);
    for (uint32_t k = 0; k < tree_.width; ++k) {
      const size_t above =
          bits[k].size() + next[k].size() > height ? bits[k].size() + next[k].size() - height : 0;
      const auto add = [&](AdderKind kind, size_t count) {
        if (count == 0) return;
        ColumnAdders adders;
        adders.kind = kind;
        adders.column = k;
        adders.level = level;
        adders.arrival = kFullSum * level;
        adders.a = TakeBits(bits[k], count);
        adders.b = TakeBits(bits[k], count);
        if (kind == AdderKind::kFull) adders.c = TakeBits(bits[k], count);
        if (kind == AdderKind::kWithOne) bits[k].pop_back();
        adders.sum = fmt::format("sum{}_{}", k, numbers[k]);
        adders.carry = fmt::format("carry{}_{}", k, numbers[k]);
        ++numbers[k];
        for (uint32_t i = 0; i < count; ++i) {
          next[k].push_back({adders.sum, i});
          next[k + 1].push_back({adders.carry, i});
        }
        tree_.adders.push_back(std::move(adders));
      };
      size_t full = above / 2;
      // The one, which is the last bit of its column, goes into an adder of its own.
      const bool with_one = full > 0 && bits[k].size() > 2 && bits[k].back().vector == one.vector;
      if (with_one) {
        add(AdderKind::kWithOne, 1);
        --full;
      }
      add(AdderKind::kFull, full);
      add(AdderKind::kHalf, above % 2);
      next[k].insert(next[k].begin(), bits[k].begin(), bits[k].end());
      const auto left = std::find_if(next[k].begin(), next[k].end(),
                                     [&](const TreeBit& bit) { return bit.vector == one.vector; });
      if (left != next[k].end()) std::rotate(left, left + 1, next[k].end());
    }
    next[tree_.width].insert(next[tree_.width].end(), bits[tree_.width].begin(),
                             bits[tree_.width].end());
    bits = std::move(next);
  }
  for (uint32_t k = 0; k < tree_.width; ++k) {
    bits[k].resize(2);
    tree_.first.push_back(bits[k][0]);
    tree_.second.push_back(bits[k][1]);
  }
  tree_.top = bits[tree_.width];
  tree_.latest = kFullSum * level;
  return std::move(tree_);
}

void PrintAdders(SvWriter& sv, TreePrinter& printer, const std::vector<ColumnAdders>& all) {
  uint32_t column = ~0u;
  for (const ColumnAdders& adders : all) {
    if (adders.column != column) {
      column = adders.column;
      sv.Blank();
      sv.Comment(fmt::format("Weight 2^{}", column));
    }
    const uint32_t width = static_cast<uint32_t>(adders.a.size());
    printer.Declare(adders.sum, width);
    printer.Declare(adders.carry, width);
    const std::string a = printer.Bits(adders.a);
    const std::string b = printer.Bits(adders.b);
    if (adders.kind == AdderKind::kHalf) {
      printer.Assign(adders.sum, fmt::format("{} ^ {}", a, b));
      printer.Assign(adders.carry, fmt::format("{} & {}", a, b));
      continue;
    }
    if (adders.kind == AdderKind::kWithOne) {
      printer.Assign(adders.sum, fmt::format("{} ~^ {}", a, b));
      printer.Assign(adders.carry, fmt::format("{} | {}", a, b));
      continue;
    }
    printer.Instance(
        fmt::format("npu_full_adder {}add_{}",
                    width == 1 ? "" : fmt::format("#(.Width({})) ", width), adders.sum),
        {fmt::format(".a_i({})", a), fmt::format(".b_i({})", b),
         fmt::format(".c_i({})", printer.Bits(adders.c)), fmt::format(".sum_o({})", adders.sum),
         fmt::format(".carry_o({})", adders.carry)});
  }
}

}  // namespace npugen
