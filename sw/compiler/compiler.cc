// SPDX-License-Identifier: Apache-2.0
// The stages of the compiler in order: lower, plan, tile, schedule, encode.
#include "sw/compiler/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "generator/support/text.h"
#include "sw/compiler/lower/dead_channels.h"
#include "sw/compiler/lower/lower.h"
#include "sw/compiler/plan/activation_plan.h"
#include "sw/compiler/plan/block_plan.h"
#include "sw/compiler/plan/fit_windows.h"
#include "sw/compiler/plan/parameter_plan.h"
#include "sw/compiler/schedule/estimate.h"
#include "sw/compiler/schedule/schedule.h"
#include "sw/compiler/tile/tile.h"
#include "sw/model/error_kinds.h"
#include "sw/stream/stream_check.h"
#include "sw/timing/rough_estimate.h"

namespace npugen {

using namespace compiler;  // NOLINT: the stages' names are local to this folder

namespace {

constexpr size_t kImageAlignment = 64;
/// Costs of copies of parameters that are tried, see PartitionLayers().
constexpr double kCopies[] = {0, 0.4};
/// Parameters that may be loaded ahead of an exchange between PEs, in words for each cycle that
/// they compute before it: what is tried. They may hold up what PEs tell each other.
constexpr double kOvertaking[] = {0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.7, 2, 3, 1e9};
/// What is tried of it to compare plans.
constexpr double kFewOvertaking[] = {0, 0.5, 0.8, 1.2, 2, 1e9};
/// What is tried of long streams, to compare plans and in the end.
constexpr double kOneOvertaking[] = {0.8};
/// Estimates are exact to this part of them, on the mean of networks (docs/estimate.md): a plan
/// that is not the usual one must promise more.
constexpr int64_t kNoise = 2000;

size_t Align(size_t value) {
  return (value + kImageAlignment - 1) / kImageAlignment * kImageAlignment;
}

/// Appends bytes to the image at the next aligned offset, which it returns.
uint32_t Append(std::vector<uint8_t>* image, const std::vector<uint8_t>& bytes) {
  image->resize(Align(image->size()), 0);
  const uint32_t offset = static_cast<uint32_t>(image->size());
  image->insert(image->end(), bytes.begin(), bytes.end());
  return offset;
}

uint64_t Macs(const Model& model, const Operator& op) {
  if (op.inputs.size() < 2 || op.inputs[1] < 0) return 0;
  const Tensor& output = model.tensors[op.outputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const uint64_t results = static_cast<uint64_t>(output.elements());
  switch (op.type) {
    case OperatorType::kConv2d:
      return results * static_cast<uint64_t>(filter.shape[1]) *
             static_cast<uint64_t>(filter.shape[2]) * static_cast<uint64_t>(filter.shape[3]);
    case OperatorType::kDepthwiseConv2d:
      return results * static_cast<uint64_t>(filter.shape[1]) *
             static_cast<uint64_t>(filter.shape[2]);
    case OperatorType::kFullyConnected:
      return results * static_cast<uint64_t>(filter.shape[1]);
    case OperatorType::kBatchMatMul: {
      const std::vector<int32_t>& shape = model.tensors[op.inputs[0]].shape;
      const bool adjoint = std::get<BatchMatMulOptions>(op.options).adjoint_x;
      return results * static_cast<uint64_t>(shape[shape.size() - (adjoint ? 2 : 1)]);
    }
    case OperatorType::kSvdf:
      return static_cast<uint64_t>(filter.elements() + model.tensors[op.inputs[2]].elements());
    case OperatorType::kBinaryConv2d:
      return results * static_cast<uint64_t>(filter.elements() / filter.shape[0]) *
             static_cast<uint64_t>(model.tensors[op.inputs[0]].planes);
    default:
      return 0;
  }
}

ProgramTensor TensorRow(const Model& model, int32_t number, Window window, int64_t offset) {
  const Tensor& tensor = model.tensors[number];
  return ProgramTensor{number,
                       tensor.name,
                       window,
                       static_cast<uint32_t>(offset),
                       static_cast<uint32_t>(tensor.bytes()),
                       tensor.scale(),
                       tensor.zero_point(),
                       tensor.shape};
}

void FillTables(const Model& model, const LoweredModel& lowered, const ActivationPlan& plan,
                Program* program) {
  for (int32_t tensor : model.inputs) {
    const Placement& place = plan.placements[lowered.tensor_storage[tensor]];
    program->inputs.push_back(place.state_offset >= 0
                                  ? TensorRow(model, tensor, Window::kOutput, place.state_offset)
                                  : TensorRow(model, tensor, Window::kInput, place.input_offset));
  }
  std::vector<int64_t> output_offset(model.outputs.size());
  for (size_t s = 0; s < lowered.storages.size(); ++s) {
    for (size_t i = 0; i < lowered.storages[s].outputs.size(); ++i) {
      output_offset[lowered.storages[s].outputs[i]] = plan.placements[s].output_offsets[i];
    }
  }
  for (size_t i = 0; i < model.outputs.size(); ++i) {
    program->outputs.push_back(
        TensorRow(model, model.outputs[i], Window::kOutput, output_offset[i]));
  }
  for (size_t s = 0; s < lowered.storages.size(); ++s) {
    if (!plan.placements[s].kept) continue;
    for (int32_t tensor : lowered.storages[s].tensors) {
      program->kept.push_back(
          TensorRow(model, tensor, Window::kScratch, plan.placements[s].scratch_offset));
    }
  }
  for (const Operator& op : model.operators) {
    const Tensor& output = model.tensors[op.outputs[0]];
    program->layers.push_back(ProgramLayer{static_cast<uint32_t>(op.index) & 0xffff,
                                           static_cast<uint32_t>(op.index), op.name, op.outputs[0],
                                           output.shape, Macs(model, op),
                                           model.tensors[op.inputs[0]].type == TensorType::kBits});
  }
}

/// A model on its way through the stages.
struct Compilation {
  const Model* model;
  LoweredModel lowered;
  std::vector<Partition> partitions;
  ActivationPlan activations;
  std::vector<Step> steps;  ///< without parameter loads
  Program program;
  std::shared_ptr<CommandTimes> times;  ///< of its commands, for all plans of it
};

void AddErrors(const Diagnostics& more, Diagnostics* errors) {
  errors->insert(errors->end(), more.begin(), more.end());
}

/// Steps in the order of the stream, with barriers.
struct TimedSchedule {
  std::vector<Step> steps;
  int64_t cycles = 0;  ///< estimated, from doorbell to interrupt
};

bool SameCommands(const std::vector<Step>& a, const std::vector<Step>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Step& x, const Step& y) {
    return x.command.words() == y.command.words();
  });
}

/// The fastest schedule of steps without parameter loads; `extra` are LOADs of what other models
/// cache.
TimedSchedule Schedule(const NpuConfig& config, const ParameterPlan& parameters,
                       const Compilation& compilation, const std::vector<Step>& steps,
                       const std::vector<Step>& extra, bool warm,
                       std::span<const double> overtaking) {
  std::vector<Step> placed =
      PlaceParameters(parameters, config, compilation.activations.placements, steps, warm);
  placed.insert(placed.end(), extra.begin(), extra.end());
  for (Step& step : placed) {
    if (step.engine >= kFirstPeEngine) step.cycles = compilation.times->Cycles(step.command);
  }
  TimedSchedule best;
  if (config.pes() > 1 && IsLong(config, placed)) {
    const bool few = overtaking.size() <= std::size(kFewOvertaking);
    overtaking = few ? std::span<const double>(kOneOvertaking) : kFewOvertaking;
  }
  for (const double overtake : overtaking) {
    std::vector<Step> ordered = AddBarriers(config, HoistLoads(config, placed, overtake));
    if (SameCommands(ordered, best.steps)) continue;
    const int64_t cycles = EstimateCycles(config, ordered);
    if (best.steps.empty() || cycles < best.cycles) best = {std::move(ordered), cycles};
    if (config.pes() == 1) break;  // there are no exchanges
  }
  return best;
}

/// The schedules of a first inference and of one that finds cached parameters.
struct Schedules {
  std::vector<Step> cold;  ///< `extra` included
  /// Empty: nothing is gained over `cold`, which leaves the same in core memory.
  std::vector<Step> warm;
};

/// What stays in core memory takes rows from what streams, which a first inference uses until it
/// loads them. Where that weighs more than the loads saved, all inferences are like the first.
Schedules MakeSchedules(const NpuConfig& config, const ParameterPlan& parameters,
                        const Compilation& compilation, const std::vector<Step>& extra,
                        bool cached) {
  Schedules schedules;
  const auto schedule = [&](const std::vector<Step>& loads, bool warm) {
    return Schedule(config, parameters, compilation, compilation.steps, loads, warm, kOvertaking);
  };
  TimedSchedule cold = schedule(extra, /*warm=*/false);
  if (cached) {
    TimedSchedule warm = schedule({}, /*warm=*/true);
    // It moves fewer bytes, which counts where both take as long.
    if (warm.cycles <= cold.cycles + cold.cycles / kNoise) schedules.warm = std::move(warm.steps);
  }
  schedules.cold = std::move(cold.steps);
  return schedules;
}

/// Estimated cycles of an inference of each model in each of the states `warm` of the cache, or -1:
/// a command does not fit. `is_long` is set where any of them is.
int64_t Cost(const NpuConfig& config, const std::vector<Compilation>& compilations,
             const std::vector<ParameterPlan>& plans,
             std::initializer_list<bool> states = {false, true},
             std::span<const double> overtaking = kFewOvertaking, bool* is_long = nullptr) {
  int64_t cycles = 0;
  for (size_t m = 0; m < compilations.size(); ++m) {
    const Compilation& c = compilations[m];
    const Result<std::vector<Step>> steps =
        Tile(*c.model, c.lowered, config, c.partitions, c.activations, plans[m]);
    if (!steps) return -1;
    // Warm inferences run the cold stream where that is faster.
    int64_t least = std::numeric_limits<int64_t>::max();
    for (const bool warm : states) {
      // Where nothing is cached both states are the same.
      if (least == std::numeric_limits<int64_t>::max() || plans[m].cached_bytes > 0) {
        const TimedSchedule schedule = Schedule(config, plans[m], c, *steps, {}, warm, overtaking);
        least = std::min(least, schedule.cycles);
        if (is_long != nullptr) *is_long = *is_long || IsLong(config, schedule.steps);
      }
      cycles += least;
    }
  }
  return cycles;
}

/// Whether two plans of the same models give the same commands.
bool SamePlans(const std::vector<ParameterPlan>& a, const std::vector<ParameterPlan>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) {
    const auto same_chunk = [](const Chunk& c, const Chunk& d) {
      return c.layer == d.layer && c.group_begin == d.group_begin && c.group_end == d.group_end &&
             c.unit == d.unit && c.rows == d.rows;
    };
    const auto same_unit = [](const LoadUnit& u, const LoadUnit& v) {
      return u.rows == v.rows && u.cached_row == v.cached_row;
    };
    return x.stream_rows == y.stream_rows && x.split_kernel == y.split_kernel &&
           std::equal(x.chunks.begin(), x.chunks.end(), y.chunks.begin(), y.chunks.end(),
                      same_chunk) &&
           std::equal(x.units.begin(), x.units.end(), y.units.begin(), y.units.end(), same_unit);
  });
}

