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
