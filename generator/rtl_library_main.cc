// SPDX-License-Identifier: Apache-2.0
// Writes the printed SystemVerilog that no spec influences: what rtl/ needs beside itself to be
// linted.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "generator/emit/isa_package.h"
#include "generator/emit/popcount.h"
#include "generator/emit/register_block.h"
#include "generator/emit/register_header.h"
#include "generator/support/file.h"

namespace {

bool Write(const std::filesystem::path& path, const std::string& text) {
  const npugen::Status written = npugen::WriteFile(path.string(), text);
  if (written) return true;
  std::fputs(npugen::FormatDiagnostic(written.errors().front(), false).c_str(), stderr);
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: npugen_rtl_library OUTDIR [BITS OF NPU_POPCOUNT]\n");
    return 2;
  }
  const int bits = argc == 3 ? std::atoi(argv[2]) : 128;
  if (bits < 1 || bits > static_cast<int>(npugen::kMaxPopcountBits)) {
    std::fprintf(stderr, "npugen_rtl_library: npu_popcount has 1..%u bits\n",
                 npugen::kMaxPopcountBits);
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const bool written =
      Write(folder / "npu_isa_pkg.sv", npugen::EmitIsaPackage()) &&
      Write(folder / "npu_regs.sv", npugen::EmitRegisterBlock()) &&
      Write(folder / "npu_popcount.sv", npugen::EmitPopcount(static_cast<uint32_t>(bits), "")) &&
      Write(folder / "npu_registers.h", npugen::EmitRegisterHeader());
  return written ? 0 : 2;
}
