// SPDX-License-Identifier: Apache-2.0
// Boxes as TensorFlow Lite Micro's detection_postprocess computes them, poses as
// google-coral/edgetpu's decoder does, with the order of equal scores of libstdc++'s heap.
#include "sw/driver/npu_host_detection.h"

#include <stddef.h>

enum { MOST_ELEMENTS = 1 << 26, MOST_RESULTS = 4096 };
enum { KEYPOINTS = NPU_POSE_KEYPOINTS, EDGES = NPU_POSE_EDGES };

/// Values of an operand as float32, times a factor.
struct values {
  const int8_t* bytes;  ///< null: floats
  const float* floats;
  float zero_point, scale;
};

union float_word {
  float value;
  uint32_t bits;
};

union double_word {
  double value;
  uint64_t bits;
};

static struct values values_of(const struct npu_host_operand* operand, float factor) {
  const union float_word scale = {.bits = operand->tensor->scale};
  struct values values = {NULL, (const float*)operand->bytes, 0.0f, factor};
  if (operand->tensor->type == NPU_ELEMENT_INT8) {
    values.bytes = (const int8_t*)operand->bytes;
    values.zero_point = (float)operand->tensor->zero_point;
    values.scale = scale.value * factor;
  }
  return values;
}

static float value_at(const struct values* values, int32_t i) {
  return values->bytes != NULL ? ((float)values->bytes[i] - values->zero_point) * values->scale
                               : values->floats[i] * values->scale;
}

/// e^x, nearly always the nearest float64.
static double exponential(double x) {
  if (x != x) return x;
  if (x < -708.0) return 0.0;
  const union double_word infinite = {.bits = 0x7ff0000000000000u};
  if (x > 709.0) return infinite.value;
  const double steps = x * 1.4426950408889634;
  const int32_t power = (int32_t)(steps < 0 ? steps - 0.5 : steps + 0.5);
  // log(2) in two parts: the product with the first one is exact.
  const double rest = (x - power * 6.93147180369123816490e-01) - power * 1.90821492927058770002e-10;
  double sum = 0.0;
  for (int32_t i = 14; i >= 2; --i) sum = (sum + 1.0) * rest / i;
  // 1 + rest + rest * sum, the small parts first.
  const double small = rest + rest * sum;
  const union double_word scale = {.bits = (uint64_t)(power + 1023) << 52};
  return (1.0 + small) * scale.value;
}

// Detection.

struct box {
  float least_y, least_x, most_y, most_x;
};

static float larger(float a, float b) { return a < b ? b : a; }
static float smaller(float a, float b) { return b < a ? b : a; }

static float overlap(const struct box* a, const struct box* b) {
  const float area_a = (a->most_y - a->least_y) * (a->most_x - a->least_x);
  const float area_b = (b->most_y - b->least_y) * (b->most_x - b->least_x);
  if (area_a <= 0 || area_b <= 0) return 0.0f;
  const float height = smaller(a->most_y, b->most_y) - larger(a->least_y, b->least_y);
  const float width = smaller(a->most_x, b->most_x) - larger(a->least_x, b->least_x);
  const float common = larger(height, 0.0f) * larger(width, 0.0f);
  return common / (area_a + area_b - common);
}

/// Sorts indices by falling scores; equal ones keep their order. `scratch` has as many.
static void sort_falling(const float* scores, int32_t* indices, int32_t* scratch, int32_t count) {
  for (int32_t run = 1; run < count; run *= 2) {
    for (int32_t begin = 0; begin < count; begin += 2 * run) {
      const int32_t middle = begin + run < count ? begin + run : count;
      const int32_t end = middle + run < count ? middle + run : count;
      int32_t left = begin, right = middle;
      for (int32_t i = begin; i < end; ++i) {
        const int second =
            left >= middle || (right < end && scores[indices[right]] > scores[indices[left]]);
        scratch[i] = second ? indices[right++] : indices[left++];
      }
    }
    for (int32_t i = 0; i < count; ++i) indices[i] = scratch[i];
  }
}

