// SPDX-License-Identifier: Apache-2.0
// Prints the page.
#include "verif/report/page.h"

#include <fmt/format.h>

#include <map>

#include "generator/support/text.h"
#include "generator/support/version.h"

namespace npugen {
namespace {

using nlohmann::json;

constexpr std::string_view kPageStyle = R"css(
:root {
  color-scheme: light dark;
  --page: #f4f6f9; --card: #ffffff; --text: #1d2433; --muted: #5c667a; --line: #dfe4ea;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #0e1116; --card: #14181f; --text: #e6e9ef; --muted: #9aa5b6; --line: #29303b; }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", "Liberation Sans",
    sans-serif;
}
main { max-width: 860px; margin: 0 auto; padding: 28px 16px 48px; }
h1 { font-size: 24px; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 4px; overflow-wrap: anywhere; }
.muted { color: var(--muted); font-size: 13px; margin: 0; overflow-wrap: anywhere; }
.figures {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(128px, 1fr)); gap: 10px;
  margin: 14px 0 0;
}
.figures div {
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px;
}
.figures b { display: block; font-size: 17px; font-variant-numeric: tabular-nums; }
.figures span { color: var(--muted); font-size: 12px; }
figure {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 16px 0 0;
  padding: 16px;
}
figure h3 { font-size: 15px; margin: 0 0 2px; }
figcaption { color: var(--muted); font-size: 13px; margin: 0 0 12px; }
.scroll { overflow-x: auto; }
.scroll svg { display: block; width: 100%; min-width: 620px; height: auto; }
details { margin-top: 10px; font-size: 13px; color: var(--muted); }
summary { cursor: pointer; }
pre {
  overflow: auto; max-height: 300px; font: 12px/1.45 ui-monospace, "DejaVu Sans Mono", monospace;
}
button {
  font: inherit; color: inherit; background: none; border: 1px solid var(--line);
  border-radius: 6px; padding: 2px 10px; margin: 6px 6px 0 0; cursor: pointer;
}
#tip {
  position: fixed; z-index: 2; display: none; max-width: 320px; padding: 7px 10px;
  border-radius: 7px; pointer-events: none; background: #1d2433; color: #ffffff;
  border: 1px solid #4a5464; font-size: 12.5px; white-space: pre-line;
}
@media print { body, figure, .figures div { background: #ffffff; } details { display: none; } }
)css";

// No `<` and `&` may stand in it: the page is XML as well.
constexpr std::string_view kScript = R"js(
var tip = document.getElementById('tip');
document.querySelectorAll('svg .tip').forEach(function (shape) {
  var title = shape.querySelector('title');
  shape.setAttribute('data-tip', title.textContent);
  title.remove();
});
function show(event) {
  var shape = event.target.closest ? event.target.closest('[data-tip]') : null;
  if (!shape) { tip.style.display = 'none'; return; }
  tip.textContent = shape.getAttribute('data-tip');
  tip.style.display = 'block';
  var x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  var y = event.clientY + 18;
  if (y + tip.offsetHeight > innerHeight) y = event.clientY - tip.offsetHeight - 12;
  tip.style.left = Math.max(x, 8) + 'px';
  tip.style.top = Math.max(y, 8) + 'px';
}
document.addEventListener('pointermove', show);
document.addEventListener('pointerdown', show);
document.addEventListener('scroll', function () { tip.style.display = 'none'; }, true);
function save(name, type, text) {
  var link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: type }));
  link.download = name;
  link.click();
}
document.querySelectorAll('figure').forEach(function (figure) {
  figure.querySelector('.svg').onclick = function () {
    var copy = figure.querySelector('svg').cloneNode(true);
    copy.querySelectorAll('[data-tip]').forEach(function (shape) {
      var title = document.createElementNS('http://www.w3.org/2000/svg', 'title');
      title.textContent = shape.getAttribute('data-tip');
      shape.removeAttribute('data-tip');
      shape.appendChild(title);
    });
    var style = document.createElementNS('http://www.w3.org/2000/svg', 'style');
    style.textContent = document.getElementById('pictures').textContent;
    copy.insertBefore(style, copy.firstChild);
    save(figure.id + '.svg', 'image/svg+xml', new XMLSerializer().serializeToString(copy));
  };
  figure.querySelector('.csv').onclick = function () {
    save(figure.id + '.csv', 'text/csv', figure.querySelector('pre').textContent);
  };
});
)js";

