// SPDX-License-Identifier: Apache-2.0
// Mutants of the driver or the firmware: each small change of its source must make a test fail.
//
//     driver_mutants KIND COMPILER INCLUDE_FOLDERS TEST WORK_FOLDER EQUIVALENT SOURCE...
//
// Each mutant of one SOURCE is compiled with the other SOURCEs: with KIND `library` into the shared
// library that TEST is linked with, with `firmware` into the file that NPUGEN_FIRMWARE names for
// TEST. A SOURCE `FILE:NAME|NAME...` has only the mutants whose names begin so, `FILE:` none; one
// that ends in .S has mutants without one of its instructions, one in .ld is the linker script.
// Those that survive must stand in the file EQUIVALENT, with the reason why nobody can tell them
// from the original; those that stand there must survive. INCLUDE_FOLDERS are separated by colons.
// A run tries a third of the mutants: NPUGEN_ROTATION=0..2 chooses it, or else the day of the year;
// NPUGEN_ROTATION=all tries all.
// Exit status: 0 all died or are equivalent, 1 otherwise.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace npugen::testing {
namespace {

namespace fs = std::filesystem;

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// A change of a source: its text becomes `text`.
struct Mutant {
  size_t source = 0;
  std::string name;  ///< function, what was done, and the line, with single blanks
  std::string text;
};

/// The line around position `at`, with single blanks.
std::string LineAt(const std::string& text, size_t at) {
  const size_t begin = text.rfind('\n', at) + 1;
  std::istringstream words(text.substr(begin, text.find('\n', at) - begin));
  std::string line, word;
  while (words >> word) line += (line.empty() ? "" : " ") + word;
  return line;
}

/// Positions of code: neither comments, nor directives, nor the functions that only give texts.
class Code {
 public:
  explicit Code(const std::string& text) : text_(text) {
    end_ = text.find("\nconst char* npu_");
    if (end_ == std::string::npos) end_ = text.size();
  }
  bool Has(size_t at) const {
    const std::string line = LineAt(text_, at);
    return at < end_ && !line.starts_with("//") && !line.starts_with("#");
  }
  /// End of the statement that begins at `at`, behind its semicolon; or `at`, if it is none.
  size_t StatementEnd(size_t at) const {
    const size_t end = text_.find_first_of(";{}", at);
    return end != std::string::npos && text_[end] == ';' ? end + 1 : at;
  }

 private:
  const std::string& text_;
  size_t end_;
};

class MutantMaker {
 public:
  MutantMaker(size_t source, const std::string& text, bool firmware)
      : source_(source), text_(text), firmware_(firmware), code_(text) {}

  /// Each instruction of an assembler source removed.
  std::vector<Mutant> MakeAssembler() {
    std::string label;
    for (size_t line = 0, end = 0; line < text_.size(); line = end + 1) {
      end = text_.find('\n', line);
      size_t begin = line;
      const size_t colon = text_.find(':', line);
      if (colon < end && text_[line] != '#') {
        label = text_.substr(line, colon - line);
        begin = colon + 1;
      }
      begin = text_.find_first_not_of(' ', begin);
      if (begin >= end || text_[begin] == '#' || text_[begin] == '.') continue;
      std::string text = text_;
      mutants_.push_back({source_, fmt::format("{}: removed: {}", label, LineAt(text_, begin)),
                          text.erase(begin, end - begin)});
    }
    return std::move(mutants_);
  }