std::vector<ParameterPlan> WithoutImages(std::vector<ParameterPlan> plans) {
  for (ParameterPlan& plan : plans) plan.image.clear();
  return plans;
}

bool CutsKernels(const std::vector<ParameterPlan>& plans) {
  return std::any_of(plans.begin(), plans.end(), [](const ParameterPlan& plan) {
    return std::find(plan.split_kernel.begin(), plan.split_kernel.end(), true) !=
           plan.split_kernel.end();
  });
}

/// Plans parameters. Where they do not all fit in core memory it depends on the network how many of
/// them should stay there and how finely the others are cut, so plans are tried. `cost`: what
/// Cost() says of the chosen ones; left alone when it was not asked.
/// `search` says whether plans of long streams are tried, too; where they are not, `left_out` is
/// set.
Result<std::vector<ParameterPlan>> ChooseParameters(const NpuConfig& config,
                                                    const std::vector<ParameterInput>& inputs,
                                                    const std::vector<Compilation>& compilations,
                                                    bool search, std::optional<int64_t>* cost,
                                                    bool* left_out) {
  Result<std::vector<ParameterPlan>> best = PlanParameters(inputs, config, ParameterPolicy{});
  if (!best) return best;
  const bool streams = std::any_of(best->begin(), best->end(), [](const ParameterPlan& plan) {
    return std::any_of(plan.units.begin(), plan.units.end(), [](const LoadUnit& unit) {
      return unit.cached_row < 0 && unit.storage < 0;
    });
  });
  if (!streams) return best;
  bool is_long = false;
  int64_t least = Cost(config, compilations, *best, {false, true}, kFewOvertaking, &is_long);
  *cost = least;
  if (least < 0) return best;
  if (is_long && !search) {
    *left_out = true;
    return best;
  }
  std::vector<ParameterPolicy> policies{{4, 5}, {2, 3}, {2, 5}, {6, 3}, {6, 5}};
  std::vector<std::vector<ParameterPlan>> tried{WithoutImages(*best)};
  for (const ParameterPolicy policy : policies) {
    Result<std::vector<ParameterPlan>> plans = PlanParameters(inputs, config, policy);
    if (!plans) continue;
    const bool known = std::any_of(tried.begin(), tried.end(),
                                   [&](const auto& other) { return SamePlans(other, *plans); });
    if (known) continue;
    tried.push_back(WithoutImages(*plans));
    const int64_t cycles = Cost(config, compilations, *plans);
    if (cycles < 0 || cycles > least - least / kNoise) continue;
    least = cycles;
    *cost = cycles;
    best = std::move(plans);
  }
  if (!CutsKernels(*best)) return best;
  // Taken where neither the first nor later inferences become slower.
  const auto take = [&](std::vector<ParameterPlan> plans) {
    const int64_t cold = Cost(config, compilations, *best, {false}, kOvertaking);
    const int64_t new_cold = Cost(config, compilations, plans, {false}, kOvertaking);
    if (new_cold < 0 || new_cold > cold) return;
    const int64_t both = Cost(config, compilations, *best, {false, true}, kOvertaking);
    const int64_t new_both = Cost(config, compilations, plans, {false, true}, kOvertaking);
    if (new_both >= both || new_both - new_cold > both - cold) return;
    *cost = Cost(config, compilations, plans);
    best = std::move(plans);
  };
  // With all of core memory to stream, kernels may not have to be cut.
  Result<std::vector<ParameterPlan>> streamed =
      PlanParameters(inputs, config, ParameterPolicy{0, 3});
  if (streamed) take(std::move(*streamed));
  std::vector<ParameterPlan> back = *best;
  for (ParameterPlan& plan : back) plan.there_and_back = true;
  if (CutsKernels(back)) take(std::move(back));
  return best;
}

