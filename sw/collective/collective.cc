// SPDX-License-Identifier: Apache-2.0
// Which piece goes to which neighbour.
#include "sw/collective/collective.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

namespace npugen {
namespace {

uint64_t Coordinate(const Collective& collective, uint64_t chip, uint32_t axis) {
  for (uint32_t a = 0; a < axis; ++a) chip /= collective.rings[a];
  return chip % collective.rings[axis];
}

uint32_t Neighbour(const Collective& collective, uint32_t chip, uint32_t axis, int32_t direction) {
  uint64_t stride = 1;
  for (uint32_t a = 0; a < axis; ++a) stride *= collective.rings[a];
  const uint64_t ring = collective.rings[axis];
  const uint64_t here = Coordinate(collective, chip, axis);
  const uint64_t there = (here + (direction > 0 ? 1 : ring - 1)) % ring;
  return static_cast<uint32_t>(chip - here * stride + there * stride);
}

/// The axes that have rings.
std::vector<uint32_t> LongAxes(const Collective& collective) {
  std::vector<uint32_t> axes;
  for (uint32_t a = 0; a < collective.rings.size(); ++a) {
    if (collective.rings[a] > 1) axes.push_back(a);
  }
  return axes;
}

/// The way of one part: its elements, its direction, and the axes in the order of their turns.
struct PartWay {
  uint32_t number;
  ElementRange elements;
  int32_t direction;
  std::vector<uint32_t> axes;
};

uint32_t StartingAxes(const Collective& collective) {
  const size_t axes = LongAxes(collective).size();
  return collective.all_axes_at_once && axes > 1 ? static_cast<uint32_t>(axes) : 1;
}

std::vector<PartWay> WaysOf(const Collective& collective) {
  std::vector<PartWay> ways;
  const std::vector<uint32_t> axes = LongAxes(collective);
  const std::vector<ElementRange> parts = PartsOf(collective);
  for (uint32_t p = 0; p < parts.size(); ++p) {
    std::vector<uint32_t> order = axes;
    std::rotate(order.begin(),
                order.begin() + (order.empty() ? 0 : p / collective.ways % order.size()),
                order.end());
    ways.push_back({p, parts[p], p % collective.ways == 0 ? 1 : -1, std::move(order)});
  }
  return ways;
}

/// Writes the sends of one chip in one part.
class PartWriter {
 public:
  PartWriter(const Collective& collective, const PartWay& way, uint32_t chip,
             std::vector<Send>* sends)
      : collective_(collective), way_(way), chip_(chip), sends_(sends) {}

  /// The ranges that the chip holds after each turn of a reduce-scatter, the whole part first.
  std::vector<ElementRange> Nested() const {
    std::vector<ElementRange> nested = {way_.elements};
    for (const uint32_t axis : way_.axes) {
      nested.push_back(PieceOf(nested.back(), collective_.rings[axis],
                               Coordinate(collective_, chip_, axis), collective_.element_bytes));
    }
    return nested;
  }

  void ReduceScatter() {
    const std::vector<ElementRange> nested = Nested();
    for (size_t turn = 0; turn < way_.axes.size(); ++turn) {
      Round(way_.axes[turn], nested[turn], /*reduce=*/true, /*asks=*/true);
    }
  }

  /// The turns of the reduce-scatter backwards. `continues`: the first one goes on round the ring
  /// of the last one of a reduce-scatter, whose neighbour has been heard already.
  void AllGather(bool continues) {
    const std::vector<ElementRange> nested = Nested();
    for (size_t turn = way_.axes.size(); turn-- > 0;) {
      const bool first = turn + 1 == way_.axes.size();
      Round(way_.axes[turn], nested[turn], /*reduce=*/false, /*asks=*/!(first && continues));
    }
  }

