// SPDX-License-Identifier: Apache-2.0
// Counts of a step, and the step played layer by layer.
#include "verif/pod/pod_model.h"

#include <fmt/format.h>

#include <algorithm>

namespace npugen {
namespace {

/// An all-gather or reduce-scatter on one ring: `bytes` is the size of the whole.
double RingSeconds(double bytes, double chips, double bandwidth, double latency) {
  return (chips - 1) / chips * bytes / bandwidth + (chips - 1) * latency;
}

/// Work of one layer in one pass, seconds.
struct PassTimes {
  double products = 0;  ///< at the efficiency of the description
  double memory = 0;
};

/// Plays the step on one chip that stands for all.
class PodPlayer {
 public:
  PodPlayer(const PodDescription& pod, const PodCounts& counts) : pod_(pod), counts_(counts) {
    const double tokens = counts.tokens_per_data_shard;
    const auto model = static_cast<double>(pod.model_chips());
    const double rate = pod.compute * pod.efficiency;
    // Scores of all pairs of tokens of a sequence, and what is weighted by them.
    const double attention = 4.0 * static_cast<double>(pod.length) *
                             static_cast<double>(pod.heads * pod.head_width) * tokens / model;
    products_ = (2.0 * static_cast<double>(counts.layer) * tokens / model + attention) / rate;
    head_ = 2.0 * static_cast<double>(counts.embedding) * tokens / model / rate;
    // Weights come and are read; inputs, outputs and what lies between the matrices is written and
    // read once.
    const double inner = tokens * 2 *
                         (static_cast<double>(pod.heads * pod.head_width) / model +
                          static_cast<double>(2 * pod.kv_heads * pod.head_width) +
                          static_cast<double>(pod.feed_forward * (pod.gated ? 2 : 1)) / model);
    const double weights = counts.gathered_layer_bytes * (sharded() ? 2 : 1);
    memory_ = (weights + 4 * counts.activation_bytes + 2 * inner) / pod.memory_bandwidth;
    gather_ = sharded() ? counts.all_gather_layer_seconds : 0;
    const double gradients =
        static_cast<double>(counts.layer) / model * static_cast<double>(pod.gradient_bytes);
    // Of replicated weights every chip needs the whole sum.
    reduce_ = AxisSeconds(pod, pod.data_rings, gradients) * (sharded() ? 1 : 2);
    const auto embedding = static_cast<double>(counts.embedding);
    head_gather_ = sharded()
                       ? AxisSeconds(pod, pod.data_rings,
                                     embedding / model * static_cast<double>(pod.weight_bytes))
                       : 0;
    head_reduce_ = AxisSeconds(pod, pod.data_rings,
                               embedding / model * static_cast<double>(pod.gradient_bytes)) *
                   (sharded() ? 1 : 2);
    if (pod.pods > 1) {
      const auto pods = static_cast<double>(pod.pods);
      exchange_ = 2 * (pods - 1) / pods * static_cast<double>(pod.gradient_bytes) /
                  static_cast<double>(pod.hosts) / pod.network_bandwidth;
    }
  }

  PodStep Play() {
    const auto layers = static_cast<uint32_t>(pod_.layers);
    for (uint32_t l = 0; l < layers; ++l) {
      // The buffer of the layer before the last one is free when the last one begins.
      const double gathered = Gather(fmt::format("gather {}", l), gather_, l == 0 ? 0 : begun_);
      Layer(fmt::format("forward {}", l), gathered, 1, 0, 1);
    }
    const double head = Gather("gather table", head_gather_, begun_);
    Block("table", head, {3 * head_, 0}, 0, 0);
    // What was asked for when a layer began comes before the sums of that layer.
    double gathered = Gather(fmt::format("gather {}", layers - 1), gather_, begun_);
    Reduce("sum table", head_reduce_, static_cast<double>(counts_.embedding));
    for (uint32_t l = layers; l-- > 0;) {
      Layer(fmt::format("backward {}", l), gathered, 2, pod_.recompute ? 1 : 0,
            pod_.recompute ? 2 : 1);
      if (l > 0) gathered = Gather(fmt::format("gather {}", l - 1), gather_, begun_);
      Reduce(fmt::format("sum {}", l), reduce_, static_cast<double>(counts_.layer));
    }
    End();
    return std::move(step_);
  }