/// Where detection works.
struct detection {
  const npu_detection_options* o;
  struct box* boxes;
  float* scores;     ///< of boxes, for one class
  int32_t* classes;  ///< best ones
  int32_t* indices;  ///< of boxes: candidates, then those that are selected
  int32_t* scratch;
  int32_t* active;
  float* list_scores;  ///< of the list
  int32_t *list, *order, *list_scratch;
};

static void decode_boxes(const struct npu_host_operand* inputs, const struct detection* d) {
  const npu_detection_options* o = d->o;
  const struct values codes = values_of(&inputs[0], 1.0f), anchors = values_of(&inputs[2], 1.0f);
  for (int32_t i = 0; i < o->boxes; ++i) {
    const int32_t at = i * o->box_values;
    const double anchor_y = value_at(&anchors, 4 * i), anchor_x = value_at(&anchors, 4 * i + 1);
    const double anchor_h = value_at(&anchors, 4 * i + 2), anchor_w = value_at(&anchors, 4 * i + 3);
    const float y =
        (float)((double)value_at(&codes, at) / (double)o->scale_y * anchor_h + anchor_y);
    const float x =
        (float)((double)value_at(&codes, at + 1) / (double)o->scale_x * anchor_w + anchor_x);
    const double h = exponential((double)value_at(&codes, at + 2) / (double)o->scale_h);
    const double w = exponential((double)value_at(&codes, at + 3) / (double)o->scale_w);
    const float half_h = (float)(0.5 * h * anchor_h), half_w = (float)(0.5 * w * anchor_w);
    d->boxes[i] = (struct box){y - half_h, x - half_w, y + half_h, x + half_w};
  }
}

/// Selects boxes by their scores; at most `most`, to the front of indices.
static int32_t select_boxes(const struct detection* d, int32_t most) {
  const npu_detection_options* o = d->o;
  int32_t count = 0;
  for (int32_t i = 0; i < o->boxes; ++i) {
    if (d->scores[i] >= o->score_threshold) d->indices[count++] = i;
  }
  sort_falling(d->scores, d->indices, d->scratch, count);
  for (int32_t i = 0; i < count; ++i) d->active[i] = 1;
  int32_t selected = 0;
  for (int32_t i = 0; i < count && selected < most; ++i) {
    if (!d->active[i]) continue;
    const int32_t chosen = d->indices[i];
    for (int32_t j = i + 1; j < count; ++j) {
      if (d->active[j] &&
          overlap(&d->boxes[chosen], &d->boxes[d->indices[j]]) > o->overlap_threshold) {
        d->active[j] = 0;
      }
    }
    d->indices[selected++] = chosen;
  }
  return selected;
}

