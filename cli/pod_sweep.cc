// SPDX-License-Identifier: Apache-2.0
// Points of a sweep, the files of their results, and the jobs that make them.
#include "cli/pod_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <utility>

#include "cli/commands.h"
#include "cli/simulate.h"
#include "generator/support/file.h"
#include "generator/support/process.h"
#include "generator/support/sha256.h"
#include "generator/support/version.h"
#include "verif/pod/pod_model.h"

namespace npugen {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostPodPoints = 100'000;
constexpr uint64_t kMostResultBytes = 64 * 1024;

std::vector<std::string> SplitAt(const std::string& text, char by) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t at = text.find(by); at != std::string::npos; at = text.find(by, begin)) {
    parts.push_back(text.substr(begin, at - begin));
    begin = at + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// A point's result depends on nothing else.
std::string ResultPath(const PodSweep& sweep, const PodPoint& point) {
  std::string all = fmt::format("{}\n{}\n", kToolVersion, sweep.text);
  for (const PodChange& change : sweep.changes) all += change.path + '=' + change.value + '\n';
  all += '\n';
  for (const PodChange& change : point.changes) all += change.path + '=' + change.value + '\n';
  return (std::filesystem::path(sweep.results) / (Sha256(all).substr(0, 32) + ".json")).string();
}

/// The result in the folder; nothing if there is none that is whole.
std::optional<ordered_json> FindResult(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  const Result<std::string> text = ReadFileText(path, kMostResultBytes);
  if (!text) return std::nullopt;
  ordered_json json = ordered_json::parse(*text, nullptr, false);
  if (!json.is_object() || !json.contains("name")) return std::nullopt;
  return json;
}

/// A point as it is described, or why the mesh refuses it.
struct ReadPoint {
  std::optional<PodDescription> pod;
  std::string refusal;
};

Result<ReadPoint> ReadPodPoint(const PodSweep& sweep, const PodPoint& point) {
  std::vector<PodChange> changes = sweep.changes;
  changes.insert(changes.end(), point.changes.begin(), point.changes.end());
  Result<PodDescription> pod = ReadPod(sweep.text, InputName(sweep.file), changes);
  if (pod) return ReadPoint{std::move(*pod), ""};
  const bool divides =
      std::all_of(pod.errors().begin(), pod.errors().end(), [](const Diagnostic& error) {
        return error.code == DiagnosticCode::kPodDivision ||
               error.code == DiagnosticCode::kPodContradiction;
      });
  if (!divides) return pod.errors();
  return ReadPoint{std::nullopt, pod.errors().front().message};
}

Result<ordered_json> EstimatePoint(const PodSweep& sweep, const PodPoint& point) {
  const Result<ReadPoint> read = ReadPodPoint(sweep, point);
  if (!read) return read.errors();
  ordered_json json = {{"name", point.name}};
  for (const PodChange& change : point.changes) json["changes"][change.path] = change.value;
  if (!read->pod) {
    json["refused"] = read->refusal;
    return json;
  }
  const PodDescription* pod = &*read->pod;
  const PodStep step = EstimatePod(*pod);
  json["chips"] = pod->chips();
  json["seconds"] = step.seconds;
  json["tokens_per_second"] = step.tokens_per_second;
  json["model_utilization"] = step.model_utilization;
  json["limit"] = PodCauseName(step.limit);
  json["memory_bytes"] = step.memory_needed;
  json["fits"] = step.memory_needed <= pod->memory_bytes;
  for (size_t i = 0; i < kPodCauses; ++i) {
    json["causes"][std::string(PodCauseName(static_cast<PodCause>(i)))] = step.causes[i];
  }
  return json;
}

/// The command that makes part `part` of the results; a shell sees `part` as it is.
std::vector<std::string> PartCommand(const PodSweep& sweep, const std::string& part) {
  std::vector<std::string> command = {std::filesystem::read_symlink("/proc/self/exe").string(),
                                      "pod", "--estimate",
                                      std::filesystem::absolute(sweep.file).string()};
  for (const PodChange& change : sweep.changes) {
    command.insert(command.end(), {"--set", change.path + '=' + change.value});
  }
  for (const std::string& vary : sweep.vary) command.insert(command.end(), {"--sweep", vary});
  command.insert(command.end(),
                 {"--results", std::filesystem::absolute(sweep.results).string(), "--part", part});
  return command;
}

std::string ShellQuoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

bool OnPath(const std::string& program) {
  const char* path = std::getenv("PATH");
  for (const std::string& folder : SplitAt(path != nullptr ? path : "", ':')) {
    std::error_code error;
    if (!folder.empty() && std::filesystem::exists(folder + '/' + program, error)) return true;
  }
  return false;
}

/// Runs the command as tasks 0..tasks-1 of a job array and waits for all of them.
Result<int> RunSlurm(const PodSweep& sweep, size_t tasks) {
  std::string script = "#!/bin/sh\nexec";
  for (const std::string& word : PartCommand(sweep, "PART")) {
    script += word == "PART" ? fmt::format(" \"$SLURM_ARRAY_TASK_ID/{}\"", tasks)
                             : ' ' + ShellQuoted(word);
  }
  const std::filesystem::path folder = std::filesystem::absolute(sweep.results);
  const std::string path = (folder / "array.sh").string();
  if (const Status written = WriteFile(path, script + '\n'); !written) return written.errors();
  return RunProcess(
      {"sbatch", "--wait", fmt::format("--array=0-{}", tasks - 1), "--job-name=npugen-pod",
       "--output=" + (folder / "task-%a.log").string(), path},
      folder.string(), (folder / "sbatch.log").string());
}

/// Jobs for `missing` points; when it returns they have ended.
Status RunJobs(const PodSweep& sweep, const std::vector<std::string>& missing) {
  const size_t tasks = std::min<size_t>(missing.size(), static_cast<size_t>(sweep.jobs));
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  std::vector<std::future<Result<int>>> running;
  const bool slurm = sweep.slurm && OnPath("sbatch");
  if (slurm) {
    running.push_back(std::async(std::launch::async, RunSlurm, std::cref(sweep), tasks));
  } else {
    for (size_t task = 0; task < tasks; ++task) {
      running.push_back(std::async(std::launch::async, [&sweep, task, tasks] {
        const std::string log =
            (std::filesystem::absolute(sweep.results) / fmt::format("task-{}.log", task)).string();
        return RunProcess(PartCommand(sweep, fmt::format("{}/{}", task, tasks)), sweep.results,
                          log);
      }));
    }
  }
  Diagnostics errors;
  for (std::future<Result<int>>& job : running) {
    while (job.wait_for(std::chrono::milliseconds(300)) != std::future_status::ready) {
      const auto done = std::count_if(missing.begin(), missing.end(), [](const std::string& path) {
        return std::filesystem::exists(path);
      });
      progress.Show(fmt::format("{} of {} points, {} {}", done, missing.size(), tasks,
                                slurm ? "tasks of a job array" : "processes"));
    }
    const Result<int> ended = job.get();
    if (!ended) return ended.errors();
    if (*ended != 0) {
      errors.push_back(
          {DiagnosticCode::kToolFailed,
           {sweep.results, 0, 0},
           fmt::format("{} ended with status {}", slurm ? "the job array" : "a process", *ended),
           "its task-N.log says why; the same command goes on where this one ended"});
    }
  }
  if (!errors.empty()) return errors;
  return Unit{};
}

/// Numbers I and N of "I/N".
std::optional<std::pair<size_t, size_t>> ParsePart(const std::string& text) {
  const std::vector<std::string> numbers = SplitAt(text, '/');
  if (numbers.size() != 2) return std::nullopt;
  size_t values[2];
  for (int i = 0; i < 2; ++i) {
    const std::string& number = numbers[static_cast<size_t>(i)];
    if (number.empty() || number.size() > 6 ||
        number.find_first_not_of("0123456789") != std::string::npos) {
      return std::nullopt;
    }
    values[i] = std::stoul(number);
  }
  if (values[0] >= values[1]) return std::nullopt;
  return std::pair(values[0], values[1]);
}

/// Estimates the points of one part that have no result yet.
Status MakePart(const PodSweep& sweep, const std::vector<PodPoint>& points) {
  const auto part = ParsePart(sweep.part);
  if (!part) {
    return UsageError(fmt::format("`{}` is no part", sweep.part),
                      "part I of N is I/N, I from 0 to N-1");
  }
  for (size_t p = part->first; p < points.size(); p += part->second) {
    const std::string path = ResultPath(sweep, points[p]);
    if (FindResult(path)) continue;
    const Result<ordered_json> point = EstimatePoint(sweep, points[p]);
    if (!point) return point.errors();
    if (const Status written = WriteFile(path, point->dump() + '\n'); !written) return written;
  }
  return Unit{};
}

}  // namespace