  std::vector<Mutant> Make() {
    Statements();
    Conditions();
    constexpr std::pair<const char*, const char*> kTokens[] = {{" == ", " != "},
                                                               {" != ", " == "},
                                                               {" < ", " <= "},
                                                               {" >= ", " > "},
                                                               {" > ", " >= "},
                                                               {" <= ", " < "},
                                                               {" || ", " && "},
                                                               {" && ", " || "},
                                                               {" | ", " & "},
                                                               {" & ", " | "},
                                                               {" << ", " >> "},
                                                               {" >> ", " << "},
                                                               {" + ", " - "},
                                                               {" - ", " + "},
                                                               {" % ", " / "},
                                                               {" * ", " + "},
                                                               {"_LO_", "_HI_"},
                                                               {"_HI_", "_LO_"},
                                                               {"DONE_MASK", "ERROR_MASK"},
                                                               {"ERROR_MASK", "DONE_MASK"},
                                                               {"BUSY_MASK", "RESETTING_MASK"},
                                                               {"RESETTING_MASK", "BUSY_MASK"},
                                                               {" = 0;", " = 1;"},
                                                               {" = 1;", " = 0;"},
                                                               {", 0)", ", 1)"},
                                                               {"READ_MASK", "WRITE_MASK"}};
    constexpr std::pair<const char*, const char*> kFirmwareTokens[] = {
        {"TIMER_LO", "TIMER_HI"}, {"TIMER_HI", "TIMER_LO"},
        {" << 32", ""},           {" << 32", " << 31"},
        {" | low", ""},           {"_POLL", "_INTERRUPT"},
        {"_INTERRUPT", "_POLL"},  {"uint32_t low", "uint16_t low"},
        {" + offset", ""},        {" = value", " = 0"},
        {", low", ", 0"},         {"return (uint64_t)", "return (uint32_t)"},
        {" += ", " = "},          {".address}", ".bytes}"},
        {", region.bytes", ", 0"}};
    for (const auto& [from, to] : kTokens) Replace(from, to);
    if (!firmware_) return std::move(mutants_);
    for (const auto& [from, to] : kFirmwareTokens) Replace(from, to);
    return std::move(mutants_);
  }

 private:
  void Add(const std::string& what, size_t at, std::string text) {
    mutants_.push_back({source_, fmt::format("{}: {}: {}", Function(at), what, LineAt(text_, at)),
                        std::move(text)});
  }
  /// Name of the function around a position: what stands before the first parenthesis of the last
  /// line that begins at its beginning.
  std::string Function(size_t at) const {
    size_t line = text_.rfind('\n', at);
    while (line != std::string::npos && line > 0 &&
           (std::isalpha(static_cast<unsigned char>(text_[line + 1])) == 0 ||
            text_.find('(', line) > text_.find('\n', line + 1))) {
      line = text_.rfind('\n', line - 1);
    }
    if (line == std::string::npos) return "";
    const size_t end = text_.find('(', line);
    const size_t begin = text_.find_last_of(" *\n", end) + 1;
    return text_.substr(begin, end - begin);
  }
  void Replace(const std::string& from, const std::string& to) {
    for (size_t at = text_.find(from); at != std::string::npos; at = text_.find(from, at + 1)) {
      if (!code_.Has(at)) continue;
      std::string text = text_;
      Add(fmt::format("`{}` becomes `{}`", from, to), at, text.replace(at, from.size(), to));
    }
  }
  /// Statements that write something are removed, and change places with a barrier or the doorbell
  /// behind them.
  void Statements() {
    for (size_t line = 0; line < text_.size(); line = text_.find('\n', line) + 1) {
      const size_t begin = text_.find_first_not_of(' ', line);
      if (begin == std::string::npos) break;
      if (begin == line || !code_.Has(begin)) continue;
      const size_t end = code_.StatementEnd(begin);
      if (end == begin) continue;
      const std::string statement = text_.substr(begin, end - begin);
      const bool call = statement.starts_with("write_") || statement.starts_with("set_window") ||
                        statement.starts_with("memory_barrier") ||
                        statement.starts_with("read_capabilities") ||
                        (firmware_ && IsCall(statement));
      const size_t arrow = statement.find("->");
      const size_t assigned = statement.find(" = ");
      const bool plain = firmware_ && assigned != std::string::npos && statement.front() == '*';
      const bool assignment =
          plain || (arrow != std::string::npos && assigned != std::string::npos &&
                    statement.find(' ') == assigned);
      if (!call && !assignment) continue;
      Add("removed", begin, text_.substr(0, begin) + ';' + text_.substr(begin + statement.size()));
      const size_t next = text_.find_first_not_of(" \n", end);
      const size_t next_end = code_.StatementEnd(next);
      const std::string second = text_.substr(next, next_end - next);
      if (!call ||
          (!second.starts_with("memory_barrier") && second.find("DOORBELL") > second.size()))
        continue;
      std::string text = text_;
      Add("after the next statement", begin,
          text.replace(begin, next_end - begin, second + " " + statement));
    }
  }
  static bool IsCall(const std::string& statement) {
    return statement.starts_with("npu_") || statement.starts_with("order_") ||
           statement.starts_with("wait_for_") || statement.starts_with("enable_") ||
           statement.starts_with("__asm__") || statement.starts_with("interrupts ") ||
           statement.starts_with("steps_done ");
  }
  void Conditions() {
    for (size_t at = text_.find("if ("); at != std::string::npos; at = text_.find("if (", at + 1)) {
      if (!code_.Has(at)) continue;
      size_t end = at + 4;
      for (int depth = 1; depth > 0; ++end)
        depth += text_[end] == '(' ? 1 : text_[end] == ')' ? -1 : 0;
      Add("condition inverted", at,
          text_.substr(0, at + 4) + "!(" + text_.substr(at + 4, end - at - 4) + ')' +
              text_.substr(end));
    }
  }

