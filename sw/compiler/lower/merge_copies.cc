// SPDX-License-Identifier: Apache-2.0
// Boxes read through boxes.
#include "sw/compiler/lower/merge_copies.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

namespace npugen::compiler {
namespace {

/// Dimensions of a box that surely is one command.
constexpr size_t kTransferDimensions = 4;

using Dimensions = std::vector<CopyBox::Dimension>;

/// The same box without dimensions of one step, all strides of one side positive, these in
/// ascending order, and dimensions that are one walk joined.
CopyBox Sorted(const CopyBox& box, int64_t CopyBox::Dimension::*side) {
  CopyBox result = box;
  result.dimensions.clear();
  for (CopyBox::Dimension d : box.dimensions) {
    if (d.count == 1) continue;
    if (d.*side < 0) {
      result.in_offset += (d.count - 1) * d.in_stride;
      result.out_offset += (d.count - 1) * d.out_stride;
      d.in_stride = -d.in_stride;
      d.out_stride = -d.out_stride;
    }
    result.dimensions.push_back(d);
  }
  std::stable_sort(result.dimensions.begin(), result.dimensions.end(),
                   [side](const auto& a, const auto& b) { return a.*side < b.*side; });
  Dimensions joined;
  for (const CopyBox::Dimension& d : result.dimensions) {
    if (!joined.empty() && d.in_stride == joined.back().count * joined.back().in_stride &&
        d.out_stride == joined.back().count * joined.back().out_stride) {
      joined.back().count *= d.count;
    } else {
      joined.push_back(d);
    }
  }
  result.dimensions = std::move(joined);
  return result;
}

int64_t Bytes(const CopyBox& box) {
  int64_t bytes = 1;
  for (const CopyBox::Dimension& d : box.dimensions) bytes *= d.count;
  return bytes;
}

/// Runs of contiguous bytes in which a box moves.
int64_t Runs(const CopyBox& box) {
  if (box.input < 0) return 1;
  int64_t run = 1;
  for (const CopyBox::Dimension& d : Sorted(box, &CopyBox::Dimension::out_stride).dimensions) {
    if (d.in_stride != run || d.out_stride != run) break;
    run *= d.count;
  }
  return Bytes(box) / run;
}

int64_t Runs(const std::vector<CopyBox>& boxes) {
  int64_t runs = 0;
  for (const CopyBox& box : boxes) runs += Runs(box);
  return runs;
}

/// Where a box that reads what `written` (sorted by its output) wrote finds the same bytes in the
/// input of `written`.
class Composer {
 public:
  explicit Composer(const CopyBox& written) : written_(written) {}

  std::optional<CopyBox> Compose(const CopyBox& reader) {
    const CopyBox reads = Sorted(reader, &CopyBox::Dimension::in_stride);
    const Dimensions& of = written_.dimensions;
    CopyBox result = reads;
    result.dimensions.clear();
    result.in_offset = written_.in_offset;
    int64_t rest = reads.in_offset - written_.out_offset;
    if (rest < 0) return std::nullopt;
    reach_.assign(of.size(), 0);
    for (size_t d = of.size(); d-- > 0; rest -= reach_[d] * of[d].out_stride) {
      // Outputs must not overlap.
      if (d > 0 && of[d].out_stride < of[d - 1].count * of[d - 1].out_stride) return std::nullopt;
      reach_[d] = rest / of[d].out_stride;
      if (reach_[d] >= of[d].count) return std::nullopt;
      result.in_offset += reach_[d] * of[d].in_stride;
    }
    if (rest != 0) return std::nullopt;
    for (const CopyBox::Dimension& d : reads.dimensions) {
      if (!Walk(d, &result.dimensions)) return std::nullopt;
    }
    return result;
  }

 private:
  /// Appends what a dimension of the reader is in terms of the input; false: it is no such thing.
  bool Walk(CopyBox::Dimension d, Dimensions* result) {
    const Dimensions& of = written_.dimensions;
    while (d.count > 1) {
      if (d.in_stride == 0) {
        result->push_back(d);
        return true;
      }
      size_t at = of.size();
      while (at > 0 &&
             (of[at - 1].out_stride > d.in_stride || d.in_stride % of[at - 1].out_stride != 0)) {
        --at;
      }
      if (at-- == 0) return false;
      const CopyBox::Dimension& w = of[at];
      const int64_t step = d.in_stride / w.out_stride;
      if (reach_[at] + (d.count - 1) * step < w.count) {
        reach_[at] += (d.count - 1) * step;
        result->push_back({d.count, step * w.in_stride, d.out_stride});
        return true;
      }
      // On to the next dimension, again and again, if it begins where this one ends.
      const bool dense = at + 1 < of.size() && of[at + 1].out_stride == w.count * w.out_stride;
      if (reach_[at] != 0 || !dense || w.count % step != 0) return false;
      const int64_t inner = w.count / step;
      if (d.count % inner != 0) return false;
      reach_[at] += (inner - 1) * step;
      if (inner > 1) result->push_back({inner, step * w.in_stride, d.out_stride});
      d = {d.count / inner, d.in_stride * inner, d.out_stride * inner};
    }
    return true;
  }