/// What a document says of where it comes from.
std::string Origin(const json& document) {
  const auto text = [&document](const char* member) {
    return document.contains(member) && document.at(member).is_string()
               ? document.at(member).get<std::string>()
               : std::string();
  };
  std::string origin;
  const auto add = [&origin](const std::string& part) {
    if (!part.empty()) origin += (origin.empty() ? "" : ", ") + part;
  };
  const json& other =
      DocumentKindOf(document) == DocumentKind::kTrace ? document.at("otherData") : document;
  const auto of = [&other](const char* member) {
    return other.contains(member) && other.at(member).is_string()
               ? other.at(member).get<std::string>()
               : std::string();
  };
  add(of("model"));
  add(of("spec").empty() ? of("npu") : of("spec"));
  add(text("technology"));
  if (!of("config_hash").empty()) add("configuration " + of("config_hash"));
  if (!of("npugen").empty()) add("npugen " + of("npugen"));
  return origin;
}

std::string_view KindTitle(DocumentKind kind) {
  switch (kind) {
    case DocumentKind::kRun:
      return "Run";
    case DocumentKind::kJobs:
      return "Jobs";
    case DocumentKind::kTrace:
      return "Timeline";
    case DocumentKind::kArea:
      return "Area";
    case DocumentKind::kTiming:
      return "Timing";
    case DocumentKind::kPower:
      return "Power";
    case DocumentKind::kSweep:
      return "Variants";
    case DocumentKind::kFpga:
      return "FPGA";
    case DocumentKind::kDemo:
      return "Demonstration";
    case DocumentKind::kFirmware:
      return "Firmware";
    case DocumentKind::kValidation:
      return "Validation";
    case DocumentKind::kPod:
      return "Step of a pod";
    case DocumentKind::kPodSweep:
      return "Variants of a pod";
    case DocumentKind::kUnknown:
      break;
  }
  return "Report";
}

std::string Figure(const std::string& id, const Picture& picture) {
  return fmt::format(
      "<figure id=\"{}\">\n<h3>{}</h3>\n<figcaption>{}</figcaption>\n<div class=\"scroll\">\n{}"
      "</div>\n<details><summary>Data</summary>\n<button class=\"svg\" type=\"button\">SVG</button>"
      "<button class=\"csv\" type=\"button\">CSV</button>\n<pre>{}</pre></details>\n</figure>\n",
      id, EscapeXml(picture.title), EscapeXml(picture.caption),
      picture.drawing.Inline(picture.title), EscapeXml(picture.csv));
}

Diagnostic NoReport(const std::string& name, const std::string& why) {
  return {DiagnosticCode::kModelInput,
          {name, 0, 0},
          "it is no report of npugen: " + why,
          "files of --json, --trace and --timing-json"};
}

}  // namespace

Result<ReportFiles> MakeReport(const std::string& title,
                               std::span<const ReportDocument> documents) {
  ReportFiles files;
  std::string body;
  std::map<std::string, int> numbers;  // of pictures with the same id
  for (const ReportDocument& document : documents) {
    const DocumentKind kind = DocumentKindOf(document.json);
    if (kind == DocumentKind::kUnknown) return NoReport(document.name, "its members are unknown");
    try {
      body +=
          fmt::format("<section>\n<h2>{}: {}</h2>\n<p class=\"muted\">{}</p>\n", KindTitle(kind),
                      EscapeXml(document.name), EscapeXml(Origin(document.json)));
      const KeyFigures figures = FiguresOf(document.json);
      if (!figures.empty()) {
        body += "<div class=\"figures\">\n";
        for (const auto& [name, value] : figures) {
          body += fmt::format("<div><b>{}</b><span>{}</span></div>\n", EscapeXml(value),
                              EscapeXml(name));
        }
        body += "</div>\n";
      }
      for (const Picture& picture : PicturesOf(document.json)) {
        const int number = ++numbers[picture.id];
        const std::string id = number == 1 ? picture.id : fmt::format("{}_{}", picture.id, number);
        body += Figure(id, picture);
        files.pictures.push_back({id + ".svg", picture.drawing.Standalone(picture.title)});
        files.pictures.push_back({id + ".csv", picture.csv});
      }
      body += "</section>\n";
    } catch (const json::exception& error) {
      return NoReport(document.name, error.what());
    }
  }
  files.page = fmt::format(
      "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
      "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\"/>\n<meta name=\"generator\" content=\"npugen {0}\"/>\n<title>{1}</title>\n"
      "<style>{2}</style>\n<style id=\"pictures\">{3}</style>\n</head>\n<body>\n<main>\n"
      "<h1>{1}</h1>\n<p class=\"muted\">npugen {0}</p>\n{4}</main>\n<div id=\"tip\"></div>\n"
      "<script>{5}</script>\n</body>\n</html>\n",
      kToolVersion, EscapeXml(title), kPageStyle, Stylesheet(), body, kScript);
  return files;
}

}  // namespace npugen
