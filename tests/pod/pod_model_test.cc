// SPDX-License-Identifier: Apache-2.0
// The model of a step: PaLM's counts and bounds digit by digit, and steps by hand.
#include "verif/pod/pod_model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "sw/collective/collective.h"
#include "tests/support/shared_links.h"
#include "verif/pod/pod_description.h"

namespace npugen {
namespace {

using nlohmann::json;

std::string PodFile(const std::string& name) {
  std::ifstream file(testing::SourcePath(name));
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
std::string PalmText() { return PodFile("models/pod/palm.yaml"); }

PodDescription Palm(const std::vector<PodChange>& changes = {}) {
  const Result<PodDescription> pod = ReadPod(PalmText(), "palm.yaml", changes);
  EXPECT_TRUE(pod.ok()) << FormatDiagnostic(pod.errors().front(), false);
  return pod.ok() ? *pod : PodDescription();
}

/// Our counts under the names of the shared data.
json PalmCounts(const PodDescription& pod) {
  const PodCounts c = CountPod(pod);
  return {{"model",
           {{"d", pod.width},
            {"layers", pod.layers},
            {"heads", pod.heads},
            {"head", pod.head_width},
            {"ff", pod.feed_forward},
            {"vocab", pod.vocabulary},
            {"seq", pod.length}}},
          {"mesh", {{"model", pod.model_chips()}, {"data", pod.data_chips()}, {"pods", pod.pods}}},
          {"parameters",
           {{"q", c.q},
            {"kv", c.kv},
            {"o", c.o},
            {"ff", c.feed_forward},
            {"norm", c.norm},
            {"layer", c.layer},
            {"embedding", c.embedding},
            {"total", c.total}}},
          {"per_layer",
           {{"params_total", c.total},
            {"params_per_chip", c.parameters_per_chip},
            {"gathered_layer_bytes_per_chip", c.gathered_layer_bytes},
            {"all_gather_bytes_sent_per_chip_per_layer", c.all_gather_bytes},
            {"reduce_scatter_bytes_sent_per_chip_per_layer", c.reduce_scatter_bytes},
            {"tokens_per_data_shard", c.tokens_per_data_shard},
            {"activation_bytes_full_width", c.activation_bytes},
            {"model_axis_bytes_sent_per_chip_per_layer_pass", c.model_axis_bytes}}},
          {"per_step",
           {{"data_axis_all_gather_GB", c.data_axis_all_gather_bytes / 1e9},
            {"data_axis_reduce_scatter_GB", c.data_axis_reduce_scatter_bytes / 1e9},
            {"model_axis_GB", c.model_axis_step_bytes / 1e9},
            {"cross_pod_bytes_per_chip", c.cross_pod_bytes_per_chip},
            {"cross_pod_GB_per_host_each_way", c.cross_pod_bytes_per_host / 1e9},
            {"cross_pod_total_GB_each_way", c.cross_pod_bytes_total / 1e9},
            {"model_flops_per_chip", c.model_flops_per_chip},
            {"matmul_time_s_at_275T", c.matmul_seconds},
            {"with_recompute_s_at_275T", c.recompute_seconds}}},
          {"bounds",
           {{"all_gather_layer_two_axis_bidir_s", c.all_gather_layer_seconds},
            {"all_gather_layer_one_ring_of_256_bidir_s", c.all_gather_one_ring_seconds},
            {"compute_layer_forward_s", c.compute_layer_seconds},
            {"model_axis_pass_s", c.model_pass_seconds},
            {"step_data_axis_s", c.step_data_axis_seconds},
            {"step_model_axis_s", c.step_model_axis_seconds}}}};
}

/// Every number of the reference, to the last digit.
TEST(SharedLinks, PalmEqualsTheReference) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  json reference = testing::SharedLinksJson("pod/palm.json");
  reference.erase("rings");
  EXPECT_EQ(json::diff(PalmCounts(Palm()), reference), json::array());
}

/// Bytes of small rings: those of the sends, where pieces are even, and the formula of the text.
TEST(SharedLinks, RingsEqualTheReference) {
  if (testing::SharedLinksFolder().empty()) GTEST_SKIP() << testing::kNoSharedLinks;
  const json rings = testing::SharedLinksJson("pod/palm.json").at("rings");
  ASSERT_EQ(rings.size(), 28u);
  for (const json& ring : rings) {
    const auto chips = ring.at("chips").get<uint32_t>();
    const auto bytes = ring.at("bytes").get<uint64_t>();
    Collective c;
    c.rings = {chips};
    c.element_bytes = 1;
    c.elements = bytes;
    EXPECT_EQ(StepsOf(c), ring.at("steps"));
    const double each = static_cast<double>(bytes * (chips - 1)) / chips;
    EXPECT_EQ(2.0 * static_cast<double>(bytes) * (chips - 1) / chips,
              ring.at("sent_per_chip_all_reduce"));
    EXPECT_EQ(each, ring.at("sent_per_chip_reduce_scatter"));
    uint64_t all = 0;
    for (uint32_t chip = 0; chip < chips; ++chip) {
      for (const Send& send : SendsOf(c, chip)) all += send.elements.size();
    }
    // Uneven pieces change who sends how much, not how much all send.
    EXPECT_EQ(all, 2 * bytes * (chips - 1));
  }
}

/// The same without the shared data.
TEST(PodModel, PalmCounts) {
  const PodCounts c = CountPod(Palm());
  EXPECT_EQ(c.total, 540356456448u);
  EXPECT_EQ(c.parameters_per_chip, 175897284.0);
  EXPECT_EQ(c.all_gather_bytes, 753595380.0);
  EXPECT_EQ(c.model_axis_bytes, 553648128.0);
  EXPECT_EQ(c.cross_pod_bytes_per_chip, 351794568.0);
  EXPECT_EQ(c.matmul_seconds, 8.048363802221846);
  EXPECT_EQ(c.all_gather_layer_seconds, 0.0037979768999999997);
}

double CauseSum(const PodStep& step) {
  return std::accumulate(std::begin(step.causes), std::end(step.causes), 0.0);
}

TEST(PodModel, PalmStep) {
  const PodDescription pod = Palm();
  EXPECT_EQ(pod.chips(), 6144u);
  const auto begin = std::chrono::steady_clock::now();
  const PodStep step = EstimatePod(pod);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_LE(took.count(), 1.0);
  // Between all products at the chips' peak and the published step (238.3 k tokens per second).
  EXPECT_GT(step.seconds, 8.0);
  EXPECT_LT(step.seconds, 17.6);
  EXPECT_EQ(step.limit, PodCause::kCompute);
  EXPECT_NEAR(CauseSum(step), step.seconds, 1e-9 * step.seconds);
  EXPECT_NEAR(step.model_utilization, 8.048363802221846 / step.seconds, 1e-12);
  // Nothing but the products' own and the second forward pass is longer than what links need.
  EXPECT_GE(step.seconds, CountPod(pod).recompute_seconds);
  const double against = PodsAgainstOne(pod, step);
  EXPECT_GT(against, 1.9);
  EXPECT_LT(against, 2.0);
}

/// A small pod, worked out by hand.
constexpr const char* kSmall = R"(name: small
chip: {compute: 1 GFLOP/s, memory: 1 GiB, memory_bandwidth: 1 TB/s}
links: {bandwidth: 1 MB/s, ways: 1}
mesh: {model: [1], data: [4]}
transformer: {width: 64, layers: 2, heads: 4, kv_heads: 4, head_width: 16, feed_forward: 256, vocabulary: 128}
batch: {sequences: 4, length: 8}
training: {recompute: false, state_bytes: 0}
)";

PodStep SmallStep(const std::vector<PodChange>& changes, PodDescription* out = nullptr) {
  const Result<PodDescription> pod = ReadPod(kSmall, "small.yaml", changes);
  EXPECT_TRUE(pod.ok()) << FormatDiagnostic(pod.errors().front(), false);
  if (out != nullptr) *out = *pod;
  const PodStep step = EstimatePod(*pod);
  EXPECT_NEAR(CauseSum(step), step.seconds, 1e-9 * step.seconds);
  return step;
}

TEST(PodModel, ByHand) {
  // Products alone: 12 * 64 * 64 + 64 parameters a layer, 64 * 128 of the table; 8 tokens; scores.
  const double layer = 2.0 * (12 * 64 * 64 + 64) * 8 + 4.0 * 8 * 64 * 8;
  const double table = 2.0 * 64 * 128 * 8;
  const double products = (2 * 3 * layer + 3 * table) / 1e9;
  PodDescription pod;
  const PodStep alone = SmallStep({{"mesh.data", "1"}, {"batch.sequences", "1"}}, &pod);
  EXPECT_NEAR(alone.causes[0], products, 1e-12);
  EXPECT_EQ(alone.data_axis_busy, 0);
  EXPECT_EQ(alone.model_axis_busy, 0);
  // Gathers: 3/4 of a layer's 2-byte weights, one at first; then the axis is the bottleneck.
  const PodStep sharded = SmallStep({});
  const double gather = 0.75 * (12 * 64 * 64 + 64) * 2 / 1e6;
  const double head = 0.75 * 64 * 128 * 2 / 1e6;
  EXPECT_NEAR(sharded.data_axis_busy, 2 * 3 * gather + 2 * head, 1e-12);
  EXPECT_EQ(sharded.limit, PodCause::kDataAxis);
  EXPECT_GE(sharded.seconds, sharded.data_axis_busy);
  // Replicated: no gathers, sums twice round the ring.
  const PodStep replicated = SmallStep({{"training.sharding", "replicated"}});
  EXPECT_NEAR(replicated.data_axis_busy, 2 * (2 * gather + head), 1e-12);
  // Twice the links, half of the time on them.
  const PodStep both = SmallStep({{"links.ways", "2"}});
  EXPECT_NEAR(both.data_axis_busy, sharded.data_axis_busy / 2, 1e-12);
}

/// More of anything never makes a step longer; the order of causes follows what is scarce.
TEST(PodModel, Scarcity) {
  EXPECT_EQ(SmallStep({{"links.bandwidth", "1 TB/s"}}).limit, PodCause::kCompute);
  EXPECT_EQ(SmallStep({{"links.bandwidth", "1 TB/s"}, {"chip.memory_bandwidth", "1 MB/s"}}).limit,
            PodCause::kMemory);
  const std::vector<PodChange> model = {{"mesh.model", "4"}, {"mesh.data", "1"}};
  EXPECT_EQ(SmallStep(model).limit, PodCause::kModelAxis);
  std::vector<PodChange> overlapped = model;
  overlapped.push_back({"training.overlap_model_axis", "true"});
  EXPECT_LT(SmallStep(overlapped).seconds, SmallStep(model).seconds);
  const std::vector<PodChange> pods = {{"mesh.pods", "2"},
                                       {"batch.sequences", "8"},
                                       {"network.hosts", "1"},
                                       {"network.bandwidth", "100 kB/s"},
                                       {"links.bandwidth", "1 TB/s"}};
  EXPECT_EQ(SmallStep(pods).limit, PodCause::kNetwork);
  std::vector<PodChange> streamed = pods;
  streamed.push_back({"network.exchange", "streamed"});
  EXPECT_LT(SmallStep(streamed).seconds, SmallStep(pods).seconds);
  EXPECT_GT(SmallStep({{"training.recompute", "true"}}).causes[1], 0);
}

/// No step is shorter than any of its resources is busy, and none longer with more of one.
TEST(PodModel, MoreIsNeverSlower) {
  std::mt19937_64 random(32);
  const std::vector<std::vector<uint64_t>> rings = {{1}, {2}, {4}, {2, 2}, {8}, {4, 4}};
  for (int round = 0; round < 400; ++round) {
    PodDescription pod = Palm();
    pod.layers = 1 + random() % 20;
    pod.pods = uint64_t{1} << random() % 3;
    pod.model_rings = rings[random() % rings.size()];
    pod.data_rings = rings[random() % rings.size()];
    pod.hosts = 1;
    pod.sequences = pod.pods * pod.data_chips() * (1 + random() % 4);
    pod.sharding = static_cast<PodSharding>(random() % 2);
    pod.exchange = static_cast<PodExchange>(random() % 2);
    pod.recompute = random() % 2 == 0;
    pod.overlap_model_axis = random() % 2 == 0;
    double* const rates[] = {&pod.compute, &pod.memory_bandwidth, &pod.link_bandwidth,
                             &pod.network_bandwidth};
    for (double* rate : rates) *rate *= std::exp2(static_cast<double>(random() % 13) - 6);
    const PodStep step = EstimatePod(pod);
    const double least = step.seconds * (1 + 1e-9);
    EXPECT_LE(step.products_busy, least);
    EXPECT_LE(step.memory_busy, least);
    EXPECT_LE(step.model_axis_busy, least);
    EXPECT_LE(step.data_axis_busy, least);
    EXPECT_LE(step.network_busy, least);
    EXPECT_NEAR(CauseSum(step), step.seconds, 1e-9 * step.seconds);
    for (double* rate : rates) {
      *rate *= 2;
      EXPECT_LE(EstimatePod(pod).seconds, least);
      *rate /= 2;
    }
    for (const PodSpan& span : step.spans) {
      EXPECT_GE(span.begin, 0);
      EXPECT_LE(span.end, least);
    }
  }
}

/// The closed form of an axis is what its sends take when all rings of it work at the same time.
TEST(PodModel, AxisSecondsAreThoseOfTheSends) {
  PodDescription pod;
  pod.link_bandwidth = 1;
  for (const std::vector<uint64_t>& rings :
       {std::vector<uint64_t>{8}, std::vector<uint64_t>{4, 4}, std::vector<uint64_t>{16, 16}}) {
    for (uint64_t ways = 1; ways <= 2; ++ways) {
      pod.link_ways = ways;
      Collective c;
      c.kind = CollectiveKind::kReduceScatter;
      for (const uint64_t ring : rings) c.rings.push_back(static_cast<uint32_t>(ring));
      c.ways = static_cast<uint32_t>(ways);
      c.all_axes_at_once = true;
      c.element_bytes = 16;
      c.elements = 4096;
      const double bytes = 4096 * 16;
      EXPECT_NEAR(AxisSeconds(pod, rings, bytes),
                  PlayCollective(c, {.bytes_per_cycle = 1, .latency = 0}), 1e-6);
    }
  }
}

/// Every error that a change of PaLM's file can make: its code and what it names.
TEST(PodDescription, Refusals) {
  const struct {
    const char* key;
    const char* value;
    const char* code;
  } cases[] = {
      {"mesh.data", "16x15", "S140"},
      {"mesh.model", "7", "S140"},
      {"mesh.data", "512x512", "S115"},
      {"mesh.data", "4096x4096x4096x4096", "S115"},
      {"mesh.data", "2x2x2x2x2", "S115"},
      {"mesh.data", "0", "S115"},
      {"mesh.data", "", "S113"},
      {"mesh.data", "16x", "S113"},
      {"mesh.data", "-1", "S115"},
      {"mesh.pods", "0", "S115"},
      {"mesh.pods", "3", "S140"},
      {"mesh.pods", "9223372036854775808", "S115"},
      {"mesh.pods", "18446744073709551616", "S115"},
      {"network.hosts", "5", "S140"},
      {"batch.sequences", "2047", "S140"},
      {"batch.sequences", "9223372036854775808", "S115"},
      {"batch.length", "1e3", "S113"},
      {"transformer.kv_heads", "5", "S141"},
      {"transformer.layers", "0x10", "S113"},
      {"chip.compute", "275", "S114"},
      {"chip.compute", "275 TFLOPS", "S114"},
      {"chip.compute", "0 TFLOP/s", "S115"},
      {"chip.compute", "-1 TFLOP/s", "S113"},
      {"chip.compute", "nan TFLOP/s", "S113"},
      {"chip.compute", "1.2.3 TFLOP/s", "S113"},
      {"chip.compute",
       "9999999999999999999999999999999999999999999999999999999999999999999999999999 TFLOP/s",
       "S115"},
      {"chip.efficiency", "1.01", "S115"},
      {"chip.efficiency", "0", "S115"},
      {"links.bandwidth", "0 GB/s", "S115"},
      {"training.sharding", "half", "S117"},
      {"training.recompute", "yes", "S117"},
      {"mesh.dota", "4", "S110"},
      {"nothing.at.all", "4", "S110"},
      {"mesh", "4", "S110"},
      {"name", "PaLM 540", "S117"},
  };
  for (const auto& wrong : cases) {
    const Result<PodDescription> pod = ReadPod(PalmText(), "palm.yaml", {{wrong.key, wrong.value}});
    ASSERT_FALSE(pod.ok()) << wrong.key << '=' << wrong.value;
    EXPECT_EQ(CodeText(pod.errors().front().code), wrong.code)
        << wrong.key << '=' << wrong.value << ": " << pod.errors().front().message;
    EXPECT_FALSE(pod.errors().front().hint.empty()) << wrong.key;
  }
}

/// Places in the file, and all errors at once.
TEST(PodDescription, Places) {
  const std::string text =
      "name: p\nchip: 4\nlinks: {bandwidth: 1 GB/s, speed: 3}\nmesh:\n  model: [1, a]\n  data: 5\n"
      "batch: {sequences: 8, length: [8]}\nbatch: {}\n";
  const Result<PodDescription> pod = ReadPod(text, "p.yaml");
  ASSERT_FALSE(pod.ok());
  std::vector<std::string> places;
  for (const Diagnostic& error : pod.errors()) {
    if (error.location.line > 0) {
      places.push_back(fmt::format("{} {}:{}", CodeText(error.code), error.location.line,
                                   error.location.column));
    }
  }
  EXPECT_EQ(places, (std::vector<std::string>{"S113 2:7", "S110 3:28", "S113 7:31", "S111 8:1",
                                              "S113 5:14"}));
  EXPECT_FALSE(ReadPod("", "p.yaml").ok());
  EXPECT_FALSE(ReadPod("- a\n- b\n", "p.yaml").ok());
  EXPECT_FALSE(ReadPod("a: &x 1\n", "p.yaml").ok());
}

/// Of whatever stands in the file comes an error or a step that is a number.
TEST(PodDescription, MutatedFiles) {
  const std::string palm = PalmText();
  std::mt19937_64 random(31);
  constexpr std::string_view kBits[] = {
      "0", "9223372036854775808",  "-1", ":", "\n", " ",  "[",  "x",
      "]", "18446744073709551615", "{",  "#", "1",  "99", "\t", "."};
  int good = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = palm;
    for (uint64_t change = 1 + random() % 3; change > 0; --change) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, 1 + random() % 4);
          break;
        case 1:
          text.insert(at, kBits[random() % std::size(kBits)]);
          break;
        case 2:
          text[at] = static_cast<char>(random());
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
      }
    }
    const Result<PodDescription> pod = ReadPod(text, "palm.yaml");
    if (!pod) {
      EXPECT_FALSE(pod.errors().front().hint.empty());
      continue;
    }
    ++good;
    const PodStep step = EstimatePod(*pod);
    EXPECT_TRUE(std::isfinite(step.seconds) && step.seconds > 0) << text;
    EXPECT_NEAR(CauseSum(step), step.seconds, 1e-9 * step.seconds);
    EXPECT_FALSE(PodText(*pod, CountPod(*pod), step).empty());
  }
  EXPECT_GT(good, 300);
}

TEST(PodDescription, DocumentHasTheKeys) {
  EXPECT_NE(PodFile("docs/pod.md").find(PodReference()), std::string::npos)
      << "docs/pod.md lacks this table:\n"
      << PodReference();
}

}  // namespace
}  // namespace npugen
