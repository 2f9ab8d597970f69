// Model files as bytes.
#include "sw/model/file_bytes.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <limits>

namespace npugen {

Result<std::vector<uint8_t>> ReadModelFile(const std::string& path) {
  constexpr uint64_t kLargestFile = std::numeric_limits<int32_t>::max();
  const auto refuse = [&](DiagnosticCode code, const std::string& message,
                          const std::string& hint) {
    return Diagnostic{code, SourceLocation{path}, message, hint};
  };
  std::error_code error;
  const std::filesystem::path file_path(path);
  if (!std::filesystem::is_regular_file(file_path, error)) {
    return refuse(DiagnosticCode::kFileRead, "no such file", "");
  }
  const uint64_t size = std::filesystem::file_size(file_path, error);
  if (error) return refuse(DiagnosticCode::kFileRead, error.message(), "");
  if (size > kLargestFile) {
    return refuse(DiagnosticCode::kModelTooLarge, fmt::format("the file has {} bytes", size),
                  "at most 2 GiB can be addressed");
  }
  std::vector<uint8_t> bytes(size);
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
    return refuse(DiagnosticCode::kFileRead, "the file cannot be read to its end", "");
  }
  return bytes;
}

}  // namespace npugen
