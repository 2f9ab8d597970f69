// Identifiers within files come first, then extensions.
#include "sw/model/read_model.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string_view>

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
  char start[64] = {};
  std::ifstream stream;
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) stream.open(path, std::ios::binary);
  stream.read(start, sizeof(start));
  const std::string_view text(start, static_cast<size_t>(stream.gcount()));
  const bool is_open = stream.is_open();
  stream.close();
  const std::string extension = LowerExtension(path);
  const bool is_tflite = text.size() >= 8 && text.substr(4, 4) == "TFL3";
  // The reader says why a file cannot be opened.
  if (!is_open || is_tflite || extension == ".tflite") return LoadTflite(path);
  if (extension == ".json") return LoadPacked(path);
  if (extension == ".onnx") return LoadOnnx(path);
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return LoadPacked(path);
  return Diagnostic{DiagnosticCode::kModelFormat, SourceLocation{path},
                    "the file's format is not known by contents or extension",
                    "TensorFlow Lite (.tflite), a packed-bit network (.json) or ONNX (.onnx)"};
}

}  // namespace npugen