Result<std::vector<PodPoint>> PodPointsOf(const std::vector<std::string>& vary) {
  std::vector<PodPoint> points = {PodPoint()};
  for (const std::string& text : vary) {
    const size_t sign = text.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == text.size()) {
      return UsageError(fmt::format("`--sweep {}` has no values", text),
                        "such as --sweep batch.sequences=512,1024 or "
                        "--sweep mesh.model,mesh.data=12:16x16,6:16x32");
    }
    const std::vector<std::string> keys = SplitAt(text.substr(0, sign), ',');
    const std::vector<std::string> values = SplitAt(text.substr(sign + 1), ',');
    if (points.size() * values.size() > kMostPodPoints) {
      return UsageError("a sweep with too many points", fmt::format("at most {}", kMostPodPoints));
    }
    std::vector<PodPoint> more;
    for (const PodPoint& point : points) {
      for (const std::string& value : values) {
        const std::vector<std::string> parts = SplitAt(value, ':');
        if (parts.size() != keys.size()) {
          return UsageError(fmt::format("`{}` of `--sweep {}` has {} values for {} keys", value,
                                        text, parts.size(), keys.size()),
                            "one value for each key, with `:` between them");
        }
        PodPoint next = point;
        for (size_t i = 0; i < keys.size(); ++i) {
          next.changes.push_back({keys[i], parts[i]});
          next.name += fmt::format("{}{} {}", next.name.empty() ? "" : ", ",
                                   keys[i].substr(keys[i].rfind('.') + 1), parts[i]);
        }
        more.push_back(std::move(next));
      }
    }
    points = std::move(more);
  }
  return points;
}

