// SPDX-License-Identifier: Apache-2.0
// The table of operators as a document, with one operator of each kind estimated.
#include "cli/operator_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "cli/data_folder.h"
#include "generator/arch/command_set.h"
#include "generator/config/load.h"
#include "sw/compiler/compile_network.h"
#include "sw/model/operators/rules.h"
#include "sw/model/rewrite/fold_integers.h"
#include "sw/model/rewrite/uint8.h"
#include "sw/model/tflite_reader.h"
#include "sw/model/tflite_schema.h"
#include "verif/random/draw.h"
#include "verif/session/estimate_model.h"

namespace npugen {
namespace {

constexpr const char* kSpec = "edge";
/// What the operators that are estimated compute on.
const std::vector<int32_t> kShape = {1, 32, 32, 32};

constexpr std::string_view kBegin =
    R"(# Operators

<!-- Printed by `npugen operator-reference` from sw/model/operators.def; `make golden` updates it. -->

What the reader (`sw/model/`, table `operators.def`) accepts, and what each operator computes: bit for bit what TensorFlow Lite Micro's
portable kernels compute (two roundings in a requantization), or where TFLM has no kernel for the type, what TensorFlow Lite's
reference kernel computes (marked TFLite). Anything else is refused with index, name and reason; `npugen ops MODEL` says what
becomes of each operator of a file.

Activations are int8 with one scale and zero point (uint8 and int16: below). Weights are int8 or packed int4 with zero point 0, one
scale or one per output channel (FULLY_CONNECTED with int4: one). Lists such as axes and paddings are constants.

Columns: *formats* of activations. *runs on*: the NPU, or with `--host-operators` the host (float ends need no option).
)";

constexpr std::string_view kRest = R"(
A factor whose result could overflow TFLM's int32 is refused; only sums of products wrap, as they do there.

**Numbers that are not quantized**, int32 and float32: ADD, SUB, MUL, SQUARED_DIFFERENCE, MAXIMUM, MINIMUM, ABS, NEG,
CONCATENATION, PACK, SQRT (float32), and the operators of such numbers above run on the host (`--host-operators`), as index arithmetic and float tails
of pose networks and detectors have them. int32 wraps; results of operators that can have a fused activation are finite, as TFLite limits
them. A network with other operators in float32 is refused as a whole.

**Float ends.** QUANTIZE of a float32 input and DEQUANTIZE to a float32 output, which converters write by default, run on the
host (`docs/compiler.md`): `round(x / scale) + zero_point` with a quotient in float32, halves away from zero; what is beyond
int32 saturates, and NaN counts as 0 (TFLite leaves both open).

)";

constexpr std::string_view kEnd =
    R"(**uint8** (TensorFlow 1, Coral's first models) becomes int8: values and zero points less by 128, weights less by their zero point
(9 bits: as two parts that add up in the accumulators, or three with a weight of 255 and zero point 0). Results are those of
TFLite's uint8 reference kernels with two roundings: factors of convolutions from a product in float32, averages that round halves
up, LOGISTIC and TANH from tables computed in float32, the factor of MUL in float32, those of SUB in double. RESIZE_BILINEAR computes in float32 there,
halves up: it is taken where the steps are multiples of 1/1024, so that all of it is exact (from 65 to 513 with align_corners);
as the kernel, it passes values on whatever scale the output has.
MEAN is that of int8 (TFLite since 2.12). Not converted: LEAKY_RELU and others whose uint8 kernels compute otherwise. Inputs and
outputs stay uint8; a QUANTIZE on the NPU stands between.

**int16** activations (zero point 0) with int8 weights, "16x8": what computes runs on the host (`--host-operators`), since TFLM
scales sums of 64 bits in one rounding and the NPU sums of 32 bits in two; what only moves bytes runs on the NPU. At most 6
dimensions. LOGISTIC, TANH and the LSTM look up TFLite's table of sigmoids; SOFTMAX has TFLite's tables of 513 entries.

**States.** CALL_ONCE, VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE (streaming networks, all ESPHome wake words) become states of the
network: tensors that keep their bytes from one run to the next, as the variables of SVDF and LSTM do. The subgraph of CALL_ONCE may only
assign constants; a variable that nothing sets begins with the zero point of int8, else 0. A ring of past rows (CONCATENATION, STRIDED_SLICE,
ASSIGN_VARIABLE) is read and written where it stands, so that nothing is copied (`docs/compiler.md`).

Not supported: WHILE and other control flow, and what neither TFLM nor TFLite has in int8 or int16.
)";

/// `function` for each name that stands for the row in a file.
template <typename Function>
void ForEachBuiltin(const OperatorRow& row, Function function) {
  function(std::string(row.name));
  std::string_view others = row.others;
  while (!others.empty()) {
    const size_t comma = others.find(", ");
    function(std::string(others.substr(0, comma)));
    others = comma == std::string_view::npos ? "" : others.substr(comma + 2);
  }
}