  /// Along the first axis on the root's ring, along the next one from all of its chips, and so on.
  void Broadcast() {
    for (size_t turn = 0; turn < way_.axes.size(); ++turn) {
      const uint32_t axis = way_.axes[turn];
      const uint64_t ring = collective_.rings[axis];
      const uint64_t pieces = collective_.pieces != 0 ? collective_.pieces : ring;
      bool reached = true;
      for (size_t later = turn + 1; later < way_.axes.size(); ++later) {
        reached = reached && Here(way_.axes[later]) == Root(way_.axes[later]);
      }
      const uint64_t distance = way_.direction > 0 ? (Here(axis) + ring - Root(axis)) % ring
                                                   : (Root(axis) + ring - Here(axis)) % ring;
      BeginRound(/*asks=*/true);
      if (reached && distance + 1 < ring) {
        for (uint64_t piece = 0; piece < pieces; ++piece) {
          Add(axis, distance + piece,
              PieceOf(way_.elements, pieces, piece, collective_.element_bytes), false);
        }
      }
      step_ += ring - 2 + pieces;
    }
  }

 private:
  uint64_t Here(uint32_t axis) const { return Coordinate(collective_, chip_, axis); }
  uint64_t Root(uint32_t axis) const { return Coordinate(collective_, collective_.root, axis); }

  void BeginRound(bool asks) {
    round_ = step_;
    asks_ = asks;
  }

  /// Once round a ring: in each step a piece goes on, and the one behind it comes.
  void Round(uint32_t axis, const ElementRange& whole, bool reduce, bool asks) {
    BeginRound(asks);
    const uint64_t ring = collective_.rings[axis];
    const uint64_t here = Here(axis);
    for (uint64_t s = 0; s + 1 < ring; ++s) {
      // A chip's own piece arrives last when sums are made, and leaves first when they are spread.
      const uint64_t behind = s + (reduce ? 1 : 0);
      const uint64_t piece =
          way_.direction > 0 ? (here + ring - behind) % ring : (here + behind) % ring;
      Add(axis, s, PieceOf(whole, ring, piece, collective_.element_bytes), reduce);
    }
    step_ += ring - 1;
  }

  void Add(uint32_t axis, uint64_t step, const ElementRange& elements, bool reduce) {
    if (elements.size() == 0) return;
    sends_->push_back({way_.number, static_cast<uint32_t>(step_ + step), axis, way_.direction,
                       chip_, Neighbour(collective_, chip_, axis, way_.direction), elements, reduce,
                       static_cast<uint32_t>(round_), asks_});
    asks_ = false;
  }

  const Collective& collective_;
  const PartWay& way_;
  const uint32_t chip_;
  std::vector<Send>* sends_;
  uint64_t step_ = 0;
  uint64_t round_ = 0;
  bool asks_ = false;  ///< the next send is the first of its round
};

Diagnostic Refusal(std::string message, std::string hint) {
  return {DiagnosticCode::kCollective, SourceLocation(), std::move(message), std::move(hint)};
}

}  // namespace

std::string_view CollectiveName(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kReduceScatter:
      return "reduce-scatter";
    case CollectiveKind::kAllGather:
      return "all-gather";
    case CollectiveKind::kAllReduce:
      return "all-reduce";
    case CollectiveKind::kBroadcast:
      return "broadcast";
  }
  return "";
}

uint64_t Collective::chips() const {
  uint64_t chips = 1;
  for (const uint32_t ring : rings) chips *= ring;
  return chips;
}

Status CheckCollective(const Collective& collective) {
  uint64_t chips = 1;
  if (collective.rings.empty()) return Refusal("a collective without chips", "one ring at least");
  for (const uint32_t ring : collective.rings) {
    if (ring == 0 || ring > kMostCollectiveChips / chips) {
      return Refusal(
          fmt::format("a ring of {} chips among {}", ring, fmt::join(collective.rings, " x ")),
          fmt::format("1 to {} chips in all", kMostCollectiveChips));
    }
    chips *= ring;
  }
  const uint32_t bytes = collective.element_bytes;
  if (!std::has_single_bit(bytes) || bytes > kPieceBytes) {
    return Refusal(fmt::format("elements of {} bytes", bytes), "1, 2, 4, 8 or 16 bytes");
  }
  if (collective.elements >= (uint64_t{1} << kCollectiveByteBits) / bytes) {
    return Refusal(fmt::format("{} elements of {} bytes", collective.elements, bytes),
                   fmt::format("less than 2^{} bytes", kCollectiveByteBits));
  }
  if (collective.ways != 1 && collective.ways != 2) {
    return Refusal(fmt::format("{} directions of a ring", collective.ways), "1 or 2");
  }
  if (collective.root >= chips) {
    return Refusal(fmt::format("chip {} as the root", collective.root),
                   fmt::format("chips 0 to {}", chips - 1));
  }
  // Pieces are words of the bus, at most as many steps as a ring of all chips takes.
  if (collective.pieces > kMostCollectiveChips) {
    return Refusal(fmt::format("a broadcast in {} pieces", collective.pieces),
                   fmt::format("at most {}", kMostCollectiveChips));
  }
  return Unit{};
}