 private:
  bool sharded() const { return pod_.sharding == PodSharding::kFullySharded; }

  void Span(std::string_view lane, std::string work, double begin, double end) {
    if (end > begin) step_.spans.push_back({lane, std::move(work), begin, end});
  }
  double& Cause(PodCause cause) { return step_.causes[static_cast<size_t>(cause)]; }

  /// Takes its turn on the data axis; returns when it has ended.
  double Gather(std::string work, double seconds, double asked) {
    const double begin = std::max(data_free_, asked);
    data_free_ = begin + seconds;
    step_.data_axis_busy += seconds;
    Span("data_axis", std::move(work), begin, data_free_);
    return seconds > 0 ? data_free_ : 0;
  }

  void Reduce(std::string work, double seconds, double parameters) {
    const double summed = std::max(Gather(work, seconds, now_), now_);
    last_sum_ = std::max(last_sum_, summed);
    if (pod_.exchange == PodExchange::kStreamed) Exchange(std::move(work), parameters, summed);
  }

  void Exchange(std::string work, double parameters, double asked) {
    const double seconds = exchange_ * parameters;
    const double begin = std::max(network_free_, asked);
    network_free_ = begin + seconds;
    step_.network_busy += seconds;
    Span("network", std::move(work), begin, network_free_);
  }

  /// `passes` times the products of a layer, `again` of them more because they were forgotten, and
  /// `crossings` of the model axis.
  void Layer(std::string work, double gathered, double passes, double again, double crossings) {
    const double all = passes + again;
    Block(std::move(work), gathered, {products_ * all, memory_ * all}, products_ * again,
          crossings * counts_.model_pass_seconds);
  }

  void Block(std::string work, double gathered, const PassTimes& times, double again,
             double crossing) {
    if (gathered > now_) {
      Cause(PodCause::kDataAxis) += gathered - now_;
      now_ = gathered;
    }
    begun_ = now_;
    Cause(PodCause::kCompute) += times.products - again;
    Cause(PodCause::kRecompute) += again;
    const double local = std::max(times.products, times.memory);
    Cause(PodCause::kMemory) += local - times.products;
    const double exposed = pod_.overlap_model_axis ? std::max(crossing - local, 0.0) : crossing;
    Cause(PodCause::kModelAxis) += exposed;
    // Half of what crosses comes before the products, half behind them.
    const double first = pod_.overlap_model_axis ? 0 : crossing / 2;
    const double start = now_ + first;
    now_ += local + exposed;
    step_.products_busy += times.products;
    step_.memory_busy += times.memory;
    step_.model_axis_busy += crossing;
    Span("products", work, start, start + times.products);
    Span("memory", work, start, start + times.memory);
    if (pod_.overlap_model_axis) {
      Span("model_axis", std::move(work), begun_, begun_ + crossing);
    } else {
      Span("model_axis", work, begun_, start);
      Span("model_axis", std::move(work), start + local, now_);
    }
  }