static void detection(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                      const npu_detection_options* o, void* work) {
  struct detection d = {.o = o, .boxes = (struct box*)work};
  d.scores = (float*)(d.boxes + o->boxes);
  d.classes = (int32_t*)(d.scores + o->boxes);
  d.indices = d.classes + o->boxes;
  d.scratch = d.indices + o->boxes;
  d.active = d.scratch + o->boxes;
  const int32_t listed = o->most + o->most_of_a_class;
  d.list_scores = (float*)(d.active + o->boxes);
  d.list = (int32_t*)(d.list_scores + listed);
  d.order = d.list + listed;
  d.list_scratch = d.order + listed;
  decode_boxes(inputs, &d);
  const struct values scores = values_of(&inputs[1], 1.0f);
  const int32_t offset = o->columns - o->classes;
  int32_t count = 0;
  if (o->regular) {
    for (int32_t c = 0; c < o->classes; ++c) {
      for (int32_t i = 0; i < o->boxes; ++i) {
        d.scores[i] = value_at(&scores, i * o->columns + c + offset);
      }
      const int32_t selected = select_boxes(&d, o->most_of_a_class);
      for (int32_t i = 0; i < selected; ++i) {
        d.list[count + i] = d.indices[i] * o->classes + c;
        d.list_scores[count + i] = d.scores[d.indices[i]];
      }
      count += selected;
      for (int32_t i = 0; i < count; ++i) d.order[i] = i;
      sort_falling(d.list_scores, d.order, d.list_scratch, count);
      if (count > o->most) count = o->most;
      // Both lists in the new order, by way of the scratch.
      for (int32_t i = 0; i < count; ++i) d.list_scratch[i] = d.list[d.order[i]];
      for (int32_t i = 0; i < count; ++i) d.list[i] = d.list_scratch[i];
      float* sorted = (float*)d.list_scratch;
      for (int32_t i = 0; i < count; ++i) sorted[i] = d.list_scores[d.order[i]];
      for (int32_t i = 0; i < count; ++i) d.list_scores[i] = sorted[i];
    }
  } else {
    for (int32_t i = 0; i < o->boxes; ++i) {
      int32_t best = 0;
      for (int32_t c = 1; c < o->classes; ++c) {
        const int32_t at = i * o->columns + offset;
        if (value_at(&scores, at + c) > value_at(&scores, at + best)) best = c;
      }
      d.classes[i] = best;
      d.scores[i] = value_at(&scores, i * o->columns + offset + best);
    }
    count = select_boxes(&d, o->most);
    for (int32_t i = 0; i < count; ++i) {
      d.list[i] = d.indices[i] * o->classes + d.classes[d.indices[i]];
      d.list_scores[i] = d.scores[d.indices[i]];
    }
  }
  struct box* boxes = (struct box*)outputs[0].bytes;
  float* classes = (float*)outputs[1].bytes;
  float* found = (float*)outputs[2].bytes;
  for (int32_t i = 0; i < o->most; ++i) {
    const int there = i < count;
    boxes[i] = there ? d.boxes[d.list[i] / o->classes] : (struct box){0.0f, 0.0f, 0.0f, 0.0f};
    classes[i] = there ? (float)(d.list[i] % o->classes) : 0.0f;
    found[i] = there ? d.list_scores[i] : 0.0f;
  }
  *(float*)outputs[3].bytes = (float)count;
}

// Poses.

struct point {
  float y, x;
};

struct candidate {
  struct point point;
  int32_t id;
  float score;
};

struct pose {
  struct point keypoints[KEYPOINTS];
  float scores[KEYPOINTS];
  float score;
  int32_t order, scratch;
};

/// A tree of keypoints: edges forwards, then backwards.
static const uint8_t kFrom[EDGES] = {0, 1, 0, 2, 0, 5, 7, 5, 11, 13, 0, 6, 8, 6, 12, 14};
static const uint8_t kTo[EDGES] = {1, 3, 2, 4, 5, 7, 9, 11, 13, 15, 6, 8, 10, 12, 14, 16};

static float limited(float value, float least, float most) {
  // What is no number is the least.
  return value >= least ? (value <= most ? value : most) : least;
}

static float sigmoid(float x) { return 1.0f / (1.0f + (float)exponential(-(double)x)); }

// std::push_heap and std::pop_heap of libstdc++: they decide between equal scores.

static void heap_raise(struct candidate* heap, int32_t hole, struct candidate value) {
  while (hole > 0) {
    const int32_t parent = (hole - 1) / 2;
    if (!(heap[parent].score < value.score)) break;
    heap[hole] = heap[parent];
    hole = parent;
  }
  heap[hole] = value;
}

static void heap_push(struct candidate* heap, int32_t* count, struct candidate value) {
  heap_raise(heap, (*count)++, value);
}

static struct candidate heap_pop(struct candidate* heap, int32_t* count) {
  const struct candidate top = heap[0];
  const int32_t length = --*count;
  if (length == 0) return top;
  const struct candidate value = heap[length];
  int32_t hole = 0, child = 0;
  while (child < (length - 1) / 2) {
    child = 2 * (child + 1);
    if (heap[child].score < heap[child - 1].score) --child;
    heap[hole] = heap[child];
    hole = child;
  }
  if (length % 2 == 0 && child == (length - 2) / 2) {
    child = 2 * (child + 1);
    heap[hole] = heap[child - 1];
    hole = child - 1;
  }
  heap_raise(heap, hole, value);
  return top;
}

