// SPDX-License-Identifier: Apache-2.0
// Pages of pictures: well-formed, with the figures of the JSON, laid out without overlaps in a
// browser of any width, light and dark.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "generator/config/load.h"
#include "sw/compiler/compile_network.h"
#include "sw/model/read_model.h"
#include "tests/support/files.h"
#include "verif/report/page.h"
#include "verif/session/estimate_model.h"

namespace npugen::testing {
namespace {

namespace fs = std::filesystem;

/// Setup does not install a browser: 300 MB for two tests of the layout.
constexpr const char* kNoChromium =
    "no chromium, chromium-headless-shell or google-chrome lays the page out: setup.sh installs "
    "none (300 MB for two tests)";
using nlohmann::json;

/// The report of the digits network on a preset, by the performance model.
json RunDocument(const std::string& spec, bool warm = false) {
  const Result<NpuConfig> config = LoadSpec(SourcePath("specs/" + spec + ".yaml"));
  const Result<Model> model = ReadModel(SourcePath("models/digits/digits_cnn_int8.tflite"));
  EXPECT_TRUE(config.ok() && model.ok());
  const Result<Network> network = CompileNetwork(*model, *config);
  EXPECT_TRUE(network.ok());
  Result<RunReport> report = EstimateModel(*config, *network, warm);
  EXPECT_TRUE(report.ok());
  report->model = model->name;
  return json::parse(RunReportJson(*report));
}

json SweepDocument() {
  json sweep = {{"spec", "edge"}, {"points", json::array()}};
  for (const auto& [name, area, time] :
       {std::tuple{"as the spec has it", 1000.0, 1.0}, std::tuple{"lanes 8, <simd> 32", 800.0, 1.3},
        std::tuple{"lanes 32, simd 8", 1010.0, 1.01}}) {
    sweep["points"].push_back({{"name", name},
                               {"timed", true},
                               {"relative_time", time},
                               {"relative_cycles", time - 0.1},
                               {"logic_ge", area},
                               {"accumulators_ge", 50.0}});
  }
  return sweep;
}

json PowerDocument() {
  const auto part = [](const char* name, double logic) {
    return json{{"name", name},         {"instances", 2},
                {"pj", 40.0 + logic},   {"clock_pj", 10.0},
                {"registers_pj", 10.0}, {"logic_pj", logic},
                {"memories_pj", 20.0},  {"logic_without_glitches_pj", logic / 2}};
  };
  return {{"spec", "nano"},
          {"model", "digits"},
          {"technology", "a technology"},
          {"jobs", 1},
          {"cycles", 100},
          {"macs", 1000},
          {"power_mw", 12.5},
          {"energy", {{"pj", 30000.0}}},
          {"parts", {part("u_array", 200), part("u_dma", 20)}},
          {"modules", {part("npu_core", 200), part("npu_dma", 20)}}};
}

json AreaDocument() {
  json area = {
      {"spec", "nano"},          {"technology", "a technology"}, {"nand2_area", 2.0},
      {"total_ge", 600.0},       {"accumulators_ge", 100.0},     {"memories_ge", 300.0},
      {"tile_ge_per_mac", 12.5}, {"modules", json::array()},     {"memories", json::array()}};
  area["ge_by_kind"] = {{"flip_flops", 300.0}, {"other", 300.0}};
  for (const auto& [name, ge] :
       {std::pair{"npu_core", 300.0}, std::pair{"npu_load", 200.0}, std::pair{"npu_regs", 100.0}}) {
    area["modules"].push_back({{"name", name},
                               {"instances", 2},
                               {"cells", 10},
                               {"area", ge},
                               {"ge", ge},
                               {"area_by_kind", {{"flip_flops", ge / 2}, {"other", ge / 2}}}});
  }
  for (const auto& [name, ge] : {std::pair{"u_half", 100.0}, std::pair{"u_ram", 300.0}}) {
    area["memories"].push_back({{"module", "npu_core"},
                                {"name", name},
                                {"instances", 1},
                                {"words", 16},
                                {"bits_per_word", 32},
                                {"accumulators", std::string(name) == "u_half"},
                                {"ge", ge}});
  }
  return area;
}

json TimingDocument() {
  return {{"spec", "nano"},
          {"clock_ns", 5.0},
          {"registers_ns", 5.5},
          {"constrained_ns", 6.0},
          {"worst_slack_ns", -0.5},
          {"endpoints", 60},
          {"violated", 10},
          {"paths", json::array()},
          {"histogram", {{"begin_ns", -0.5}, {"step_ns", 0.25}, {"endpoints", {4, 6, 20, 30}}}}};
}

json TraceDocument() {
  json trace = {{"traceEvents", json::array()},
                {"otherData", {{"npu", "nano"}, {"cycles", 100}, {"cycles_in_file", 100}}}};
  const auto track = [&](int tid, const char* name) {
    trace["traceEvents"].push_back(
        {{"ph", "M"}, {"tid", tid}, {"name", "thread_name"}, {"args", {{"name", name}}}});
  };
  const auto slice = [&](int tid, const char* category, const char* name, int begin, int end) {
    trace["traceEvents"].push_back({{"ph", "X"},
                                    {"tid", tid},
                                    {"cat", category},
                                    {"name", name},
                                    {"ts", begin},
                                    {"dur", end - begin}});
  };
  track(1, "cycles, as seen from PE 0");
  track(3, "LOAD");
  track(5, "PE 0");
  track(6, "AXI reads of LOAD");
  slice(1, "layer", "0 CONV_2D", 0, 60);
  slice(1, "layer", "1 SOFTMAX", 60, 100);
  slice(1, "cause", "dma", 0, 30);
  slice(1, "cause", "compute", 30, 100);
  slice(3, "command", "0 CONV_2D Load", 0, 40);
  slice(5, "wait", "barrier", 0, 30);
  slice(5, "command", "0 CONV_2D Matmul", 30, 100);
  slice(6, "burst", "read 64 bytes", 10, 20);
  return trace;
}

std::vector<ReportDocument> AllDocuments() {
  json jobs = {{"spec", "nano"},
               {"programs", {{{"name", "a"}}, {{"name", "b"}}}},
               {"jobs",
                {{{"program", 0}, {"warm", false}, {"cycles", 100}},
                 {{"program", 1}, {"warm", true}, {"cycles", 50}}}},
               {"mismatches", 0}};
  json demo = {{"spec", "nano"},
               {"area_ge", nullptr},
               {"networks",
                {{{"name", "CNN"},
                  {"images", 10},
                  {"bit_exact", 10},
                  {"accuracy", 0.9},
                  {"cycles_first", 120},
                  {"cycles_per_image", 100.5}}}}};
  json validation = {{"jobs",
                      {{{"spec", "nano"},
                        {"model", "net"},
                        {"warm", false},
                        {"random", false},
                        {"measured", 1000},
                        {"estimated", 990}},
                       {{"spec", "nano"},
                        {"model", "layer"},
                        {"warm", true},
                        {"random", true},
                        {"measured", 20000},
                        {"estimated", 20900}}}}};
  json fpga = {{"spec", "nano"},
               {"target", "ecp5"},
               {"luts", 100},
               {"flip_flops", 50},
               {"dsps", 4},
               {"block_rams", 2},
               {"cells", {{"LUT4", 100}, {"TRELLIS_FF", 50}}}};
  json firmware = {{"spec", "nano"},
                   {"code_bytes", 17440},
                   {"driver_code_bytes", 10520},
                   {"boots", {{{"model", "net"}, {"inputs", {{{"class", 3}, {"cycles", 2647}}}}}}}};
  return {{"digits", RunDocument("edge")},
          {"cached", RunDocument("nano", true)},
          {"timeline", TraceDocument()},
          {"area", AreaDocument()},
          {"timing", TimingDocument()},
          {"power", PowerDocument()},
          {"sweep", SweepDocument()},
          {"jobs", jobs},
          {"demo", demo},
          {"validation", validation},
          {"fpga", fpga},
          {"firmware", firmware}};
}

ReportFiles Make(const std::vector<ReportDocument>& documents) {
  const Result<ReportFiles> files = MakeReport("A page", documents);
  EXPECT_TRUE(files.ok()) << FormatDiagnostic(files.errors().front(), false);
  return files.ok() ? *files : ReportFiles();
}

std::vector<std::vector<std::string>> Rows(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(csv);
  for (std::string line; std::getline(lines, line);) {
    rows.emplace_back();
    std::istringstream cells(line + ",");
    for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
  }
  return rows;
}

const Picture* Find(const std::vector<Picture>& pictures, const std::string& id) {
  for (const Picture& picture : pictures) {
    if (picture.id == id) return &picture;
  }
  ADD_FAILURE() << "no picture " << id;
  return nullptr;
}

/// A folder of its own for each test.
class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) /
              (std::string("npugen_report_") +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (!HasFailure()) fs::remove_all(folder_);
  }
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = (folder_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  /// Status of a shell command, whose output is in `output_`.
  int Shell(const std::string& command) {
    const std::string out = (folder_ / "output").string();
    const int status = std::system((command + " > " + out + " 2>&1").c_str());
    std::ifstream file(out);
    output_.assign(std::istreambuf_iterator<char>(file), {});
    return status;
  }
  fs::path folder_;
  std::string output_;
};

TEST_F(PageTest, EverythingIsWellFormed) {
  const ReportFiles files = Make(AllDocuments());
  std::string paths = Write("page.html", files.page);
  for (const ReportFiles::File& file : files.pictures) {
    if (file.name.ends_with(".svg")) paths += ' ' + Write(file.name, file.text);
  }
  EXPECT_EQ(Shell(NPUGEN_XMLLINT " --noout " + paths), 0) << output_;
}

TEST_F(PageTest, NeedsNothingElseAndIsAlwaysTheSame) {
  const ReportFiles files = Make(AllDocuments());
  EXPECT_EQ(files.page, Make(AllDocuments()).page);
  for (const char* outside : {"src=", "href=", "@import", "url("}) {
    EXPECT_EQ(files.page.find(outside), std::string::npos) << outside;
  }
  // The only addresses are names of formats.
  const std::regex address("https?://[^\"' ]*");
  for (auto at = std::sregex_iterator(files.page.begin(), files.page.end(), address);
       at != std::sregex_iterator(); ++at) {
    EXPECT_TRUE(at->str().starts_with("http://www.w3.org/")) << at->str();
  }
  EXPECT_NE(files.page.find("prefers-color-scheme: dark"), std::string::npos);
}

TEST(PictureTest, CyclesAreThoseOfTheReport) {
  const json run = RunDocument("edge");
  const std::vector<Picture> pictures = PicturesOf(run);
  const Picture* cycles = Find(pictures, "cycles");
  ASSERT_NE(cycles, nullptr);
  const auto rows = Rows(cycles->csv);
  std::map<std::string, uint64_t> totals;
  for (size_t r = 1; r < rows.size(); ++r) {
    for (size_t c = 2; c + 2 < rows[0].size(); ++c) totals[rows[0][c]] += std::stoull(rows[r][c]);
  }
  uint64_t all = 0;
  for (const auto& [cause, count] : run["causes"].items()) {
    EXPECT_EQ(totals[cause], count.get<uint64_t>()) << cause;
    all += totals[cause];
  }
  EXPECT_EQ(all, run["cycles"].get<uint64_t>());
  // Each bar says its figure, and its width is in proportion to it.
  const std::string svg = cycles->drawing.Inline("");
  const std::regex bar(R"re(width="([0-9.]+)"[^>]*><title>[^<]*: ([0-9,]+) cycles of)re");
  size_t bars = 0;
  double scale = 0;
  for (auto at = std::sregex_iterator(svg.begin(), svg.end(), bar); at != std::sregex_iterator();
       ++at) {
    ++bars;
    std::string digits = (*at)[2];
    digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
    const double width = std::stod((*at)[1]), value = std::stod(digits);
    if (width < 20) continue;
    if (scale == 0) scale = width / value;
    EXPECT_NEAR(width, value * scale, 0.2 + 0.01 * width) << at->str();
  }
  size_t nonzero = 0;
  for (const json& layer : run["layers"]) {
    for (const auto& [cause, count] : layer["causes"].items()) nonzero += count != 0 ? 1 : 0;
  }
  for (const auto& [cause, count] : run["other"]["causes"].items()) nonzero += count != 0 ? 1 : 0;
  EXPECT_EQ(bars, nonzero);
}

TEST(PictureTest, LayersOfTheRooflineAreUnderTheRoof) {
  const json run = RunDocument("edge");
  const auto pictures = PicturesOf(run);
  const Picture* roofline = Find(pictures, "roofline");
  ASSERT_NE(roofline, nullptr);
  const auto rows = Rows(roofline->csv);
  ASSERT_GT(rows.size(), 3u);
  const double peak = run["macs_per_cycle"];
  for (size_t r = 1; r < rows.size(); ++r) {
    const double rate = std::stod(rows[r][3]);
    EXPECT_LE(rate, peak * 1.0001) << rows[r][0];
  }
}

TEST(PictureTest, BytesOfLayersAreThoseOfTheBus) {
  for (const char* spec : {"edge", "nano"}) {
    const json run = RunDocument(spec);
    uint64_t loaded = 0, stored = 0;
    for (const json& layer : run["layers"]) {
      loaded += layer["bytes_loaded"].get<uint64_t>();
      stored += layer["bytes_stored"].get<uint64_t>();
    }
    // Besides them: the commands, and the rest of beats that are not needed whole.
    EXPECT_LE(loaded, run["bytes_read"].get<uint64_t>()) << spec;
    EXPECT_GT(loaded, run["bytes_read"].get<uint64_t>() / 2) << spec;
    EXPECT_EQ(stored, run["bytes_written"].get<uint64_t>()) << spec;
  }
}

TEST(PictureTest, BlocksAreInTheMemories) {
  for (const bool warm : {false, true}) {
    const json run = RunDocument("edge", warm);
    const uint64_t layers = run["layers"].size();
    std::map<std::string, int> contents;
    for (const json& block : run["memory"]["blocks"]) {
      const std::string memory = block["memory"];
      EXPECT_LT(block["begin"].get<uint64_t>(), block["end"].get<uint64_t>()) << block;
      EXPECT_LE(block["end"].get<uint64_t>(), run["memory"][memory + "_bytes"].get<uint64_t>())
          << block;
      EXPECT_LE(block["first"].get<uint64_t>(), block["last"].get<uint64_t>()) << block;
      EXPECT_LT(block["last"].get<uint64_t>(), layers) << block;
      ++contents[block["content"]];
      if (block["content"] == "input") {
        EXPECT_EQ(block["last"], 0) << "only the first layer reads the input";
      }
    }
    EXPECT_EQ(contents["input"], 1);
    EXPECT_GE(contents["activation"], 4);
    EXPECT_EQ(contents["cached"] > 0, warm);
    EXPECT_EQ(contents["parameters"] > 0, !warm);
  }
}

TEST(PictureTest, EnergyIsToldApartByWhatItIsSpentOn) {
  const auto pictures = PicturesOf(PowerDocument());
  const Picture* modules = Find(pictures, "energy_modules");
  ASSERT_NE(modules, nullptr);
  const auto rows = Rows(modules->csv);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0], (std::vector<std::string>{"module", "detail", "clock", "registers", "logic",
                                               "glitches", "memories", "note", "share"}));
  EXPECT_EQ(rows[1], (std::vector<std::string>{"npu_core", "x2", "0.01", "0.01", "0.1", "0.1",
                                               "0.02", "0.24 nJ", "0.8 %"}));
}