  /// Sums and exchanges that are still under way, then the optimizer.
  void End() {
    if (last_sum_ > now_) {
      Cause(PodCause::kDataAxis) += last_sum_ - now_;
      now_ = last_sum_;
    }
    if (pod_.exchange == PodExchange::kAtEnd) {
      Exchange("exchange",
               static_cast<double>(counts_.layer) * static_cast<double>(pod_.layers) +
                   static_cast<double>(counts_.embedding),
               now_);
    }
    if (network_free_ > now_) {
      Cause(PodCause::kNetwork) += network_free_ - now_;
      now_ = network_free_;
    }
    // State is read and written, gradients are read, weights are written.
    const double held = HeldParameters();
    const double update =
        held * static_cast<double>(2 * pod_.state_bytes + pod_.gradient_bytes + pod_.weight_bytes) /
        pod_.memory_bandwidth;
    Cause(PodCause::kMemory) += update;
    step_.memory_busy += update;
    Span("memory", "update", now_, now_ + update);
    now_ += update;
    step_.seconds = now_;
    step_.limit = static_cast<PodCause>(
        std::max_element(std::begin(step_.causes), std::end(step_.causes)) - step_.causes);
    const double peak = pod_.compute * now_;
    step_.model_utilization = counts_.model_flops_per_chip / peak;
    step_.hardware_utilization = step_.model_utilization * (pod_.recompute ? 8.0 / 6.0 : 1);
    step_.tokens_per_second =
        static_cast<double>(pod_.sequences) * static_cast<double>(pod_.length) / now_;
    step_.memory_needed = MemoryNeeded();
  }

  double HeldParameters() const {
    return sharded() ? counts_.parameters_per_chip
                     : counts_.parameters_per_chip * static_cast<double>(pod_.data_chips());
  }

  double MemoryNeeded() const {
    const double held = HeldParameters();
    const auto model = static_cast<double>(pod_.model_chips());
    const auto layers = static_cast<double>(pod_.layers);
    double bytes =
        held * static_cast<double>(pod_.weight_bytes + pod_.gradient_bytes + pod_.state_bytes);
    if (sharded()) bytes += 2 * counts_.gathered_layer_bytes;
    const double inner = counts_.tokens_per_data_shard * 2 *
                         (static_cast<double>(pod_.heads * pod_.head_width +
                                              pod_.feed_forward * (pod_.gated ? 2 : 1)) /
                              model +
                          static_cast<double>(2 * pod_.kv_heads * pod_.head_width));
    // Inputs of all layers, each chip of the model axis a share; what lies between the matrices of
    // one layer, or of all; one layer's input and output at full width.
    bytes += layers * counts_.activation_bytes / model;
    bytes += inner * (pod_.recompute ? 1 : layers) + 2 * counts_.activation_bytes;
    return bytes;
  }