/// A channel at a place between blocks.
static float sample(const npu_pose_options* o, const struct values* values, int32_t channels,
                    struct point at, int32_t channel) {
  const float y = limited(at.y, 0.0f, (float)o->height - 1.0f);
  const float x = limited(at.x, 0.0f, (float)o->width - 1.0f);
  const int32_t top = (int32_t)y, left = (int32_t)x;
  const int32_t bottom = top + ((float)top < y ? 1 : 0), right = left + ((float)left < x ? 1 : 0);
  const float down = at.y - (float)top, across = at.x - (float)left;
  const float upper =
      (1 - across) * value_at(values, (top * o->width + left) * channels + channel) +
      across * value_at(values, (top * o->width + right) * channels + channel);
  const float lower =
      (1 - across) * value_at(values, (bottom * o->width + left) * channels + channel) +
      across * value_at(values, (bottom * o->width + right) * channels + channel);
  return (1 - down) * upper + down * lower;
}

struct maps {
  struct values logits, shorts, mids;
};

static struct point moved(const npu_pose_options* o, struct point at, float y, float x) {
  return (struct point){limited(at.y + y, 0.0f, (float)o->height - 1.0f),
                        limited(at.x + x, 0.0f, (float)o->width - 1.0f)};
}

/// Where an edge leads from a keypoint.
static struct point displaced(const npu_pose_options* o, const struct maps* maps,
                              struct point source, int32_t edge, int32_t target) {
  const int32_t mids = 4 * EDGES, shorts = 2 * KEYPOINTS;
  struct point at = moved(o, source, sample(o, &maps->mids, mids, source, edge),
                          sample(o, &maps->mids, mids, source, EDGES + edge));
  for (int32_t i = 0; i < 5; ++i) {
    at = moved(o, at, sample(o, &maps->shorts, shorts, at, target),
               sample(o, &maps->shorts, shorts, at, KEYPOINTS + target));
  }
  return at;
}

static void decode_pose(const npu_pose_options* o, const struct maps* maps, struct candidate root,
                        struct pose* pose) {
  // Each edge is pushed at most once in each direction.
  struct candidate queue[2 * EDGES + 1];
  int32_t count = 0;
  uint32_t decoded = 0;
  root.score = sample(o, &maps->logits, KEYPOINTS, root.point, root.id);
  heap_push(queue, &count, root);
  while (count > 0) {
    const struct candidate current = heap_pop(queue, &count);
    if (decoded >> current.id & 1) continue;
    pose->keypoints[current.id] = current.point;
    pose->scores[current.id] = current.score;
    decoded |= 1u << current.id;
    for (int32_t k = 0; k < 2 * EDGES; ++k) {
      const int32_t edge = k % EDGES;
      const int32_t from = k < EDGES ? kFrom[edge] : kTo[edge];
      const int32_t to = k < EDGES ? kTo[edge] : kFrom[edge];
      if (from != current.id || (decoded >> to & 1) != 0) continue;
      // As the original has it: offsets of backward edges, but for the first one, lie behind.
      const int32_t place = k > EDGES ? k + EDGES : k;
      struct candidate next;
      next.point = displaced(o, maps, current.point, place, to);
      next.id = to;
      next.score = sample(o, &maps->logits, KEYPOINTS, next.point, to);
      heap_push(queue, &count, next);
    }
  }
}

/// Whether no neighbour has a higher logit.
static int is_peak(const npu_pose_options* o, const struct values* logits, int32_t y, int32_t x,
                   int32_t id, float score) {
  for (int32_t v = y > 0 ? y - 1 : 0; v <= y + 1 && v < o->height; ++v) {
    for (int32_t u = x > 0 ? x - 1 : 0; u <= x + 1 && u < o->width; ++u) {
      if (value_at(logits, (v * o->width + u) * KEYPOINTS + id) > score) return 0;
    }
  }
  return 1;
}

static int32_t find_candidates(const npu_pose_options* o, const struct maps* maps,
                               struct candidate* queue) {
  int32_t count = 0;
  for (int32_t y = 0; y < o->height; ++y) {
    for (int32_t x = 0; x < o->width; ++x) {
      for (int32_t id = 0; id < KEYPOINTS; ++id) {
        const int32_t at = y * o->width + x;
        const float score = value_at(&maps->logits, at * KEYPOINTS + id);
        if (!(score >= o->least_logit) || !is_peak(o, &maps->logits, y, x, id, score)) continue;
        const struct point place = {(float)y, (float)x};
        struct candidate next;
        next.point = moved(o, place, value_at(&maps->shorts, 2 * at * KEYPOINTS + id),
                           value_at(&maps->shorts, (2 * at + 1) * KEYPOINTS + id));
        next.id = id;
        next.score = score;
        heap_push(queue, &count, next);
      }
    }
  }
  return count;
}

