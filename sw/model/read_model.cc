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

/// Refuses what is often taken for a model: files that say what they are.
Status CheckOtherFormats(std::string_view text, const std::string& path) {
  const auto refuse = [&](const char* what, const char* hint) -> Status {
    return Diagnostic{DiagnosticCode::kModelFormat, SourceLocation{InputName(path)}, what, hint};
  };
  if (text.starts_with("version https://git-lfs.github.com/spec/")) {
    return refuse("the file is a Git LFS pointer, not the model itself",
                  "fetch the model: git lfs pull");
  }
  if (text.starts_with("\x89HDF\r\n")) {
    return refuse("the file is a Keras model (HDF5)",
                  "convert it to .tflite with full integer quantization");
  }
  if (text.starts_with("PK\x03\x04")) {
    return text.find("config.json") != std::string_view::npos &&
                   text.find("model.weights.h5") != std::string_view::npos
               ? refuse("the file is a Keras model (.keras)",
                        "convert it to .tflite with full integer quantization")
               : refuse("the file is a zip archive", "unpack it and give the .tflite file in it");
  }
  if (text.starts_with("\x1f\x8b")) {
    return refuse("the file is compressed by gzip", "unpack it and give the .tflite file in it");
  }
  if (text.starts_with("NPUN") || text.starts_with("NPUP")) {
    return refuse("the file is a compiled network of npugen",
                  "npugen run takes it; give the model");
  }
  if (text.starts_with("<!DOCTYPE") || text.starts_with("<html")) {
    return refuse("the file is a web page, not a model", "download the file itself");
  }
  return Unit{};
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
  if (!is_tflite) {
    if (Status other = CheckOtherFormats(text, path); !other) return other.errors();
  }
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