std::string Formats(const OperatorRow& row) {
  // Their two sides differ, or it is their weights and states that differ.
  if (row.type == OperatorType::kQuantize || row.only_host) return "see limits";
  bool uint8 = false;
  ForEachBuiltin(row, [&](const std::string& name) { uint8 |= TakesUint8(name); });
  return fmt::format("int8{}{}", uint8 ? ", uint8" : "", row.rules->wide ? ", int16" : "");
}

std::string PlaceText(const OperatorRow& row) {
  if (row.only_host) return "host";
  if (row.rules->on_host == nullptr) return "NPU";
  if (row.type == OperatorType::kQuantize) return "NPU; float32: host";
  // Which types the host computes.
  std::string types;
  if (row.rules->on_host == ComputesWide || row.rules->on_host == ComputesOnHost) types = "int16";
  if (row.rules->plain) types += types.empty() ? "int32, float32" : ", int32, float32";
  return types.empty() ? "NPU or host" : fmt::format("NPU; {}: host", types);
}

/// What the operator that `seed` draws takes on the reference design; empty where nothing can be
/// said.
std::string CostOf(const NpuConfig& config, const OperatorRow& row, uint64_t seed) {
  const testing::OperatorDraw& draw = testing::DrawOf(row.type);
  testing::Drawer drawer("reference", seed, /*large_images=*/true);
  std::vector<int32_t> shape = kShape;
  if (draw.fit != nullptr) draw.fit(shape);
  const int32_t input = drawer.writer.Input(shape, 0.05f, draw.least_zero_point ? -128 : 3);
  if (!drawer.Append(row.type, input)) return "";
  const Operator op = drawer.writer.model().operators.back();
  int64_t elements = 0;
  for (const int32_t output : op.outputs) {
    drawer.writer.Output(output);
    elements += drawer.At(output).elements();
  }
  elements = std::max(elements, drawer.At(input).elements());
  const Result<Model> model = ReadTflite(drawer.writer.Write(), "reference");
  if (!model) return "";
  const Result<Network> network = CompileNetwork(*model, config);
  if (!network) return "";
  const Result<RunReport> report = EstimateModel(config, *network, /*warm=*/true);
  if (!report) return "";
  uint64_t computing = 0, macs = 0;
  for (const LayerReport& layer : report->layers) {
    macs += layer.macs;
    for (const CycleCause& cause : AllCycleCauses()) {
      const std::string_view name = cause.json_name;
      if (name == "barrier" || name == "dma" || name == "idle") continue;
      computing += layer.causes[cause.code];
    }
  }
  const auto per = [](uint64_t cycles, auto count) {
    return fmt::format("{:.3g}", static_cast<double>(cycles) / static_cast<double>(count));
  };
  if (macs > 0) return per(computing, macs) + " a MAC";
  return fmt::format("{}; {} with memory", per(computing, elements), per(report->cycles, elements));
}

/// Of the first seed that fits; "-" where none does.
std::string Cost(const NpuConfig& config, const OperatorRow& row) {
  constexpr uint64_t kMostSeeds = 16;
  if (row.only_host) return "-";
  for (uint64_t seed = 1; seed <= kMostSeeds; ++seed) {
    std::string cost = CostOf(config, row, seed);
    if (!cost.empty()) return cost;
  }
  return "-";
}

std::string Folded() {
  std::string names;
  for (int32_t code = 0; code < 256; ++code) {
    const std::string name = tflite::BuiltinOperatorName(code);
    if (FoldsIntegers(name)) names += (names.empty() ? "" : ", ") + name;
  }
  return fmt::format(
      "**Shape arithmetic** on constant int32 and int64 is folded before anything else "
      "(`sw/model/rewrite/fold_integers.cc`): {}.\n\n",
      names);
}

}  // namespace

std::string OperatorReference() {
  const Result<NpuConfig> config = LoadSpec(fmt::format("{}/specs/{}.yaml", DataFolder(), kSpec));
  if (!config) return "";
  std::string text(kBegin);
  text += fmt::format(
      "*Cycles* per element (of inputs or results, whatever is more; of products per MAC) are "
      "those of one operator\non a {}x{}x{}x{} tensor on `specs/{}.yaml` by the performance model "
      "(`docs/estimate.md`): of the compute engine, and of the\nwhole job with data coming from "
      "and going to memory.\n\n"
      "| operator | formats | runs on | cycles | limits and peculiarities |\n"
      "| --- | --- | --- | --- | --- |\n",
      kShape[0], kShape[1], kShape[2], kShape[3], kSpec);
  for (size_t i = 0; i < kOperatorKinds; ++i) {
    const OperatorRow& row = RowOf(static_cast<OperatorType>(i));
    if (std::string_view(row.family) == "bits") continue;
    std::string names;
    ForEachBuiltin(row, [&](const std::string& name) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
    });
    text += fmt::format("| {} | {} | {} | {} | {} |\n", names, Formats(row), PlaceText(row),
                        Cost(*config, row), row.limits);
  }
  text += kRest;
  text += Folded();
  return text + std::string(kEnd);
}

}  // namespace npugen
