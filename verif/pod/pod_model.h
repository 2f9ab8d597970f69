// SPDX-License-Identifier: Apache-2.0
// How long a step of training takes on a pod, and what it is spent on (docs/pod.md, 2).
//
// All chips of a mesh do the same, so one stands for all: its products, its memory, its share of
// the links of each axis and of its host's way to the other pods are played layer by layer.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "verif/pod/pod_description.h"

namespace npugen {

/// Numbers of a step that are counted, not estimated. Bytes are those that a chip sends.
struct PodCounts {
  // Parameters.
  uint64_t q = 0, kv = 0, o = 0, feed_forward = 0, norm = 0, layer = 0, embedding = 0, total = 0;
  double parameters_per_chip = 0;
  // Of a layer.
  double gathered_layer_bytes = 0;  ///< that a chip has after a gather
  double all_gather_bytes = 0, reduce_scatter_bytes = 0;
  double tokens_per_data_shard = 0;
  double activation_bytes = 0;  ///< of a data shard at full width
  double model_axis_bytes = 0;  ///< of a pass: gathered at its begin, summed at its end
  // Of a step.
  double data_axis_all_gather_bytes = 0, data_axis_reduce_scatter_bytes = 0;
  double model_axis_step_bytes = 0;
  double cross_pod_bytes_per_chip = 0, cross_pod_bytes_per_host = 0, cross_pod_bytes_total = 0;
  double model_flops_per_chip = 0;
  // Bounds, seconds.
  double matmul_seconds = 0, recompute_seconds = 0;  ///< all products at peak; with a fourth pass
  double all_gather_layer_seconds = 0;               ///< as the mesh has it
  double all_gather_one_ring_seconds = 0;            ///< if the data axis were one ring
  double compute_layer_seconds = 0;                  ///< forward
  double model_pass_seconds = 0;
  double step_data_axis_seconds = 0, step_model_axis_seconds = 0;
};
PodCounts CountPod(const PodDescription& pod);

/// Seconds of an all-gather or reduce-scatter of `bytes` (the size of the whole) on the rings of an
/// axis, all of which are used at the same time, each in `ways` directions.
double AxisSeconds(const PodDescription& pod, const std::vector<uint64_t>& rings, double bytes);

/// What a step is spent on; the seconds of all causes are those of the step.
enum class PodCause : uint8_t {
  kCompute,    ///< products of the network itself
  kRecompute,  ///< products that are computed a second time
  kMemory,     ///< a chip's memory is slower than its products
  kModelAxis,  ///< activations cross the model axis, or products wait for them
  kDataAxis,   ///< weights or gradients are under way on the data axis
  kNetwork,    ///< pods exchange gradients
};
inline constexpr size_t kPodCauses = 6;
/// Such as "model_axis".
std::string_view PodCauseName(PodCause cause);

/// Who is busy with what, for the timeline.
struct PodSpan {
  std::string_view lane;  ///< products, model_axis, data_axis, network, memory
  std::string work;       ///< such as "forward 17"
  double begin = 0, end = 0;
};

/// A step as estimated.
struct PodStep {
  double seconds = 0;
  double causes[kPodCauses] = {};
  PodCause limit = PodCause::kCompute;  ///< the largest one
  double data_axis_busy = 0, model_axis_busy = 0, network_busy = 0, products_busy = 0;
  double memory_busy = 0;
  double model_utilization = 0;     ///< products of the network over peak (MFU)
  double hardware_utilization = 0;  ///< with those that are computed again (HFU)
  double tokens_per_second = 0;
  double memory_needed = 0;  ///< bytes of a chip
  std::vector<PodSpan> spans;
};
PodStep EstimatePod(const PodDescription& pod);

/// Tokens per second of all pods over those of one pod with its share of the batch.
double PodsAgainstOne(const PodDescription& pod, const PodStep& step);

/// The whole report: counts, bounds, step, causes, timeline.
nlohmann::ordered_json PodJson(const PodDescription& pod, const PodCounts& counts,
                               const PodStep& step);
/// The same as a text for readers.
std::string PodText(const PodDescription& pod, const PodCounts& counts, const PodStep& step);

}  // namespace npugen
