// SPDX-License-Identifier: Apache-2.0
// Operators of other makers: tensorflow/lite/micro/kernels/detection_postprocess.cc, with the
// dequantization that TensorFlow Lite's has, and posenet_decoder.cc of google-coral/edgetpu.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <queue>

#include "verif/golden/kernels.h"

namespace npugen::golden {
namespace {

using Floats = std::vector<float>;

/// The values of an operand, the scale times `factor`.
Floats ScaledValues(const Tensor& tensor, const Bytes& bytes, float factor = 1.0f) {
  Floats values(static_cast<size_t>(tensor.elements()));
  if (tensor.type == TensorType::kFloat32) {
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    for (float& value : values) value *= factor;
    return values;
  }
  const float scale = tensor.scale() * factor;
  const auto zero_point = static_cast<float>(tensor.zero_point());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = (static_cast<float>(static_cast<int8_t>(bytes[i])) - zero_point) * scale;
  }
  return values;
}

void Put(const Floats& values, Bytes* bytes) {
  std::memcpy(bytes->data(), values.data(), values.size() * sizeof(float));
}

/// Indices of `scores` from the highest one on; equal ones in their order.
std::vector<int> FallingOrder(const Floats& scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return scores[a] > scores[b]; });
  return order;
}

struct Box {
  float ymin, xmin, ymax, xmax;

  float Area() const { return (ymax - ymin) * (xmax - xmin); }
};

float IntersectionOverUnion(const Box& a, const Box& b) {
  if (a.Area() <= 0 || b.Area() <= 0) return 0.0f;
  const float ymin = std::max(a.ymin, b.ymin), xmin = std::max(a.xmin, b.xmin);
  const float ymax = std::min(a.ymax, b.ymax), xmax = std::min(a.xmax, b.xmax);
  const float intersection = std::max(ymax - ymin, 0.0f) * std::max(xmax - xmin, 0.0f);
  return intersection / (a.Area() + b.Area() - intersection);
}

std::vector<Box> DecodeBoxes(const DetectionOptions& options, const Floats& codes, size_t length,
                             const Floats& anchors) {
  std::vector<Box> boxes;
  for (size_t i = 0; 4 * i < anchors.size(); ++i) {
    double code[4], anchor[4];
    for (size_t c = 0; c < 4; ++c) {
      code[c] = static_cast<double>(codes[i * length + c]);
      anchor[c] = static_cast<double>(anchors[4 * i + c]);
    }
    const auto y =
        static_cast<float>(code[0] / static_cast<double>(options.scale_y) * anchor[2] + anchor[0]);
    const auto x =
        static_cast<float>(code[1] / static_cast<double>(options.scale_x) * anchor[3] + anchor[1]);
    const auto half_h = static_cast<float>(
        0.5 * std::exp(code[2] / static_cast<double>(options.scale_h)) * anchor[2]);
    const auto half_w = static_cast<float>(
        0.5 * std::exp(code[3] / static_cast<double>(options.scale_w)) * anchor[3]);
    boxes.push_back({y - half_h, x - half_w, y + half_h, x + half_w});
  }
  return boxes;
}

/// NonMaxSuppressionSingleClassHelper.
std::vector<int> Suppress(const DetectionOptions& options, const std::vector<Box>& boxes,
                          const Floats& scores, size_t most) {
  std::vector<int> kept;
  for (const int i : FallingOrder(scores)) {
    if (scores[i] >= options.score_threshold) kept.push_back(i);
  }
  std::vector<int> selected;
  for (const int candidate : kept) {
    if (selected.size() >= most) break;
    const bool suppressed = std::any_of(selected.begin(), selected.end(), [&](int other) {
      return IntersectionOverUnion(boxes[other], boxes[candidate]) > options.overlap_threshold;
    });
    if (!suppressed) selected.push_back(candidate);
  }
  return selected;
}

struct Detected {
  int box, type;
  float score;
};