/// Tokens are equal where the same parameters stand at the same rows.
uint64_t CacheToken(const NpuConfig& config, const std::vector<ParameterPlan>& plans) {
  std::string text = fmt::format("{:016x}", config.hash);
  for (const ParameterPlan& plan : plans) {
    for (const LoadUnit& unit : plan.units) text += fmt::format(" {}", unit.cached_row);
    text.append(plan.image.begin(), plan.image.end());
  }
  const uint64_t token = Fnv1a64(text);
  return token == 0 ? 1 : token;
}

/// Whether bytes of the output window are read after something has been written there: the order in
/// which steps stand is the one that counts.
bool ReadsWritten(const std::vector<Step>& steps, int64_t begin, int64_t end) {
  std::vector<Access> written;
  for (const Step& step : steps) {
    for (const Access& read : step.reads) {
      if (read.space != Space::kOutput || read.begin >= end || read.end <= begin) continue;
      for (const Access& write : written) {
        if (read.begin < write.end && write.begin < read.end) return true;
      }
    }
    for (const Access& write : step.writes) {
      if (write.space == Space::kOutput && write.begin < end && begin < write.end) {
        written.push_back(write);
      }
    }
  }
  return false;
}

/// The steps of a model. A state is written where it is read, as long as all of it is read before.
Result<std::vector<Step>> TileWithStates(const NpuConfig& config, Compilation* c,
                                         const ParameterPlan& parameters) {
  const auto tile = [&] {
    return Tile(*c->model, c->lowered, config, c->partitions, c->activations, parameters);
  };
  Result<std::vector<Step>> steps = tile();
  bool changed = false;
  for (const Model::State& state : c->model->states) {
    if (!steps) break;
    const int32_t storage = c->lowered.tensor_storage[state.read];
    const int64_t begin = c->activations.placements[storage].state_offset;
    if (!ReadsWritten(*steps, begin, begin + c->lowered.storages[storage].bytes)) continue;
    SeparateState(c->lowered, storage, &c->activations);
    changed = true;
  }
  return changed ? tile() : std::move(steps);
}