  const CopyBox written_;
  std::vector<int64_t> reach_;  ///< last step of each dimension that is read
};

/// Boxes of a reader, cut where what one box of a copy wrote ends and another begins, as boxes that
/// read the copy's inputs (`input` is a position among them).
class Splitter {
 public:
  /// Reads what the boxes `written` of a copy wrote.
  explicit Splitter(const std::vector<CopyBox>& written) {
    for (const CopyBox& box : written) {
      if (box.input >= 0) written_.push_back(Sorted(box, &CopyBox::Dimension::out_stride));
    }
  }

  /// Appends the boxes to `result`; false where that cannot be said in a few boxes.
  bool Split(const CopyBox& reader, std::vector<CopyBox>* result) const {
    for (const CopyBox& written : written_) {
      std::optional<CopyBox> composed = Composer(written).Compose(reader);
      if (!composed) continue;
      // One command each.
      if (composed->dimensions.size() > kTransferDimensions) return false;
      composed->input = written.input;
      result->push_back(std::move(*composed));
      return result->size() <= kMostBoxes;
    }
    // The first byte was written by one box: cut where this one ends along some dimension.
    for (const CopyBox& written : written_) {
      for (size_t d = 0; d < reader.dimensions.size(); ++d) {
        const int64_t count = reader.dimensions[d].count;
        const int64_t reached = Reach(written, reader, d);
        if (reached == 0) break;  // not this box
        if (reached == count) continue;
        CopyBox front = reader, back = reader;
        front.dimensions[d].count = reached;
        back.dimensions[d].count = count - reached;
        back.in_offset += reached * reader.dimensions[d].in_stride;
        back.out_offset += reached * reader.dimensions[d].out_stride;
        return Split(front, result) && Split(back, result);
      }
    }
    return false;
  }

 private:
  static constexpr size_t kMostBoxes = 64;

