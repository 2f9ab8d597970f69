// SPDX-License-Identifier: Apache-2.0
// Prints the reference of the spec from the schema, the rules and the table of errors.
#include "generator/config/spec_reference.h"

#include <fmt/format.h>

#include "generator/config/rules.h"
#include "generator/spec/schema.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

std::string Wrapped(std::string_view text, std::string_view first, std::string_view next) {
  std::string out;
  for (const std::string& line : WrapText(text, kLineColumns - first.size())) {
    out += fmt::format("{}{}\n", out.empty() ? first : next, line);
  }
  return out;
}

std::string DefaultText(const KeyInfo& key) {
  switch (key.presence) {
    case KeyPresence::kRequired:
      return "required";
    case KeyPresence::kDerived:
      return fmt::format("default: {}", key.default_text);
    case KeyPresence::kDefault:
      break;
  }
  return fmt::format("default: {}", key.default_text.empty() ? FormatValue(key, key.default_value)
                                                             : std::string(key.default_text));
}

}  // namespace

std::string SpecReference() {
  std::string out = "# The spec\n\n";
  out +=
      "<!-- Printed by `npugen spec-reference` from the schema; `make golden` updates it. -->\n\n";
  out += Wrapped(
      "A spec is one YAML file that describes one NPU. Keys stand in blocks, as in "
      "`specs/nano.yaml` "
      "and `specs/edge.yaml`; `a.b` below means key `b` in block `a`. Every legal spec works; of "
      "an "
      "illegal one `npugen check` lists everything that is wrong, with line and column.",
      "", "");
  out += '\n';
  out += Wrapped(
      "Sizes take the units B, KiB (1024 B) and MiB, frequencies Hz, kHz, MHz and GHz; a decimal "
      "point is fine where the result is a whole number of bytes or hertz. Anchors, aliases, tags "
      "and "
      "several documents in one file are refused, as are files of more than 64 KiB.",
      "", "");
  out += "\n## Keys\n";
  for (const KeyInfo& key : AllKeys()) {
    if (key.kind == KeyKind::kBlock) {
      if (!out.ends_with("\n\n")) out += '\n';
      out += Wrapped(fmt::format("**`{}`** - {}", key.path, key.summary), "", "");
      out += '\n';
      continue;
    }
    if (key.Parent().empty()) out += '\n';
    out += Wrapped(fmt::format("`{}`: {}", key.path, key.summary), "- ", "  ");
    const std::string because = key.only_because.empty()
                                    ? std::string()
                                    : fmt::format(" (nothing else yet: {})", key.only_because);
    out += Wrapped(fmt::format("Legal: {}{}; {}.", LegalValues(key), because, DefaultText(key)),
                   "  ", "  ");
  }
  out += "\n## Rules between keys\n\n";
  for (const ConfigRule& rule : AllRules()) {
    out += Wrapped(fmt::format("{} ({})", rule.sentence, CodeText(rule.code)), "- ", "  ");
  }
  out += "\n## Errors\n\n| code | meaning |\n| --- | --- |\n";
  for (const DiagnosticCode code : AllDiagnosticCodes()) {
    if (!CodeText(code).starts_with('S')) continue;
    out += fmt::format("| {} | {} |\n", CodeText(code), CodeSummary(code));
  }
  return out;
}

}  // namespace npugen
