// SPDX-License-Identifier: Apache-2.0
// Lines of a bench's document.
#include "tests/bench/document.h"

#include <cstdio>
#include <fstream>
#include <sstream>

namespace npugen::testing {

Document::Document(const std::string& before) {
  std::istringstream text(before);
  for (std::string line; std::getline(text, line);) before_.push_back(line);
}

void Document::Line(const std::string& text) {
  if (text.starts_with("#")) section_ = text;
  std::puts(text.c_str());
  std::fflush(stdout);
  text_ += text + '\n';
}

bool Document::Keep(const std::string& beginning) {
  std::string section;
  for (const std::string& line : before_) {
    if (line.starts_with("#")) section = line;
    if (section != section_ || !line.starts_with(beginning)) continue;
    std::fprintf(stderr, "npugen_bench: not measured, kept as it was: %s\n", beginning.c_str());
    Line(line);
    return true;
  }
  return false;
}

bool Document::Write(const std::string& path) const {
  std::ofstream file(path, std::ios::binary);
  file << text_;
  return static_cast<bool>(file.flush());
}

}  // namespace npugen::testing