TEST(PictureTest, VariantsHaveAreaAndTime) {
  const auto pictures = PicturesOf(SweepDocument());
  const Picture* variants = Find(pictures, "variants");
  ASSERT_NE(variants, nullptr);
  EXPECT_EQ(variants->csv,
            "variant,area_ge,relative_time,relative_cycles\nas the spec has it,1050,1,0.9\n"
            "\"lanes 8, <simd> 32\",850,1.3,1.2\n\"lanes 32, simd 8\",1060,1.01,0.91\n");
  json cycles_alone = SweepDocument();
  for (json& point : cycles_alone["points"]) point.erase("logic_ge");
  EXPECT_TRUE(PicturesOf(cycles_alone).empty()) << "no areas";
}

TEST(PictureTest, AreasOfTheTreemapAreInProportion) {
  const auto pictures = PicturesOf(AreaDocument());
  const Picture* area = Find(pictures, "area");
  ASSERT_NE(area, nullptr);
  const std::string svg = area->drawing.Inline("");
  const std::regex box(
      R"re(<rect x="([0-9.]+)" y="([0-9.]+)" width="([0-9.]+)" height="([0-9.]+)"[^>]*><title>([^\n]*)\n([0-9,]+) GE)re");
  std::vector<Rectangle> boxes;
  double scale = 0;
  for (auto at = std::sregex_iterator(svg.begin(), svg.end(), box); at != std::sregex_iterator();
       ++at) {
    const Rectangle r = {std::stod((*at)[1]), std::stod((*at)[2]), std::stod((*at)[3]),
                         std::stod((*at)[4])};
    const double here = r.width * r.height / std::stod((*at)[6]);
    if (scale == 0) scale = here;
    EXPECT_NEAR(here / scale, 1, 0.01) << (*at)[5];
    for (const Rectangle& other : boxes) {
      const double wide = std::min(r.x + r.width, other.x + other.width) - std::max(r.x, other.x);
      const double high = std::min(r.y + r.height, other.y + other.height) - std::max(r.y, other.y);
      EXPECT_FALSE(wide > 0.2 && high > 0.2) << (*at)[5] << " overlaps";
    }
    boxes.push_back(r);
  }
  EXPECT_EQ(boxes.size(), 5u);
}