Status CheckSizes(const Compilation& compilation) {
  const int64_t limit = std::numeric_limits<uint32_t>::max();
  const int64_t most_steps = (int64_t{1} << kBarrierCountBits) / 2;
  const ActivationPlan& plan = compilation.activations;
  if (plan.scratch_bytes <= limit && plan.input_bytes <= limit && plan.output_bytes <= limit &&
      static_cast<int64_t>(compilation.program.image.size()) <= limit / 2 &&
      static_cast<int64_t>(compilation.steps.size()) <= most_steps / 4) {
    return Unit{};
  }
  return Diagnostic{DiagnosticCode::kCompileLimit, SourceLocation{compilation.model->name, 0, 0},
                    "the model as a whole is too large: windows are limited to 4 GiB and streams "
                    "to 2 million commands",
                    ""};
}

/// No program leaves the compiler with a stream that hardware would refuse or that never ends.
Status CheckStreams(const NpuConfig& config, const Compilation& compilation) {
  const Program& program = compilation.program;
  std::set<uint32_t> offsets{program.cold_offset, program.warm_offset};
  for (const uint32_t offset : offsets) {
    const StreamReport report = CheckStream(config, program.image, offset);
    if (report.problems.empty()) continue;
    return Diagnostic{DiagnosticCode::kCompileStream, SourceLocation{compilation.model->name, 0, 0},
                      report.problems.front(), "please report it with the model and the spec"};
  }
  return Unit{};
}