static float squared_distance(struct point a, struct point b) {
  const float y = b.y - a.y, x = b.x - a.x;
  return y * y + x * x;
}

/// Sums the scores of keypoints that are not in `hidden`, from the highest on.
static float pose_score(const struct pose* pose, uint32_t hidden) {
  uint32_t taken = 0;
  float sum = 0.0f;
  for (int32_t i = 0; i < KEYPOINTS; ++i) {
    int32_t best = -1;
    for (int32_t k = 0; k < KEYPOINTS; ++k) {
      if ((taken >> k & 1) == 0 && (best < 0 || pose->scores[k] > pose->scores[best])) best = k;
    }
    taken |= 1u << best;
    if ((hidden >> best & 1) == 0) sum += pose->scores[best];
  }
  return sum / KEYPOINTS;
}

/// Orders poses by falling scores; equal ones keep their order.
static void order_poses(struct pose* poses, int32_t count) {
  for (int32_t i = 0; i < count; ++i) {
    int32_t at = i;
    for (; at > 0 && poses[poses[at - 1].order].score < poses[i].score; --at) {
      poses[at].order = poses[at - 1].order;
    }
    poses[at].order = i;
  }
}

static void poses(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                  const npu_pose_options* o, void* work) {
  const struct maps maps = {values_of(&inputs[0], 1.0f), values_of(&inputs[1], o->block),
                            values_of(&inputs[2], o->block)};
  struct candidate* queue = (struct candidate*)work;
  struct pose* found = (struct pose*)(queue + o->height * o->width * KEYPOINTS);
  int32_t candidates = find_candidates(o, &maps, queue);
  int32_t count = 0;
  while (count < o->most && candidates > 0) {
    const struct candidate root = heap_pop(queue, &candidates);
    int passes = 1;
    for (int32_t i = 0; i < count && passes; ++i) {
      passes = !(squared_distance(root.point, found[i].keypoints[root.id]) <= o->squared_radius);
    }
    if (!passes) continue;
    struct pose* pose = &found[count];
    decode_pose(o, &maps, root, pose);
    for (int32_t k = 0; k < KEYPOINTS; ++k) pose->scores[k] = sigmoid(pose->scores[k]);
    pose->score = pose_score(pose, 0);
    if (pose->score >= o->score_threshold) ++count;
  }
  order_poses(found, count);
  // Keypoints that stand where a better pose has them count no more.
  for (int32_t i = 0; i < count; ++i) {
    struct pose* pose = &found[found[i].order];
    uint32_t hidden = 0;
    for (int32_t j = 0; j < i; ++j) {
      const struct pose* before = &found[found[j].order];
      for (int32_t k = 0; k < KEYPOINTS; ++k) {
        if (squared_distance(pose->keypoints[k], before->keypoints[k]) <= o->squared_radius) {
          hidden |= 1u << k;
        }
      }
    }
    pose->score = pose_score(pose, hidden);
  }
  order_poses(found, count);
  struct point* keypoints = (struct point*)outputs[0].bytes;
  float* scores = (float*)outputs[1].bytes;
  float* pose_scores = (float*)outputs[2].bytes;
  int32_t kept = 0;
  while (kept < count && !(found[found[kept].order].score < o->score_threshold)) ++kept;
  for (int32_t i = 0; i < o->most; ++i) {
    const struct pose* pose = i < kept ? &found[found[i].order] : NULL;
    for (int32_t k = 0; k < KEYPOINTS; ++k) {
      const float stride = (float)o->stride;
      keypoints[i * KEYPOINTS + k] = pose == NULL ? (struct point){0.0f, 0.0f}
                                                  : (struct point){pose->keypoints[k].y * stride,
                                                                   pose->keypoints[k].x * stride};
      scores[i * KEYPOINTS + k] = pose == NULL ? 0.0f : pose->scores[k];
    }
    pose_scores[i] = pose == NULL ? 0.0f : pose->score;
  }
  *(float*)outputs[3].bytes = (float)kept;
}

