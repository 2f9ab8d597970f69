// SPDX-License-Identifier: Apache-2.0
// What is said of an estimated step.
#include <fmt/format.h>

#include "generator/support/version.h"
#include "verif/pod/pod_model.h"

namespace npugen {
namespace {

using nlohmann::ordered_json;

std::string_view ShardingName(PodSharding sharding) {
  return sharding == PodSharding::kFullySharded ? "fully_sharded" : "replicated";
}

/// With three or more digits that count, by thousands.
std::string PodAmount(double value) {
  constexpr std::string_view kPrefixes[] = {"", " k", " M", " G", " T", " P", " E"};
  size_t prefix = 0;
  while (value >= 1000 && prefix + 1 < std::size(kPrefixes)) {
    value /= 1000;
    ++prefix;
  }
  return fmt::format("{:.4g}{}{}", value, prefix == 0 ? " " : "", kPrefixes[prefix]);
}

}  // namespace

ordered_json PodJson(const PodDescription& pod, const PodCounts& c, const PodStep& step) {
  ordered_json json = {
      {"pod", pod.name},
      {"npugen", kToolVersion},
      {"chips", pod.chips()},
      {"mesh",
       {{"pods", pod.pods},
        {"model", pod.model_rings},
        {"data", pod.data_rings},
        {"sharding", ShardingName(pod.sharding)}}},
      {"batch", {{"sequences", pod.sequences}, {"length", pod.length}}},
      {"seconds", step.seconds},
      {"tokens_per_second", step.tokens_per_second},
      {"model_utilization", step.model_utilization},
      {"hardware_utilization", step.hardware_utilization},
      {"limit", PodCauseName(step.limit)},
      {"against_one_pod", pod.pods > 1 ? ordered_json(PodsAgainstOne(pod, step)) : ordered_json()}};
  for (size_t i = 0; i < kPodCauses; ++i) {
    json["causes"].push_back({{"cause", PodCauseName(static_cast<PodCause>(i))},
                              {"seconds", step.causes[i]},
                              {"share", step.causes[i] / step.seconds}});
  }
  json["busy"] = {{"products", step.products_busy},
                  {"memory", step.memory_busy},
                  {"model_axis", step.model_axis_busy},
                  {"data_axis", step.data_axis_busy},
                  {"network", step.network_busy}};
  json["memory"] = {{"bytes", step.memory_needed},
                    {"of", pod.memory_bytes},
                    {"fits", step.memory_needed <= pod.memory_bytes}};
  json["parameters"] = {{"q", c.q},
                        {"kv", c.kv},
                        {"o", c.o},
                        {"feed_forward", c.feed_forward},
                        {"norm", c.norm},
                        {"layer", c.layer},
                        {"embedding", c.embedding},
                        {"total", c.total},
                        {"per_chip", c.parameters_per_chip}};
  json["per_layer"] = {{"gathered_layer_bytes", c.gathered_layer_bytes},
                       {"all_gather_bytes", c.all_gather_bytes},
                       {"reduce_scatter_bytes", c.reduce_scatter_bytes},
                       {"tokens_per_data_shard", c.tokens_per_data_shard},
                       {"activation_bytes", c.activation_bytes},
                       {"model_axis_bytes", c.model_axis_bytes}};
  json["per_step"] = {{"data_axis_all_gather_bytes", c.data_axis_all_gather_bytes},
                      {"data_axis_reduce_scatter_bytes", c.data_axis_reduce_scatter_bytes},
                      {"model_axis_bytes", c.model_axis_step_bytes},
                      {"cross_pod_bytes_per_chip", c.cross_pod_bytes_per_chip},
                      {"cross_pod_bytes_per_host", c.cross_pod_bytes_per_host},
                      {"cross_pod_bytes_total", c.cross_pod_bytes_total},
                      {"model_flops_per_chip", c.model_flops_per_chip}};
  json["bounds"] = {{"matmul_s", c.matmul_seconds},
                    {"with_recompute_s", c.recompute_seconds},
                    {"all_gather_layer_s", c.all_gather_layer_seconds},
                    {"all_gather_layer_one_ring_s", c.all_gather_one_ring_seconds},
                    {"compute_layer_forward_s", c.compute_layer_seconds},
                    {"model_axis_pass_s", c.model_pass_seconds},
                    {"step_data_axis_s", c.step_data_axis_seconds},
                    {"step_model_axis_s", c.step_model_axis_seconds}};
  for (const PodSpan& span : step.spans) {
    json["spans"].push_back(
        {{"lane", span.lane}, {"work", span.work}, {"begin", span.begin}, {"end", span.end}});
  }
  return json;
}

std::string PodText(const PodDescription& pod, const PodCounts& c, const PodStep& step) {
  std::string text = fmt::format(
      "{}: {} pods x {} model x {} data = {} chips, weights {}\n"
      "{}parameters, {} sequences of {} tokens a step\n\n",
      pod.name, pod.pods, fmt::join(pod.model_rings, "x"), fmt::join(pod.data_rings, "x"),
      pod.chips(), pod.sharding == PodSharding::kFullySharded ? "fully sharded" : "replicated",
      PodAmount(static_cast<double>(c.total)) + " ", pod.sequences, pod.length);
  text += fmt::format(
      "step {:.3f} s, {}tokens/s, MFU {:.1f} %, with what is computed again {:.1f} %\n"
      "limit: {}\n",
      step.seconds, PodAmount(step.tokens_per_second) + " ", 100 * step.model_utilization,
      100 * step.hardware_utilization, PodCauseName(step.limit));
  if (pod.pods > 1) {
    text += fmt::format("{} pods against one with its share of the batch: {:.3f} x\n", pod.pods,
                        PodsAgainstOne(pod, step));
  }
  text += fmt::format("memory of a chip: {:.2f} of {:.2f} GiB{}\n\n", step.memory_needed / 0x1p30,
                      pod.memory_bytes / 0x1p30,
                      step.memory_needed <= pod.memory_bytes ? "" : ": DOES NOT FIT");
  text += fmt::format("{:12} {:>10} {:>7}   {}\n", "spent on", "seconds", "share", "busy in all");
  const double busy[kPodCauses] = {step.products_busy,  0,
                                   step.memory_busy,    step.model_axis_busy,
                                   step.data_axis_busy, step.network_busy};
  for (size_t i = 0; i < kPodCauses; ++i) {
    const auto cause = static_cast<PodCause>(i);
    text += fmt::format("{:12} {:10.4f} {:5.1f} %", PodCauseName(cause), step.causes[i],
                        100 * step.causes[i] / step.seconds);
    if (cause != PodCause::kRecompute) text += fmt::format("   {:.4f} s", busy[i]);
    text += '\n';
  }
  text += fmt::format(
      "\nbytes that a chip sends in a step: data axis {}B gathered, {}B summed; model axis {}B;\n"
      "to other pods {}B, {}B of a host\n"
      "bounds: products at peak {:.4f} s, with what is computed again {:.4f} s; data axis {:.4f} "
      "s, "
      "model axis {:.4f} s\n",
      PodAmount(c.data_axis_all_gather_bytes), PodAmount(c.data_axis_reduce_scatter_bytes),
      PodAmount(c.model_axis_step_bytes), PodAmount(c.cross_pod_bytes_per_chip),
      PodAmount(c.cross_pod_bytes_per_host), c.matmul_seconds, c.recompute_seconds,
      c.step_data_axis_seconds, c.step_model_axis_seconds);
  return text;
}

}  // namespace npugen
