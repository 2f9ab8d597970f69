// SPDX-License-Identifier: Apache-2.0
// Lints SystemVerilog files: npugen_sv_lint [--twins LIST] FILE...
//
// LIST names the files whose views for synthesis are run by benches, one a line; a file that has
// such a view and is not among them is refused. Ends with 1 after findings, with 2 where a file
// cannot be read.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "verif/lint/sv_lint.h"

int main(int argc, char** argv) {
  std::set<std::string> twins;
  bool with_twins = false;
  int status = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--twins" && i + 1 < argc) {
      with_twins = true;
      std::ifstream list(argv[++i]);
      for (std::string line; std::getline(list, line);) {
        twins.insert(std::filesystem::path(line).filename().string());
      }
      continue;
    }
    std::ifstream file(name, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) {
      fmt::print(stderr, "{}: cannot be read\n", name);
      return 2;
    }
    for (const npugen::SvFinding& finding : npugen::LintSystemVerilog(text)) {
      fmt::print("{}:{}:{}: {} [{}]\n", name, finding.line, finding.column, finding.message,
                 finding.rule);
      status = 1;
    }
    if (with_twins && npugen::HasSynthesisView(text) &&
        !twins.contains(std::filesystem::path(name).filename().string())) {
      fmt::print("{}:1:1: its view for synthesis is run by no bench of verif/unit [twin]\n", name);
      status = 1;
    }
  }
  return status;
}