/// Everything that is decided before there are commands.
struct Plans {
  std::vector<Compilation> compilations;
  std::vector<ParameterPlan> parameters;
  std::optional<int64_t> cost;  ///< Cost() of them, if it is known
  bool weighed = false;         ///< made with `weigh_parameters`
  bool left_out = false;        ///< not all ways to stream parameters were tried
};

/// Plans memories for models whose layers are divided among PEs; `weigh_parameters` as
/// PlanActivations() has it, `search` as ChooseParameters().
Result<Plans> MakePlans(const NpuConfig& config, const CompileOptions& options,
                        bool weigh_parameters, bool search, std::vector<Compilation> compilations) {
  // All plans are made before any errors are reported: a model may be too large in two ways.
  Diagnostics errors;
  std::vector<ParameterInput> inputs;
  for (Compilation& c : compilations) {
    Result<ActivationPlan> activations = PlanActivations(*c.model, c.lowered, c.partitions, config,
                                                         options.keep_tensors, weigh_parameters);
    if (activations) {
      c.activations = std::move(*activations);
      FitWindows(config, c.partitions, c.activations, &c.lowered);
      // Until the image exists.
      for (size_t s = 0; s < c.lowered.storages.size(); ++s) {
        if (!c.lowered.storages[s].constant.empty())
          c.activations.placements[s].constant_offset = 0;
      }
    } else {
      AddErrors(activations.errors(), &errors);
    }
    inputs.push_back({c.model, &c.lowered, &c.partitions, &c.activations.groups});
  }
  if (!errors.empty()) {
    const auto parameters = PlanParameters(inputs, config, ParameterPolicy{});
    if (!parameters) AddErrors(parameters.errors(), &errors);
    return errors;
  }
  std::optional<int64_t> cost;
  bool left_out = false;
  Result<std::vector<ParameterPlan>> parameters =
      ChooseParameters(config, inputs, compilations, search, &cost, &left_out);
  if (!parameters) return parameters.errors();
  return Plans{std::move(compilations), std::move(*parameters), cost, weigh_parameters, left_out};
}

/// The plans that promise fewer cycles; those without errors where the others have some.
Result<Plans> Better(const NpuConfig& config, Result<Plans> best, Result<Plans> other) {
  if (!best || !other) return best ? std::move(best) : std::move(other);
  const auto cost_of = [&](const Plans& plans) {
    return plans.cost ? *plans.cost : Cost(config, plans.compilations, plans.parameters);
  };
  const int64_t cycles = cost_of(*other), least = cost_of(*best);
  return cycles >= 0 && (least < 0 || cycles < least) ? std::move(other) : std::move(best);
}