Result<ordered_json> RunPodSweep(const PodSweep& sweep) {
  const Result<std::vector<PodPoint>> points = PodPointsOf(sweep.vary);
  if (!points) return points.errors();
  const Result<PodDescription> pod = ReadPod(sweep.text, InputName(sweep.file), sweep.changes);
  if (!pod) return pod.errors();
  ordered_json report = {
      {"pod", pod->name}, {"npugen", kToolVersion}, {"pod_points", ordered_json::array()}};
  if (!sweep.results.empty() && sweep.file == kStandardStream) {
    return UsageError("jobs cannot read standard input again", "a description in a file");
  }
  if (!sweep.results.empty()) {
    std::error_code error;
    std::filesystem::create_directories(sweep.results, error);
    if (error) {
      return SystemError(DiagnosticCode::kFileWrite, sweep.results, "made", error.value());
    }
    if (!sweep.part.empty()) {
      if (const Status made = MakePart(sweep, *points); !made) return made.errors();
      return report;
    }
    // Keys and values that nothing can read are errors before anything is started.
    std::vector<std::string> missing;
    for (const PodPoint& point : *points) {
      if (const Result<ReadPoint> read = ReadPodPoint(sweep, point); !read) return read.errors();
      const std::string path = ResultPath(sweep, point);
      if (!FindResult(path)) missing.push_back(path);
    }
    if (!missing.empty()) {
      if (const Status ran = RunJobs(sweep, missing); !ran) return ran.errors();
    }
  }
  for (const PodPoint& point : *points) {
    if (sweep.results.empty()) {
      Result<ordered_json> estimate = EstimatePoint(sweep, point);
      if (!estimate) return estimate.errors();
      report["pod_points"].push_back(std::move(*estimate));
      continue;
    }
    std::optional<ordered_json> found = FindResult(ResultPath(sweep, point));
    if (!found) {
      return Diagnostic(DiagnosticCode::kToolFailed, {sweep.results, 0, 0},
                        fmt::format("the jobs left no result of `{}`", point.name),
                        "the same command goes on where this one ended");
    }
    report["pod_points"].push_back(std::move(*found));
  }
  return report;
}

std::string PodSweepText(const ordered_json& report) {
  std::string text = fmt::format("{:44} {:>8} {:>10} {:>10} {:>7} {:>8}  {}\n", "variant", "chips",
                                 "step s", "tokens/s", "MFU", "GiB", "limit");
  for (const ordered_json& point : report.at("pod_points")) {
    const std::string name = point.at("name");
    if (point.contains("refused")) {
      text += fmt::format("{:44} refused: {}\n", name, point.at("refused").get<std::string>());
      continue;
    }
    text += fmt::format("{:44} {:8} {:10.4f} {:10.0f} {:5.1f} % {:8.2f}  {}{}\n", name,
                        point.at("chips").get<uint64_t>(), point.at("seconds").get<double>(),
                        point.at("tokens_per_second").get<double>(),
                        100 * point.at("model_utilization").get<double>(),
                        point.at("memory_bytes").get<double>() / 0x1p30,
                        point.at("limit").get<std::string>(),
                        point.at("fits").get<bool>() ? "" : ", does not fit memory");
  }
  return text;
}

}  // namespace npugen