void Detect(const Node& node, const Run& run) {
  const auto& options = std::get<DetectionOptions>(node.op.options);
  const Floats scores = ScaledValues(node.input(1), *run.inputs[1]);
  const std::vector<Box> boxes = DecodeBoxes(options, ScaledValues(node.input(0), *run.inputs[0]),
                                             static_cast<size_t>(node.input(0).shape[2]),
                                             ScaledValues(node.input(2), *run.inputs[2]));
  const size_t columns = static_cast<size_t>(node.input(1).shape[2]);
  const size_t background = columns - static_cast<size_t>(options.classes);
  const auto score_of = [&](size_t box, int type) {
    return scores[box * columns + background + static_cast<size_t>(type)];
  };
  std::vector<Detected> found;
  Floats of_boxes(boxes.size());
  if (options.regular) {
    for (int type = 0; type < options.classes; ++type) {
      for (size_t i = 0; i < boxes.size(); ++i) of_boxes[i] = score_of(i, type);
      for (const int box :
           Suppress(options, boxes, of_boxes, static_cast<size_t>(options.most_of_a_class))) {
        found.push_back({box, type, of_boxes[box]});
      }
      std::stable_sort(found.begin(), found.end(),
                       [](const Detected& a, const Detected& b) { return a.score > b.score; });
      if (found.size() > static_cast<size_t>(options.most)) {
        found.resize(static_cast<size_t>(options.most));
      }
    }
  } else {
    std::vector<int> best(boxes.size(), 0);
    for (size_t i = 0; i < boxes.size(); ++i) {
      for (int type = 1; type < options.classes; ++type) {
        if (score_of(i, type) > score_of(i, best[i])) best[i] = type;
      }
      of_boxes[i] = score_of(i, best[i]);
    }
    for (const int box : Suppress(options, boxes, of_boxes, static_cast<size_t>(options.most))) {
      found.push_back({box, best[box], of_boxes[box]});
    }
  }
  Floats results[4] = {Floats(4 * static_cast<size_t>(options.most), 0.0f),
                       Floats(static_cast<size_t>(options.most), 0.0f),
                       Floats(static_cast<size_t>(options.most), 0.0f),
                       {static_cast<float>(found.size())}};
  for (size_t i = 0; i < found.size(); ++i) {
    const Box& box = boxes[found[i].box];
    const float corners[] = {box.ymin, box.xmin, box.ymax, box.xmax};
    std::copy(std::begin(corners), std::end(corners),
              results[0].begin() + static_cast<std::ptrdiff_t>(4 * i));
    results[1][i] = static_cast<float>(found[i].type);
    results[2][i] = found[i].score;
  }
  for (size_t o = 0; o < 4; ++o) Put(results[o], run.outputs[o]);
}

constexpr int kKeypoints = 17;
constexpr int kEdges = 16;
constexpr int kRefinements = 5;

struct Point {
  float y, x;
};

struct Keypoint {
  Point point;
  int id;
  float score;
};

struct LowerScore {
  bool operator()(const Keypoint& a, const Keypoint& b) const { return a.score < b.score; }
};
using Queue = std::priority_queue<Keypoint, std::vector<Keypoint>, LowerScore>;

struct Pose {
  Point keypoints[kKeypoints];
  Floats scores = Floats(kKeypoints, 0.0f);
};

/// kEdgeList: forwards, then backwards.
constexpr std::pair<int, int> kTree[kEdges] = {{0, 1},  {1, 3},  {0, 2},   {2, 4},   {0, 5}, {5, 7},
                                               {7, 9},  {5, 11}, {11, 13}, {13, 15}, {0, 6}, {6, 8},
                                               {8, 10}, {6, 12}, {12, 14}, {14, 16}};

float SquaredDistance(const Point& a, const Point& b) {
  const float dy = b.y - a.y, dx = b.x - a.x;
  return dy * dy + dx * dx;
}

