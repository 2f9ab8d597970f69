// SPDX-License-Identifier: Apache-2.0
// Reads models/digits.
#include "cli/digits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "cli/simulate.h"
#include "generator/support/file.h"

namespace npugen {
namespace {

/// Of a file with images, labels or results.
constexpr uint64_t kMostDataBytes = 64 << 20;

Diagnostic DataDamaged(const std::string& folder) {
  return {DiagnosticCode::kModelInput,
          {folder, 0, 0},
          "the demonstration's files do not fit together",
          "restore models/digits"};
}

/// A network's files: the model, and the outputs that it should give.
struct DigitsFiles {
  const char* name;
  const char* model;
  const char* outputs;
  bool pixels;  ///< reads pixels 0..16, which input.bin holds as 15 * pixel - 128
};
constexpr DigitsFiles kDigitsFiles[] = {
    {"int8 CNN", "digits_cnn_int8.tflite", "golden_prob.bin", false},
    {"BNN", "bnn/digits_bnn.json", "bnn/golden_sums.bin", true},
    {"FracBNN", "fracbnn/digits_fracbnn.json", "fracbnn/golden_sums.bin", true},
};

Result<Digits> LoadNetwork(const NpuConfig& config, const std::string& folder,
                           const DigitsFiles& files) {
  Result<Model> model = ReadModelFor(config, fmt::format("{}/{}", folder, files.model));
  if (!model) return model.errors();
  Digits digits;
  digits.name = files.name;
  digits.model = std::move(*model);
  for (const auto& [name, bytes] :
       {std::pair{"input.bin", &digits.input}, std::pair{files.outputs, &digits.outputs},
        std::pair{"labels.bin", &digits.labels}}) {
    Result<std::vector<uint8_t>> content =
        ReadFileBytes(fmt::format("{}/{}", folder, name), kMostDataBytes);
    if (!content) return content.errors();
    // More than that fits together with nothing.
    if (content->size() > kMostDataBytes) return DataDamaged(folder);
    *bytes = std::move(*content);
  }
  if (files.pixels) {
    for (uint8_t& byte : digits.input) {
      byte = static_cast<uint8_t>((static_cast<int8_t>(byte) + 128) / 15);
    }
  }
  const auto bytes_of = [&digits](int32_t tensor) {
    return digits.model.tensors[static_cast<size_t>(tensor)].bytes();
  };
  digits.image_bytes = bytes_of(digits.model.inputs[0]);
  digits.output_bytes = bytes_of(digits.model.outputs[0]);
  const size_t images = digits.labels.size();
  if (images == 0 || digits.input.size() != images * digits.image_bytes ||
      digits.outputs.size() != images * digits.output_bytes) {
    return DataDamaged(folder);
  }
  return digits;
}

/// Piece `index` of `bytes` bytes.
std::vector<uint8_t> Piece(const std::vector<uint8_t>& all, size_t index, size_t bytes) {
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(index * bytes);
  return {begin, begin + static_cast<std::ptrdiff_t>(bytes)};
}

}  // namespace

std::vector<uint8_t> Digits::Image(size_t image) const { return Piece(input, image, image_bytes); }

std::vector<uint8_t> Digits::Expected(size_t image) const {
  return Piece(outputs, image, output_bytes);
}

Result<std::vector<Digits>> LoadDigits(const NpuConfig& config, const std::string& folder) {
  std::vector<Digits> networks;
  for (const DigitsFiles& files : kDigitsFiles) {
    if (files.pixels && config.bnn_enabled == 0) continue;
    Result<Digits> digits = LoadNetwork(config, folder, files);
    if (!digits) return digits.errors();
    networks.push_back(std::move(*digits));
  }
  return networks;
}

size_t ClassOf(TensorType type, const std::vector<uint8_t>& bytes) {
  std::vector<int32_t> values;
  if (type == TensorType::kInt32) {
    values.resize(bytes.size() / sizeof(int32_t));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(int32_t));
  } else {
    for (uint8_t byte : bytes) values.push_back(static_cast<int8_t>(byte));
  }
  return static_cast<size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

}  // namespace npugen