/// Plans for lowered models. What copies of parameters in several PEs cost depends on what else
/// core memory has to hold, so divisions are tried.
Result<Plans> ChoosePlans(const NpuConfig& config, const CompileOptions& options,
                          std::vector<Compilation> compilations) {
  for (Compilation& c : compilations) {
    c.partitions = PartitionLayers(c.lowered, config, kCopies[0]);
  }
  std::vector<Compilation> others = compilations;
  for (Compilation& c : others) c.partitions = PartitionLayers(c.lowered, config, kCopies[1]);
  const bool differ = !std::equal(
      others.begin(), others.end(), compilations.begin(),
      [](const Compilation& a, const Compilation& b) { return a.partitions == b.partitions; });
  // Costs of plans are rough.
  const auto plans_of = [&](std::vector<Compilation> divided) {
    Result<Plans> plans = MakePlans(config, options, true, false, divided);
    const bool weighed =
        plans && std::any_of(plans->compilations.begin(), plans->compilations.end(),
                             [](const Compilation& c) { return c.activations.parameters_weighed; });
    if (!weighed) return plans;
    return Better(config, std::move(plans),
                  MakePlans(config, options, false, false, std::move(divided)));
  };
  Result<Plans> best = plans_of(std::move(compilations));
  if (differ) best = Better(config, std::move(best), plans_of(std::move(others)));
  if (!best || !best->left_out) return best;
  return MakePlans(config, options, best->weighed, true, std::move(best->compilations));
}

/// Plans for one model. Positions side by side have more parameters, which only pays where there is
/// time to load them: the model as a whole shows.
Result<Plans> PlansOfModel(const NpuConfig& config, const CompileOptions& options,
                           const Model& model) {
  const auto plans_of = [&](LoweredModel lowered) {
    PlanBlocks(config, &lowered);
    return ChoosePlans(
        config, options,
        {{&model, std::move(lowered), {}, {}, {}, {}, std::make_shared<CommandTimes>(config)}});
  };
  Result<LoweredModel> lowered = Lower(model, config, {options.keep_tensors, false});
  if (!lowered) return lowered.errors();
  Result<LoweredModel> joined = Lower(model, config, {options.keep_tensors, true});
  Result<Plans> plans = plans_of(std::move(*lowered));
  if (!joined || !joined->side_by_side) return plans;
  return Better(config, std::move(plans), plans_of(std::move(*joined)));
}

/// Programs of planned models, in their order.
Result<std::vector<Program>> WritePrograms(const NpuConfig& config, Plans chosen) {
  std::vector<Compilation>& compilations = chosen.compilations;
  const std::vector<ParameterPlan>& plans = chosen.parameters;
  Diagnostics errors;
  const bool cached = std::any_of(plans.begin(), plans.end(),
                                  [](const ParameterPlan& plan) { return plan.cached_bytes > 0; });

  std::vector<Program> programs;
  for (size_t m = 0; m < compilations.size(); ++m) {
    Compilation& c = compilations[m];
    Program& program = c.program;
    program.config_hash = config.hash;
    program.cache_token = cached ? CacheToken(config, plans) : 0;
    program.image = plans[m].image;
    for (size_t s = 0; s < c.lowered.storages.size(); ++s) {
      if (c.lowered.storages[s].constant.empty()) continue;
      c.activations.placements[s].constant_offset =
          Append(&program.image, c.lowered.storages[s].constant);
    }
    Result<std::vector<Step>> steps = TileWithStates(config, &c, plans[m]);
    if (!steps) {
      AddErrors(steps.errors(), &errors);
      continue;
    }
    c.steps = std::move(*steps);
    // The first inference of any of the models loads the parameters that all of them keep.
    std::vector<Step> others;
    for (size_t other = 0; other < plans.size(); ++other) {
      if (other == m || plans[other].cached_bytes == 0) continue;
      const std::vector<Step> loads = LoadCached(plans[other], config, &program.image);
      others.insert(others.end(), loads.begin(), loads.end());
    }
    if (const Status sizes = CheckSizes(c); !sizes) {
      AddErrors(sizes.errors(), &errors);
      continue;
    }
    const Schedules schedules = MakeSchedules(config, plans[m], c, others, cached);
    program.cold_offset = Append(&program.image, WriteStream(config, schedules.cold));
    program.warm_offset = schedules.warm.empty()
                              ? program.cold_offset
                              : Append(&program.image, WriteStream(config, schedules.warm));
    if (const Status streams = CheckStreams(config, c); !streams) {
      AddErrors(streams.errors(), &errors);
      continue;
    }
    program.scratch_bytes = static_cast<uint32_t>(c.activations.scratch_bytes);
    program.input_bytes = static_cast<uint32_t>(c.activations.input_bytes);
    program.output_bytes = static_cast<uint32_t>(c.activations.output_bytes);
    FillTables(*c.model, c.lowered, c.activations, &program);
    programs.push_back(std::move(program));
  }
  if (!errors.empty()) return errors;
  return programs;
}