class PoseDecoder {
 public:
  PoseDecoder(const Node& node, const Run& run)
      : options_(std::get<PoseOptions>(node.op.options)),
        height_(node.input().shape[1]),
        width_(node.input().shape[2]) {
    const auto block = static_cast<float>(1.0 / options_.stride);
    heat_ = ScaledValues(node.input(0), *run.inputs[0]);
    shorts_ = ScaledValues(node.input(1), *run.inputs[1], block);
    mids_ = ScaledValues(node.input(2), *run.inputs[2], block);
    const float radius = options_.nms_radius / static_cast<float>(options_.stride);
    squared_radius_ = radius * radius;
  }

  void Decode(const Run& run) const {
    std::vector<Pose> poses;
    Floats totals;
    Queue queue = Roots();
    while (poses.size() < static_cast<size_t>(options_.most) && !queue.empty()) {
      const Keypoint root = queue.top();
      queue.pop();
      const bool near = std::any_of(poses.begin(), poses.end(), [&](const Pose& pose) {
        return SquaredDistance(root.point, pose.keypoints[root.id]) <= squared_radius_;
      });
      if (near) continue;
      Pose pose = Backtrack(root);
      for (float& score : pose.scores) {
        score = 1.0f / (1.0f + static_cast<float>(std::exp(-static_cast<double>(score))));
      }
      const float total = Total(pose, std::vector<bool>(kKeypoints, false));
      if (total < options_.score_threshold) continue;
      poses.push_back(pose);
      totals.push_back(total);
    }
    const std::vector<int> first = FallingOrder(totals);
    for (size_t i = 0; i < first.size(); ++i) {
      std::vector<bool> occluded(kKeypoints, false);
      for (size_t j = 0; j < i; ++j) {
        for (int k = 0; k < kKeypoints; ++k) {
          occluded[k] =
              occluded[k] || SquaredDistance(poses[first[i]].keypoints[k],
                                             poses[first[j]].keypoints[k]) <= squared_radius_;
        }
      }
      totals[first[i]] = Total(poses[first[i]], occluded);
    }
    const auto most = static_cast<size_t>(options_.most);
    Floats results[4] = {Floats(most * kKeypoints * 2, 0.0f),
                         Floats(most * kKeypoints, 0.0f),
                         Floats(most, 0.0f),
                         {0.0f}};
    size_t count = 0;
    for (const int index : FallingOrder(totals)) {
      if (totals[index] < options_.score_threshold) break;
      for (size_t k = 0; k < kKeypoints; ++k) {
        const size_t at = count * kKeypoints + k;
        results[0][2 * at] = poses[index].keypoints[k].y * static_cast<float>(options_.stride);
        results[0][2 * at + 1] = poses[index].keypoints[k].x * static_cast<float>(options_.stride);
        results[1][at] = poses[index].scores[k];
      }
      results[2][count++] = totals[index];
    }
    results[3][0] = static_cast<float>(count);
    for (size_t o = 0; o < 4; ++o) Put(results[o], run.outputs[o]);
  }

 private:
  float Limit(float value, int size) const {
    return std::clamp(value, 0.0f, static_cast<float>(size) - 1.0f);
  }

  /// Mean of the scores that are not occluded, added up from the highest one on.
  static float Total(const Pose& pose, const std::vector<bool>& occluded) {
    float total = 0.0f;
    for (const int k : FallingOrder(pose.scores)) {
      if (!occluded[k]) total += pose.scores[k];
    }
    return total / kKeypoints;
  }

