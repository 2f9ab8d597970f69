// SPDX-License-Identifier: Apache-2.0
// npugen calibrate: how often the gates of a fractional network open, into its file.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "generator/cli/command.h"
#include "generator/cli/simulate.h"
#include "generator/support/file.h"
#include "generator/support/text.h"
#include "sw/model/file_bytes.h"
#include "sw/model/read_model.h"
#include "verif/golden/golden_model.h"

namespace npugen {
namespace {

/// Activities of a sample are wanted, not of a whole collection.
constexpr uint64_t kMostInputBytes = uint64_t{1} << 30;

struct CalibrateOptions {
  std::string model;
  std::string input;
  std::string output;
};

int Calibrate(const CalibrateOptions& options) {
  const Result<std::vector<uint8_t>> text = ReadModelFile(options.model);
  if (!text) return Report(text.errors());
  const Result<Model> model = ReadModelBytes(*text, options.model);
  if (!model) return Report(model.errors());
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(*text, nullptr, false);
  if (json.is_discarded()) {
    return Report({{DiagnosticCode::kModelFormat, SourceLocation{options.model, 0, 0},
                    "not a packed-bit network: only those have a place for activities",
                    "a .json network (docs/packed_bits.md)"}});
  }
  const Result<std::vector<uint8_t>> input = ReadFileBytes(options.input, kMostInputBytes);
  if (!input) return Report(input.errors());
  const size_t bytes = model->tensors[static_cast<size_t>(model->inputs[0])].bytes();
  if (input->empty() || input->size() > kMostInputBytes || input->size() % bytes != 0) {
    return Report({{DiagnosticCode::kModelInput, SourceLocation{options.input, 0, 0},
                    input->size() > kMostInputBytes
                        ? fmt::format("it has more than {}", FormatBytes(kMostInputBytes))
                        : fmt::format("{} bytes are no whole number of inputs", input->size()),
                    fmt::format("inputs of {} bytes, one after the other", bytes)}});
  }
  std::vector<std::vector<int64_t>> passes(model->operators.size());
  for (size_t begin = 0; begin < input->size(); begin += bytes) {
    const auto first = input->begin() + static_cast<std::ptrdiff_t>(begin);
    const Result<TensorBytes> tensors =
        RunGolden(*model, {{first, first + static_cast<std::ptrdiff_t>(bytes)}});
    if (!tensors) return Report(tensors.errors());
    for (size_t op = 0; op < passes.size(); ++op) {
      const std::vector<int64_t> counts = GatePasses(*model, model->operators[op], *tensors);
      passes[op].resize(counts.size(), 0);
      for (size_t c = 0; c < counts.size(); ++c) passes[op][c] += counts[c];
    }
  }
  // Layers of the file and operators go hand in hand, but for a thermometer in front.
  const size_t skipped = model->operators.size() - json["layers"].size();
  for (size_t op = skipped; op < passes.size(); ++op) {
    if (!passes[op].empty()) json["layers"][op - skipped]["activity"] = passes[op];
  }
  const std::string out = json.dump(1) + '\n';
  const Status written = WriteFile(options.output, out);
  if (!written) return Report(written.errors());
  fmt::print(TextStream({options.output}), "{}: activities of {} inputs\n", options.output,
             input->size() / bytes);
  return 0;
}

}  // namespace

void AddCalibrateCommand(CLI::App& app) {
  auto options = std::make_shared<CalibrateOptions>();
  CLI::App* command = app.add_subcommand(
      "calibrate", "Count how often the gates of a fractional network open, for skip windows");
  command->add_option("MODEL", options->model, "packed-bit network (.json)")->required();
  command->add_option("--input", options->input, "inputs of the network, one after the other")
      ->required();
  command->add_option("-o,--output", options->output, "the network with activities (.json)")
      ->required();
  command->footer(
      "NPUs with units.bnn.skip_window then order the channels by activity. The weights stay where "
      "they\nare: OUTPUT belongs beside the network's .bin, under the same name.\n"
      "Example: npugen calibrate net.json --input images.bin -o calibrated/net.json");
  OnRun(*command, [options] { return Calibrate(*options); });
}

}  // namespace npugen