/// Whether models that take turns are faster with parts of core memory that none of them loads
/// again than with all of it for the one that runs, which then loads its parameters anew.
bool SharingPays(const NpuConfig& config, const Plans& shared, const std::vector<Plans>& alone) {
  const int64_t warm = Cost(config, shared.compilations, shared.parameters, {true});
  if (warm < 0) return false;
  int64_t cold = 0;
  for (const Plans& plans : alone) {
    const int64_t cycles = Cost(config, plans.compilations, plans.parameters, {false});
    if (cycles < 0) return true;
    cold += cycles;
  }
  // Estimates are not exact, and alone a model that runs twice in a row finds its parameters, too.
  return warm < cold - cold / kNoise;
}

}  // namespace

namespace {

/// CompileTogether() with one error for each operator.
Result<std::vector<Program>> CompileModels(const std::vector<const Model*>& models,
                                           const NpuConfig& config, const CompileOptions& options) {
  std::vector<Plans> alone;
  std::deque<Model> reduced;  // of those that have dead channels
  Diagnostics errors;
  for (const Model* model : models) {
    std::optional<Model> living;
    if (!options.keep_tensors) living = WithoutDeadChannels(*model, config.simd);
    if (living) model = &reduced.emplace_back(std::move(*living));
    Result<Plans> plans = PlansOfModel(config, options, *model);
    if (plans) {
      alone.push_back(std::move(*plans));
    } else {
      AddErrors(plans.errors(), &errors);
    }
  }
  if (!errors.empty()) return errors;
  if (alone.size() == 1) return WritePrograms(config, std::move(alone[0]));
  std::vector<Compilation> compilations;
  for (const Plans& plans : alone) compilations.push_back(plans.compilations[0]);
  Result<Plans> shared = ChoosePlans(config, options, std::move(compilations));
  if (shared && SharingPays(config, *shared, alone)) {
    return WritePrograms(config, std::move(*shared));
  }
  std::vector<Program> programs;
  for (Plans& plans : alone) {
    Result<std::vector<Program>> written = WritePrograms(config, std::move(plans));
    if (written) {
      programs.push_back(std::move(written->front()));
    } else {
      AddErrors(written.errors(), &errors);
    }
  }
  if (!errors.empty()) return errors;
  return programs;
}

}  // namespace

Result<std::vector<Program>> CompileTogether(const std::vector<const Model*>& models,
                                             const NpuConfig& config,
                                             const CompileOptions& options) {
  Result<std::vector<Program>> programs = CompileModels(models, config, options);
  if (!programs) return JoinAlike(programs.errors());
  return programs;
}

Status CheckFits(const Model& whole, const NpuConfig& config) {
  const std::optional<Model> living = WithoutDeadChannels(whole, config.simd);
  const Model& model = living ? *living : whole;
  Result<LoweredModel> lowered = Lower(model, config);
  if (!lowered) return lowered.errors();
  PlanBlocks(config, &*lowered);
  const std::vector<Partition> partitions = PartitionLayers(*lowered, config, kCopies[0]);
  Diagnostics errors;
  const auto activations = PlanActivations(model, *lowered, partitions, config,
                                           /*keep_tensors=*/false, /*weigh_parameters=*/true);
  if (!activations) AddErrors(activations.errors(), &errors);
  std::vector<LayerGroup> groups;
  if (activations) groups = activations->groups;
  const auto parameters =
      PlanParameters({{&model, &*lowered, &partitions, &groups}}, config, ParameterPolicy{});
  if (!parameters) AddErrors(parameters.errors(), &errors);
  if (!errors.empty()) return errors;
  return Unit{};
}

Result<Program> Compile(const Model& model, const NpuConfig& config,
                        const CompileOptions& options) {
  Result<std::vector<Program>> programs = CompileTogether({&model}, config, options);
  if (!programs) return programs.errors();
  return std::move((*programs)[0]);
}

}  // namespace npugen