  size_t source_;
  const std::string& text_;
  bool firmware_;
  Code code_;
  std::vector<Mutant> mutants_;
};

enum class Fate { kDied, kSurvived, kNotCompiled };

struct Setting {
  bool firmware = false;
  std::string compiler, includes, test, folder;
  std::vector<std::string> sources;
  int most_seconds = 60;  ///< for the test: a mutant may wait for ever

  /// Compiles and tests a mutant in a folder of its own; no mutant (null) is the original.
  Fate Try(const Mutant* mutant, size_t worker) const {
    const std::string work = fmt::format("{}/{}", folder, worker);
    fs::create_directories(work);
    std::string command =
        compiler + " -std=c11 -w -ffreestanding " +
        (firmware ? "-O2 -march=rv32im -mabi=ilp32 -fno-builtin -fno-common -nostdlib -static "
                    "-fno-tree-loop-distribute-patterns"
                  : "-O1 -fPIC -shared") +
        includes;
    for (size_t s = 0; s < sources.size(); ++s) {
      std::string source = sources[s];
      if (mutant != nullptr && mutant->source == s) {
        source = work + (source.ends_with(".S") ? "/mutant.S" : "/mutant.c");
        std::ofstream(source, std::ios::binary) << mutant->text;
      }
      command += fmt::format(" {}'{}'", source.ends_with(".ld") ? "-T " : "", source);
    }
    const std::string made = work + (firmware ? "/firmware.elf" : "/libnpugen_driver_shared.so");
    command += fmt::format("{} -o '{}' 2> '{}/log'", firmware ? " -lgcc" : "", made, work);
    if (std::system(command.c_str()) != 0) return Fate::kNotCompiled;
    const std::string run = fmt::format(
        "{}='{}' timeout {} '{}' --gtest_brief=1 "
        "--gtest_fail_fast > '{}/log' 2>&1",
        firmware ? "NPUGEN_FIRMWARE" : "LD_LIBRARY_PATH", firmware ? made : work, most_seconds,
        test, work);
    return std::system(run.c_str()) == 0 ? Fate::kSurvived : Fate::kDied;
  }
};

/// Lines `NAME  # REASON`.
std::set<std::string> ReadEquivalent(const std::string& path) {
  std::set<std::string> names;
  std::istringstream lines(ReadText(path));
  for (std::string line; std::getline(lines, line);) {
    const size_t reason = line.find("  # ");
    if (reason != std::string::npos && reason > 0) names.insert(line.substr(0, reason));
  }
  return names;
}

/// Whether a name begins as one of those in `choice`, which | separates, does.
bool Chosen(const std::string& choice, const std::string& name) {
  std::istringstream prefixes(choice);
  for (std::string prefix; std::getline(prefixes, prefix, '|');) {
    if (name.starts_with(prefix)) return true;
  }
  return false;
}

/// Whether the mutants with this name belong to the share of this run.
bool InRotation(const std::string& name) {
  const char* given = std::getenv("NPUGEN_ROTATION");
  if (given != nullptr && std::string_view(given) == "all") return true;
  const std::time_t now = std::time(nullptr);
  const int share = given != nullptr ? std::atoi(given) : std::gmtime(&now)->tm_yday;
  uint32_t sum = 0;
  for (const char letter : name) sum = sum * 31 + static_cast<unsigned char>(letter);
  return static_cast<int>(sum % 3) == share % 3;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() < 7) return 2;
  Setting setting{arguments[0] == "firmware", arguments[1], "", arguments[3], arguments[4], {}};
  std::istringstream folders(arguments[2]);
  for (std::string folder; std::getline(folders, folder, ':');) {
    setting.includes += fmt::format(" -I'{}'", folder);
  }
  std::vector<Mutant> mutants;
  for (size_t s = 0; s + 6 < arguments.size(); ++s) {
    const std::string& argument = arguments[s + 6];
    const size_t colon = argument.find(':');
    setting.sources.push_back(argument.substr(0, colon));
    const std::string& path = setting.sources.back();
    if (path.ends_with(".ld")) continue;
    const std::string text = ReadText(path);
    MutantMaker maker(s, text, setting.firmware);
    for (Mutant& mutant : path.ends_with(".S") ? maker.MakeAssembler() : maker.Make()) {
      if (colon != std::string::npos && !Chosen(argument.substr(colon + 1), mutant.name)) continue;
      mutants.push_back(std::move(mutant));
    }
  }
  const size_t all = mutants.size();
  std::erase_if(mutants, [](const Mutant& mutant) { return !InRotation(mutant.name); });
  const auto begin = std::chrono::steady_clock::now();
  if (setting.Try(nullptr, 0) != Fate::kSurvived) {
    fmt::print("the test fails without any mutant\n");
    return 1;
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  setting.most_seconds = std::max(
      10, static_cast<int>(5 * std::chrono::duration_cast<std::chrono::seconds>(took).count()));
  std::vector<Fate> fates(mutants.size());
  std::atomic<size_t> next{0};
  std::vector<std::thread> workers;
  for (size_t w = 0; w < std::max(1u, std::thread::hardware_concurrency()); ++w) {
    workers.emplace_back([&, w] {
      for (size_t m = next++; m < mutants.size(); m = next++)
        fates[m] = setting.Try(&mutants[m], w);
    });
  }
  for (std::thread& worker : workers) worker.join();

  const std::set<std::string> equivalent = ReadEquivalent(arguments[5]);
  std::set<std::string> survivors;
  size_t died = 0, not_compiled = 0;
  int status = 0;
  for (size_t m = 0; m < mutants.size(); ++m) {
    died += fates[m] == Fate::kDied ? 1 : 0;
    not_compiled += fates[m] == Fate::kNotCompiled ? 1 : 0;
    if (fates[m] != Fate::kSurvived) continue;
    survivors.insert(mutants[m].name);
    if (equivalent.contains(mutants[m].name)) continue;
    fmt::print("survives: {}\n", mutants[m].name);
    status = 1;
  }
  for (const std::string& name : equivalent) {
    if (survivors.contains(name) || !InRotation(name)) continue;
    fmt::print("called equivalent, but is no survivor: {}\n", name);
    status = 1;
  }
  fmt::print(
      "{} mutants of {}: {} died, {} survived ({} kinds called equivalent), {} did not compile\n",
      mutants.size(), all, died, mutants.size() - died - not_compiled, equivalent.size(),
      not_compiled);
  return status;
}

}  // namespace
}  // namespace npugen::testing

int main(int argc, char** argv) { return npugen::testing::Main({argv + 1, argv + argc}); }