  /// Bilinear interpolation of one channel.
  float Sample(const Floats& map, int channels, const Point& at, int channel) const {
    const float y = Limit(at.y, height_), x = Limit(at.x, width_);
    const auto y0 = static_cast<int>(std::floor(y)), y1 = static_cast<int>(std::ceil(y));
    const auto x0 = static_cast<int>(std::floor(x)), x1 = static_cast<int>(std::ceil(x));
    const float dy = at.y - static_cast<float>(y0), dx = at.x - static_cast<float>(x0);
    const auto value = [&](int row, int column) {
      return map[static_cast<size_t>((row * width_ + column) * channels + channel)];
    };
    return (1 - dy) * ((1 - dx) * value(y0, x0) + dx * value(y0, x1)) +
           dy * ((1 - dx) * value(y1, x0) + dx * value(y1, x1));
  }

  Point Displaced(const Point& source, int edge, int target) const {
    const float my = Sample(mids_, 4 * kEdges, source, edge);
    const float mx = Sample(mids_, 4 * kEdges, source, kEdges + edge);
    Point at = {Limit(source.y + my, height_), Limit(source.x + mx, width_)};
    for (int step = 0; step < kRefinements; ++step) {
      const float sy = Sample(shorts_, 2 * kKeypoints, at, target);
      const float sx = Sample(shorts_, 2 * kKeypoints, at, kKeypoints + target);
      at = {Limit(at.y + sy, height_), Limit(at.x + sx, width_)};
    }
    return at;
  }

  Pose Backtrack(const Keypoint& root) const {
    Pose pose;
    std::vector<bool> decoded(kKeypoints, false);
    Queue queue;
    queue.push({root.point, root.id, Sample(heat_, kKeypoints, root.point, root.id)});
    while (!queue.empty()) {
      const Keypoint current = queue.top();
      queue.pop();
      if (decoded[current.id]) continue;
      decoded[current.id] = true;
      pose.keypoints[current.id] = current.point;
      pose.scores[current.id] = current.score;
      for (int edge = 0; edge < 2 * kEdges; ++edge) {
        auto [from, to] = kTree[edge % kEdges];
        if (edge >= kEdges) std::swap(from, to);
        if (from != current.id || decoded[to]) continue;
        // The first backward edge is taken for a forward one.
        const int channel = edge > kEdges ? edge + kEdges : edge;
        const Point point = Displaced(current.point, channel, to);
        queue.push({point, to, Sample(heat_, kKeypoints, point, to)});
      }
    }
    return pose;
  }

  /// BuildKeypointWithScoreQueue.
  Queue Roots() const {
    const double odds = 1.0 / (static_cast<double>(options_.score_threshold) + 1E-6) - 1.0;
    const auto least = static_cast<float>(-std::log(odds));
    Queue queue;
    for (int i = 0; i < height_ * width_ * kKeypoints; ++i) {
      const int id = i % kKeypoints, x = i / kKeypoints % width_, y = i / kKeypoints / width_;
      const float score = heat_[static_cast<size_t>(i)];
      if (!(score >= least)) continue;
      bool peak = true;
      for (int v = std::max(y - 1, 0); v < std::min(y + 2, height_); ++v) {
        for (int u = std::max(x - 1, 0); u < std::min(x + 2, width_); ++u) {
          peak = peak && !(heat_[static_cast<size_t>((v * width_ + u) * kKeypoints + id)] > score);
        }
      }
      if (!peak) continue;
      const size_t offset = static_cast<size_t>((y * width_ + x) * 2 * kKeypoints + id);
      queue.push({{Limit(static_cast<float>(y) + shorts_[offset], height_),
                   Limit(static_cast<float>(x) + shorts_[offset + kKeypoints], width_)},
                  id,
                  score});
    }
    return queue;
  }

  const PoseOptions& options_;
  const int height_, width_;
  Floats heat_, shorts_, mids_;
  float squared_radius_;
};

}  // namespace

Kernel MakeDetectionPostProcess(const Node& node) {
  return [node](const Run& run) { Detect(node, run); };
}

Kernel MakePosenetDecoder(const Node& node) {
  return [node](const Run& run) { PoseDecoder(node, run).Decode(run); };
}

}  // namespace npugen::golden