  const PodDescription& pod_;
  const PodCounts& counts_;
  double products_ = 0, memory_ = 0, head_ = 0;  ///< of a pass forward
  double gather_ = 0, reduce_ = 0, head_gather_ = 0, head_reduce_ = 0;
  double exchange_ = 0;  ///< for each parameter
  double now_ = 0, begun_ = 0, data_free_ = 0, network_free_ = 0, last_sum_ = 0;
  PodStep step_;
};

}  // namespace

double AxisSeconds(const PodDescription& pod, const std::vector<uint64_t>& rings, double bytes) {
  double rows = 0;  // rings with links
  for (const uint64_t ring : rings) rows += ring > 1 ? 1 : 0;
  const double bandwidth = rows * static_cast<double>(pod.link_ways) * pod.link_bandwidth;
  double seconds = 0, chips = 1;
  for (const uint64_t ring : rings) {
    if (ring < 2) continue;
    seconds += RingSeconds(bytes / chips, static_cast<double>(ring), bandwidth, pod.link_latency);
    chips *= static_cast<double>(ring);
  }
  return seconds;
}

// The order of operations is that of the reference (pod_bytes.py of the shared data), whose figures
// are held digit by digit.
PodCounts CountPod(const PodDescription& pod) {
  PodCounts c;
  c.q = pod.width * pod.heads * pod.head_width;
  c.kv = 2 * pod.width * pod.kv_heads * pod.head_width;
  c.o = pod.heads * pod.head_width * pod.width;
  c.feed_forward = (pod.gated ? 3 : 2) * pod.width * pod.feed_forward;
  c.norm = pod.width;
  c.layer = c.q + c.kv + c.o + c.feed_forward + c.norm;
  c.embedding = pod.vocabulary * pod.width;
  c.total = pod.layers * c.layer + c.embedding;

  const auto total = static_cast<double>(c.total), layer = static_cast<double>(c.layer);
  const auto model = static_cast<double>(pod.model_chips());
  const auto data = static_cast<double>(pod.data_chips());
  const auto layers = static_cast<double>(pod.layers);
  const auto weight_bytes = static_cast<double>(pod.weight_bytes);
  const auto gradient_bytes = static_cast<double>(pod.gradient_bytes);
  c.parameters_per_chip = total / (model * data);
  c.gathered_layer_bytes = layer / model * weight_bytes;
  c.all_gather_bytes = c.gathered_layer_bytes * (data - 1) / data;
  c.reduce_scatter_bytes = layer / model * gradient_bytes * (data - 1) / data;
  if (pod.sharding == PodSharding::kReplicated) {  // sums are gathered instead of weights
    c.all_gather_bytes = 0;
    c.reduce_scatter_bytes *= 2;
  }
  const double tokens =
      static_cast<double>(pod.sequences / pod.pods) * static_cast<double>(pod.length);
  c.tokens_per_data_shard = tokens / data;
  c.activation_bytes = c.tokens_per_data_shard * static_cast<double>(pod.width) * 2;
  c.model_axis_bytes = 2 * c.activation_bytes * (model - 1) / model;

  const double crossings = pod.recompute ? 3 : 2;  // forward, again, backward
  c.data_axis_all_gather_bytes = 2 * layers * c.all_gather_bytes;
  c.data_axis_reduce_scatter_bytes = layers * c.reduce_scatter_bytes;
  c.model_axis_step_bytes = crossings * layers * c.model_axis_bytes;
  if (pod.pods > 1) {
    const auto pods = static_cast<double>(pod.pods);
    const double share = 2 * (pods - 1) / pods;  // of an all-reduce: 1 for two pods
    c.cross_pod_bytes_per_chip = total / (model * data) * gradient_bytes * share;
    c.cross_pod_bytes_per_host = total * gradient_bytes / static_cast<double>(pod.hosts) * share;
    c.cross_pod_bytes_total = total * gradient_bytes * share;
  }
  c.model_flops_per_chip = 6 * total * tokens / (model * data);
  c.matmul_seconds = c.model_flops_per_chip / pod.compute;
  c.recompute_seconds = c.model_flops_per_chip * 8 / 6 / pod.compute;

  c.all_gather_layer_seconds = AxisSeconds(pod, pod.data_rings, c.gathered_layer_bytes);
  c.all_gather_one_ring_seconds =
      RingSeconds(c.gathered_layer_bytes, data,
                  static_cast<double>(pod.link_ways) * pod.link_bandwidth, pod.link_latency);
  c.compute_layer_seconds = 2 * layer * c.tokens_per_data_shard / model / pod.compute;
  c.model_pass_seconds = 2 * AxisSeconds(pod, pod.model_rings, c.activation_bytes);
  c.step_data_axis_seconds = 3 * layers * c.all_gather_layer_seconds;
  c.step_model_axis_seconds = crossings * layers * c.model_pass_seconds;
  return c;
}

std::string_view PodCauseName(PodCause cause) {
  constexpr std::string_view kNames[kPodCauses] = {"compute",    "recompute", "memory",
                                                   "model_axis", "data_axis", "network"};
  return kNames[static_cast<size_t>(cause)];
}

PodStep EstimatePod(const PodDescription& pod) {
  const PodCounts counts = CountPod(pod);
  return PodPlayer(pod, counts).Play();
}

double PodsAgainstOne(const PodDescription& pod, const PodStep& step) {
  PodDescription one = pod;
  one.pods = 1;
  one.sequences = pod.sequences / pod.pods;
  return step.tokens_per_second / EstimatePod(one).tokens_per_second;
}

}  // namespace npugen
