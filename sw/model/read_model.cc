// SPDX-License-Identifier: Apache-2.0
// Identifiers within files come first, then extensions.
#include "sw/model/read_model.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string_view>

#include "generator/support/file.h"
#include "sw/model/file_bytes.h"
#include "sw/model/onnx_reader.h"
#include "sw/model/packed_reader.h"
#include "sw/model/tflite_reader.h"

namespace npugen {
namespace {

std::string LowerExtension(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension;
}

}  // namespace

Result<Model> ReadModel(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes) return bytes.errors();
  return ReadModelBytes(*bytes, path);
}

Result<Model> ReadModelBytes(const std::vector<uint8_t>& bytes, const std::string& path) {
  const std::string_view text = BytesView(bytes);
  const std::string name = std::filesystem::path(InputName(path)).filename().string();
  const std::string extension = LowerExtension(path);
  const bool is_tflite = text.size() >= 8 && text.substr(4, 4) == "TFL3";
  if (is_tflite || extension == ".tflite") return ReadTflite(bytes, name);
  if (extension == ".json") return ReadPackedWithFile(text, path);
  if (extension == ".onnx") return ReadOnnx(bytes, name);
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return ReadPackedWithFile(text, path);
  return Diagnostic{DiagnosticCode::kModelFormat, SourceLocation{InputName(path)},
                    "the file's format is not known by contents or extension",
                    "TensorFlow Lite (.tflite), a packed-bit network (.json) or ONNX (.onnx)"};
}

}  // namespace npugen