ElementRange PieceOf(const ElementRange& whole, uint64_t pieces, uint64_t piece,
                     uint32_t element_bytes) {
  const uint64_t unit = kPieceBytes / element_bytes;
  const uint64_t size = ((whole.size() + pieces - 1) / pieces + unit - 1) / unit * unit;
  return {whole.begin + std::min(piece * size, whole.size()),
          whole.begin + std::min((piece + 1) * size, whole.size())};
}

std::vector<ElementRange> PartsOf(const Collective& collective) {
  const uint32_t count = collective.ways * StartingAxes(collective);
  std::vector<ElementRange> parts;
  for (uint32_t p = 0; p < count; ++p) {
    parts.push_back(PieceOf({0, collective.elements}, count, p, collective.element_bytes));
  }
  return parts;
}

uint32_t StepsOf(const Collective& collective) {
  uint32_t steps = 0;
  for (const uint32_t axis : LongAxes(collective)) {
    const uint32_t ring = collective.rings[axis];
    switch (collective.kind) {
      case CollectiveKind::kReduceScatter:
      case CollectiveKind::kAllGather:
        steps += ring - 1;
        break;
      case CollectiveKind::kAllReduce:
        steps += 2 * (ring - 1);
        break;
      case CollectiveKind::kBroadcast:
        steps += ring - 2 + (collective.pieces != 0 ? collective.pieces : ring);
        break;
    }
  }
  return steps;
}

std::vector<Send> SendsOf(const Collective& collective, uint32_t chip) {
  std::vector<Send> sends;
  for (const PartWay& way : WaysOf(collective)) {
    PartWriter writer(collective, way, chip, &sends);
    if (collective.kind == CollectiveKind::kBroadcast) writer.Broadcast();
    if (collective.kind == CollectiveKind::kReduceScatter ||
        collective.kind == CollectiveKind::kAllReduce) {
      writer.ReduceScatter();
    }
    if (collective.kind == CollectiveKind::kAllGather ||
        collective.kind == CollectiveKind::kAllReduce) {
      writer.AllGather(/*continues=*/collective.kind == CollectiveKind::kAllReduce);
    }
  }
  return sends;
}

std::vector<Send> ArrivalsOf(const Collective& collective, uint32_t chip) {
  std::vector<uint32_t> neighbours;
  for (const uint32_t axis : LongAxes(collective)) {
    for (const int32_t direction : {1, -1}) {
      neighbours.push_back(Neighbour(collective, chip, axis, direction));
    }
  }
  // In a ring of two both neighbours are the same chip.
  std::sort(neighbours.begin(), neighbours.end());
  neighbours.erase(std::unique(neighbours.begin(), neighbours.end()), neighbours.end());
  std::vector<Send> arrivals;
  for (const uint32_t neighbour : neighbours) {
    for (const Send& send : SendsOf(collective, neighbour)) {
      if (send.to == chip) arrivals.push_back(send);
    }
  }
  std::stable_sort(arrivals.begin(), arrivals.end(), [](const Send& a, const Send& b) {
    return std::pair(a.part, a.step) < std::pair(b.part, b.step);
  });
  return arrivals;
}

std::vector<ElementRange> OwnedBy(const Collective& collective, uint32_t chip) {
  std::vector<ElementRange> owned;
  for (const PartWay& way : WaysOf(collective)) {
    owned.push_back(PartWriter(collective, way, chip, nullptr).Nested().back());
  }
  return owned;
}

}  // namespace npugen
