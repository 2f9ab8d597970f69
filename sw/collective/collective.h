// SPDX-License-Identifier: Apache-2.0
// Collectives on rings of chips and tori of rings as data: for each chip which piece of the array
// goes to which neighbour, in which order, added or stored there (docs/pod.md, 1). A compiler turns
// a send into a STORE to the neighbour with a signal, and what must have arrived into a wait.
//
//     Collective all_reduce{.kind = CollectiveKind::kAllReduce, .element_bytes = 4,
//                           .elements = 1000, .rings = {4, 2}, .ways = 2};
//     if (const Status legal = CheckCollective(all_reduce); !legal) return legal.errors();
//     const std::vector<Send> sends = SendsOf(all_reduce, /*chip=*/3);
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

enum class CollectiveKind : uint8_t {
  kReduceScatter,  ///< each chip gets its piece of the sum
  kAllGather,      ///< each chip has its piece, and gets all
  kAllReduce,      ///< both, one after the other
  kBroadcast,      ///< the root has all, and each chip gets it
};
/// Such as "all-reduce".
std::string_view CollectiveName(CollectiveKind kind);

/// Chips of one collective, at most; bytes of its array, below that power of two.
inline constexpr uint64_t kMostCollectiveChips = uint64_t{1} << 20;
inline constexpr uint32_t kCollectiveByteBits = 48;
/// Pieces begin at multiples of this many bytes.
inline constexpr uint32_t kPieceBytes = 16;

/// What is to be done with one array that each chip has. Chips are numbered along the first ring
/// first: chip = x + rings[0] * (y + rings[1] * ...).
struct Collective {
  CollectiveKind kind = CollectiveKind::kAllReduce;
  uint32_t element_bytes = 4;     ///< 1, 2, 4, 8 or 16
  uint64_t elements = 0;          ///< of the array; may be fewer than chips, or none
  std::vector<uint32_t> rings;    ///< chips of a ring on each axis, at least 1
  uint32_t ways = 1;              ///< 2: a half of the array goes round in the other direction
  bool all_axes_at_once = false;  ///< a share of the array begins on each axis
  uint32_t root = 0;              ///< chip, of broadcasts
  uint32_t pieces = 0;  ///< that a broadcast cuts a share into; 0: as many as the ring's chips

  uint64_t chips() const;
};

/// Elements begin..end-1 of the array.
struct ElementRange {
  uint64_t begin = 0, end = 0;
  uint64_t size() const { return end - begin; }
  bool operator==(const ElementRange&) const = default;
};

/// What one chip sends to a neighbour in one step.
struct Send {
  uint32_t part = 0;  ///< share of the array that goes its own way
  uint32_t step = 0;  ///< counts within the part
  uint32_t axis = 0;
  int32_t direction = 1;      ///< +1: to the next chip of the ring, -1: to the previous one
  uint32_t from = 0, to = 0;  ///< chips
  ElementRange elements;
  bool reduce = false;  ///< is added to what the neighbour has there; else it replaces that
  uint32_t round = 0;   ///< first step of its turn round its ring
  bool asks = false;    ///< the first of its round that must wait until the neighbour is ready
  bool operator==(const Send&) const = default;
};

/// Error kCollective with what would be legal.
Status CheckCollective(const Collective& collective);

/// Piece `piece` of `whole` cut for `pieces` takers: all but the last ones have the same size, a
/// multiple of kPieceBytes; the last ones may be short or empty.
ElementRange PieceOf(const ElementRange& whole, uint64_t pieces, uint64_t piece,
                     uint32_t element_bytes);

/// The shares of the array that go their own ways: ways * axes of them where all axes begin at
/// once, else `ways`.
std::vector<ElementRange> PartsOf(const Collective& collective);
/// Steps of each part.
uint32_t StepsOf(const Collective& collective);

/// All sends of a chip, by part and step; pieces without elements are left out. The collective must
/// be legal. What a send of step s waits for:
/// - everything that comes to the chip in steps below s of the same part; parts never wait for
///   each other;
/// - if it `asks`: a signal of the neighbour, which sends it when its array may be changed and
///   everything has come to it in steps below `round` of the part. A neighbour that is behind
///   would else get additions to what is no sum yet, and count what it does not wait for.
std::vector<Send> SendsOf(const Collective& collective, uint32_t chip);
/// What its neighbours send to a chip, by part and step.
std::vector<Send> ArrivalsOf(const Collective& collective, uint32_t chip);
/// For each part the piece whose sum a chip has after a reduce-scatter, and which it gives to an
/// all-gather.
std::vector<ElementRange> OwnedBy(const Collective& collective, uint32_t chip);

/// A link in one direction.
struct LinkRate {
  double bytes_per_cycle = 16.0 * 256 / 272;  ///< of payload: packets of 256 bytes in 272
  double latency = 0;  ///< cycles from the last byte taken to the last byte written
};

/// The bound that is printed: of each ring (p - 1) * (n / (p * rate) + latency) for a
/// reduce-scatter or all-gather of n bytes, both for an all-reduce, (p - 2 + k) * n / (k * rate) +
/// (p - 1) * latency for a broadcast in k pieces; the parts at the same time.
double CyclesBound(const Collective& collective, const LinkRate& link);
/// What the sends take when each begins as soon as what it waits for has come and its link is free:
/// the bound, the latency of one signal for each round that asks, and more where pieces are uneven.
double PlayCollective(const Collective& collective, const LinkRate& link);

}  // namespace npugen