TEST(PictureTest, LanesOfTheTimelineAreTheTracks) {
  const auto pictures = PicturesOf(TraceDocument());
  const Picture* timeline = Find(pictures, "timeline");
  ASSERT_NE(timeline, nullptr);
  std::map<std::string, uint64_t> busy;
  const auto rows = Rows(timeline->csv);
  for (size_t r = 1; r < rows.size(); ++r)
    busy[rows[r][0] + ' ' + rows[r][1]] += std::stoull(rows[r][5]);
  const std::map<std::string, uint64_t> expected = {
      {"layers layer", 100}, {"causes dma", 30},   {"causes compute", 70}, {"LOAD command", 40},
      {"PE 0 wait", 30},     {"PE 0 command", 70}, {"bus reads burst", 10}};
  EXPECT_EQ(busy, expected);
}

TEST(PictureTest, ManySlicesAreFewShapes) {
  json trace = TraceDocument();
  for (int i = 0; i < 200'000; ++i) {
    trace["traceEvents"].push_back({{"ph", "X"},
                                    {"tid", 6},
                                    {"cat", "burst"},
                                    {"name", "read"},
                                    {"ts", 1000 + 3 * i},
                                    {"dur", 2}});
  }
  trace["otherData"]["cycles_in_file"] = 601'000;
  const auto pictures = PicturesOf(trace);
  const Picture* timeline = Find(pictures, "timeline");
  ASSERT_NE(timeline, nullptr);
  EXPECT_LT(timeline->drawing.Inline("").size(), 500'000u);
  uint64_t busy = 0;
  const auto rows = Rows(timeline->csv);
  for (size_t r = 1; r < rows.size(); ++r) {
    if (rows[r][1] == "burst") busy += std::stoull(rows[r][5]);
  }
  EXPECT_EQ(busy, 400'010u) << "nothing is lost";
}

TEST(PictureTest, TablesHaveARowForEachLayer) {
  const json run = RunDocument("edge");
  const auto rows = Rows(CsvOf(run));
  ASSERT_EQ(rows.size(), run["layers"].size() + 1);
  const auto column = [&](const std::string& name) {
    return static_cast<size_t>(std::find(rows[0].begin(), rows[0].end(), name) - rows[0].begin());
  };
  for (size_t i = 0; i < run["layers"].size(); ++i) {
    const json& layer = run["layers"][i];
    EXPECT_EQ(rows[i + 1].at(column("op")), layer["op"]);
    EXPECT_EQ(rows[i + 1].at(column("cycles")), layer["cycles"].dump());
    EXPECT_EQ(rows[i + 1].at(column("causes.compute")), layer["causes"]["compute"].dump());
  }
}

TEST_F(PageTest, NamesAreText) {
  json run = RunDocument("nano");
  run["model"] = "<script>alert(1)</script>\x01&\"";
  run["layers"][0]["op"] = "\"><b>,x";
  const ReportFiles files = Make({{"</title><script>", run}});
  EXPECT_EQ(files.page.find("<script>alert"), std::string::npos);
  EXPECT_EQ(files.page.find("<b>,x"), std::string::npos);
  EXPECT_EQ(files.page.find('\x01'), std::string::npos);
  if (!std::string(NPUGEN_XMLLINT).empty()) {
    EXPECT_EQ(Shell(NPUGEN_XMLLINT " --noout " + Write("page.html", files.page)), 0) << output_;
  }
}

TEST(ReportTest, OtherFilesAreRefused) {
  const json run = RunDocument("nano");
  std::vector<json> bad = {json(), json(3), json::array(), json::object(), {{"layers", 3}}};
  for (const auto& [member, value] : run.items()) {
    json without = run;
    without.erase(member);
    bad.push_back(without);
    json other = run;
    other[member] = "text";
    bad.push_back(other);
  }
  size_t refused = 0;
  for (const json& document : bad) {
    const Result<ReportFiles> files =
        MakeReport("", std::vector<ReportDocument>{{"bad", document}});
    if (files.ok()) continue;  // a member that no picture needs
    ++refused;
    EXPECT_EQ(files.errors().front().code, DiagnosticCode::kModelInput);
    EXPECT_EQ(files.errors().front().location.file, "bad");
  }
  EXPECT_GE(refused, 15u);
}

// --- in a browser ---

/// What a browser says of the layout: the page overflows, letters leave their picture, or lie on
/// top of others.
constexpr const char* kLayoutScript = R"js(
<script>
window.addEventListener('load', function () {
  var faults = [];
  var root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push('the page is ' + root.scrollWidth + ' wide');
  document.querySelectorAll('figure').forEach(function (figure) {
    var frame = figure.querySelector('svg').getBoundingClientRect();
    var seen = [];
    figure.querySelectorAll('text').forEach(function (text) {
      var box = text.getBoundingClientRect();
      var out = Math.max(frame.left - box.left, box.right - frame.right,
                         frame.top - box.top - 2, box.bottom - frame.bottom - 2);
      if (out > 1.5)
        faults.push(figure.id + ': "' + text.textContent + '" leaves the picture');
      seen.forEach(function (other) {
        var wide = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        var high = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        if (wide > 1.5 ? high > 4 : false)
          faults.push(figure.id + ': "' + text.textContent + '" lies on "' + other.text + '"');
      });
      seen.push({ box: box, text: text.textContent });
    });
  });
  var tips = document.querySelectorAll('[data-tip]').length;
  var list = faults.slice(0, 5).join('; ');
  root.setAttribute('data-layout', 'tips ' + tips + '; faults ' + faults.length + ': ' + list);
});
</script>
)js";

class BrowserTest : public PageTest, public ::testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Widths, BrowserTest, ::testing::Values(1280, 820, 500),
                         [](const auto& info) { return fmt::format("{}", info.param); });