// All kinds.

static int is_of(const npu_network_tensor* tensor, uint64_t elements) {
  if (tensor == NULL || npu_element_count(tensor) != elements) return 0;
  return tensor->type == NPU_ELEMENT_FLOAT32 ||
         (tensor->type == NPU_ELEMENT_INT8 && tensor->scale != 0 && tensor->scale < 0x7f800000u &&
          tensor->zero_point >= -128 && tensor->zero_point <= 127);
}

static int is_result(const npu_network_tensor* tensor, uint64_t elements) {
  return tensor != NULL && tensor->type == NPU_ELEMENT_FLOAT32 &&
         npu_element_count(tensor) == elements;
}

/// Positive, and no product of two is beyond int32.
static int sizes_are_good(int32_t a, int32_t b) {
  return a > 0 && b > 0 && (int64_t)a * b <= MOST_ELEMENTS;
}

static int is_number(float value) {
  const union float_word number = {.value = value};
  return (number.bits & 0x7f800000u) != 0x7f800000u;
}

int npu_host_detection_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                            uint32_t input_count, const npu_network_tensor* const* outputs,
                            uint32_t output_count, const uint32_t* options, uint32_t option_count,
                            uint32_t work_bytes) {
  if (input_count != 3 || output_count != 4) return 0;
  const void* words = options;
  if (kind == NPU_HOST_DETECTION) {
    const npu_detection_options* o = (const npu_detection_options*)words;
    if (option_count != sizeof(*o) / 4 || !sizes_are_good(o->boxes, o->box_values) ||
        !sizes_are_good(o->boxes, o->columns) || o->box_values < 4 || o->classes < 1 ||
        o->columns < o->classes || o->columns > o->classes + 1 || o->most < 1 ||
        o->most > MOST_RESULTS || o->most_of_a_class < 1 || o->most_of_a_class > MOST_RESULTS) {
      return 0;
    }
    const uint32_t boxes = (uint32_t)o->boxes, most = (uint32_t)o->most;
    return is_of(inputs[0], (uint64_t)boxes * (uint32_t)o->box_values) &&
           is_of(inputs[1], (uint64_t)boxes * (uint32_t)o->columns) &&
           is_of(inputs[2], (uint64_t)boxes * 4) && is_result(outputs[0], 4u * most) &&
           is_result(outputs[1], most) && is_result(outputs[2], most) && is_result(outputs[3], 1) &&
           work_bytes >= NPU_DETECTION_WORK(boxes, most, (uint32_t)o->most_of_a_class);
  }
  const npu_pose_options* o = (const npu_pose_options*)words;
  if (option_count != sizeof(*o) / 4 || !sizes_are_good(o->height, o->width) ||
      !sizes_are_good(o->height * o->width, 4 * EDGES) || o->most < 1 || o->most > MOST_RESULTS ||
      !is_number(o->least_logit) || !is_number(o->score_threshold)) {
    return 0;
  }
  const uint32_t places = (uint32_t)(o->height * o->width), most = (uint32_t)o->most;
  return is_of(inputs[0], (uint64_t)places * KEYPOINTS) &&
         is_of(inputs[1], (uint64_t)places * 2 * KEYPOINTS) &&
         is_of(inputs[2], (uint64_t)places * 4 * EDGES) &&
         is_result(outputs[0], 2u * KEYPOINTS * most) && is_result(outputs[1], KEYPOINTS * most) &&
         is_result(outputs[2], most) && is_result(outputs[3], 1) &&
         work_bytes >= NPU_POSE_WORK(1u, places, most);
}

void npu_host_detection_run(uint32_t kind, const struct npu_host_operand* inputs,
                            const struct npu_host_operand* outputs, const uint32_t* options,
                            void* work) {
  const void* words = options;
  if (kind == NPU_HOST_DETECTION) {
    detection(inputs, outputs, (const npu_detection_options*)words, work);
  } else {
    poses(inputs, outputs, (const npu_pose_options*)words, work);
  }
}