  /// Steps of dimension `d` alone that `written` holds from the reader's first byte on.
  static int64_t Reach(const CopyBox& written, const CopyBox& reader, size_t d) {
    const auto holds = [&](int64_t count) {
      CopyBox line = reader;
      line.dimensions = {reader.dimensions[d]};
      line.dimensions[0].count = count;
      return Composer(written).Compose(line).has_value();
    };
    if (!holds(1)) return 0;
    int64_t low = 1, high = reader.dimensions[d].count;
    while (low < high) {
      const int64_t middle = (low + high + 1) / 2;
      if (holds(middle)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  std::vector<CopyBox> written_;
};

/// Layer `reader` as it would read the sources of `copy` in place of its output; none where that
/// cannot be said in boxes.
std::optional<Layer> ReadThrough(const Layer& copy, const Layer& reader) {
  Layer result = reader;
  result.inputs.clear();
  result.boxes.clear();
  const auto input_of = [&result](int32_t storage) {
    const auto found = std::find(result.inputs.begin(), result.inputs.end(), storage);
    const auto number = static_cast<int32_t>(found - result.inputs.begin());
    if (found == result.inputs.end()) result.inputs.push_back(storage);
    return number;
  };
  const Splitter splitter(copy.boxes);
  for (const CopyBox& box : reader.boxes) {
    CopyBox moved = box;
    if (box.input >= 0 && reader.inputs[static_cast<size_t>(box.input)] == copy.output) {
      std::vector<CopyBox> composed;
      if (!splitter.Split(Sorted(box, &CopyBox::Dimension::in_stride), &composed)) {
        return std::nullopt;
      }
      for (CopyBox& part : composed) {
        part.input = input_of(copy.inputs[static_cast<size_t>(part.input)]);
        result.boxes.push_back(std::move(part));
      }
      continue;
    }
    if (box.input >= 0) {
      moved.input = input_of(reader.inputs[static_cast<size_t>(box.input)]);
    }
    result.boxes.push_back(std::move(moved));
  }
  return result;
}

/// Layers that use a storage.
struct Uses {
  int32_t writers = 0;
  std::vector<size_t> readers;
  bool copied_only = true;  ///< all readers are copies
};

std::vector<Uses> FindUses(const LoweredModel& lowered) {
  std::vector<Uses> uses(lowered.storages.size());
  for (size_t l = 0; l < lowered.layers.size(); ++l) {
    const Layer& layer = lowered.layers[l];
    ++uses[static_cast<size_t>(layer.output)].writers;
    for (const int32_t input : layer.inputs) {
      Uses& use = uses[static_cast<size_t>(input)];
      if (use.readers.empty() || use.readers.back() != l) use.readers.push_back(l);
      use.copied_only = use.copied_only && layer.copies();
    }
    if (layer.parameters.storage >= 0) {
      uses[static_cast<size_t>(layer.parameters.storage)].copied_only = false;
    }
  }
  return uses;
}

/// Whether a copy leaves everything where it is.
bool IsIdentity(const LoweredModel& lowered, const Layer& copy) {
  if (copy.boxes.size() != 1 || copy.inputs.size() != 1) return false;
  const CopyBox& box = copy.boxes[0];
  const int64_t bytes = lowered.storages[static_cast<size_t>(copy.output)].bytes;
  return box.input == 0 && box.in_offset == 0 && box.out_offset == 0 && Runs(box) == 1 &&
         Bytes(box) == bytes &&
         lowered.storages[static_cast<size_t>(copy.inputs[0])].bytes == bytes;
}

/// Lets everything that uses storage `old` use `storage`.
void Rename(int32_t old, int32_t storage, LoweredModel* lowered) {
  for (int32_t& tensor : lowered->tensor_storage) {
    if (tensor == old) tensor = storage;
  }
  for (Layer& layer : lowered->layers) {
    std::replace(layer.inputs.begin(), layer.inputs.end(), old, storage);
    if (layer.parameters.storage == old) layer.parameters.storage = storage;
  }
  std::vector<int32_t>& tensors = lowered->storages[static_cast<size_t>(storage)].tensors;
  std::vector<int32_t>& more = lowered->storages[static_cast<size_t>(old)].tensors;
  tensors.insert(tensors.end(), more.begin(), more.end());
  more.clear();
}

}  // namespace

void MergeCopies(LoweredModel* lowered) {
  for (size_t l = 0; l < lowered->layers.size(); ++l) {
    if (!lowered->layers[l].copies()) continue;
    const int32_t output = lowered->layers[l].output;
    const Storage& storage = lowered->storages[static_cast<size_t>(output)];
    const std::vector<Uses> uses = FindUses(*lowered);
    const Uses& use = uses[static_cast<size_t>(output)];
    if (!storage.outputs.empty() || use.writers != 1 || use.readers.empty()) continue;
    if (IsIdentity(*lowered, lowered->layers[l])) {
      Rename(output, lowered->layers[l].inputs[0], lowered);
      continue;
    }
    if (!use.copied_only) continue;
    // What is read later takes room for longer.
    constexpr size_t kNear = 8;
    int64_t source_bytes = 0;
    for (const int32_t input : lowered->layers[l].inputs) {
      source_bytes += lowered->storages[static_cast<size_t>(input)].bytes;
    }
    if (source_bytes > storage.bytes && use.readers.back() > l + kNear) continue;
    int64_t runs = Runs(lowered->layers[l].boxes), runs_after = 0;
    std::vector<Layer> merged;
    bool cut = false;
    for (const size_t reader : use.readers) {
      std::optional<Layer> layer = ReadThrough(lowered->layers[l], lowered->layers[reader]);
      if (!layer) break;
      runs += Runs(lowered->layers[reader].boxes);
      runs_after += Runs(layer->boxes);
      cut = cut || layer->boxes.size() > lowered->layers[reader].boxes.size();
      merged.push_back(std::move(*layer));
    }
    if (merged.size() < use.readers.size() || runs_after > runs) continue;
    // Long runs cost little, less than more sources that must be there at the same time.
    constexpr int64_t kShortRun = 16;
    if (cut && storage.bytes > runs * kShortRun) continue;
    for (size_t i = 0; i < merged.size(); ++i) {
      lowered->layers[use.readers[i]] = std::move(merged[i]);
    }
  }
}

}  // namespace npugen::compiler