TEST_P(BrowserTest, NothingOverlaps) {
  if (std::string(NPUGEN_CHROMIUM).empty()) GTEST_SKIP() << kNoChromium;
  std::string page = Make(AllDocuments()).page;
  page.insert(page.find("</body>"), kLayoutScript);
  const std::string path = Write("page.html", page);
  const std::string browser = fmt::format(
      "timeout 120 {} --headless --no-sandbox --disable-gpu --hide-scrollbars "
      "--window-size={},2000 "
      "--user-data-dir={} ",
      NPUGEN_CHROMIUM, GetParam(), (folder_ / "profile").string());
  ASSERT_EQ(Shell(browser + "--dump-dom file://" + path), 0) << output_;
  const size_t at = output_.find("data-layout=\"");
  ASSERT_NE(at, std::string::npos) << output_.substr(0, 2000);
  const std::string layout = output_.substr(at, output_.find("\">", at) - at);
  EXPECT_NE(layout.find("faults 0:"), std::string::npos) << layout;
  EXPECT_EQ(layout.find("tips 0;"), std::string::npos) << "hovering shows nothing";
}

/// Light and dark are different pictures, and neither is empty.
TEST_F(PageTest, BrowsersShowLightAndDark) {
  if (std::string(NPUGEN_CHROMIUM).empty()) GTEST_SKIP() << kNoChromium;
  const std::string path = Write("page.html", Make({{"digits", RunDocument("edge")}}).page);
  std::map<std::string, uintmax_t> sizes;
  for (const auto& [name, flag] : {std::pair{"light", "--blink-settings=preferredColorScheme=1"},
                                   std::pair{"dark", "--blink-settings=preferredColorScheme=0"}}) {
    const std::string picture = (folder_ / name).string() + ".png";
    ASSERT_EQ(Shell(fmt::format(
                  "timeout 120 {} --headless --no-sandbox --disable-gpu --window-size=900,1400 "
                  "--user-data-dir={} {} --screenshot={} file://{}",
                  NPUGEN_CHROMIUM, (folder_ / "profile").string(), flag, picture, path)),
              0)
        << output_;
    sizes[name] = fs::file_size(picture);
    EXPECT_GT(sizes[name], 20'000u) << name;
  }
  EXPECT_NE(ReadBytes((folder_ / "light.png").string()),
            ReadBytes((folder_ / "dark.png").string()));
}

}  // namespace
}  // namespace npugen::testing
