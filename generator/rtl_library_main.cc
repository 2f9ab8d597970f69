// SPDX-License-Identifier: Apache-2.0
// Writes the printed SystemVerilog that no spec influences: what rtl/ needs beside itself to be
// linted.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "generator/emit/crc.h"
#include "generator/emit/dot_products.h"
#include "generator/emit/float_trees.h"
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
  const std::string first = argc > 1 ? argv[1] : "";
  const bool help = first == "--help" || first == "-h";
  if (help || (argc != 2 && argc != 3) || first.starts_with('-')) {
    std::fprintf(
        help ? stdout : stderr,
        "usage: npugen_rtl_library FOLDER [BITS]\n"
        "Writes the printed RTL that no spec influences into FOLDER, which is made where it\n"
        "is missing; npu_popcount counts BITS bits (1..%u, default 128), and\n"
        "npu_dot_products adds the products of as many bytes, npu_float_tree as many rows.\n",
        npugen::kMaxPopcountBits);
    return help ? 0 : 2;
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
  for (const npugen::CrcSpec& crc : npugen::LinkCrcs()) {
    if (!Write(folder / (std::string(crc.module) + ".sv"), npugen::EmitCrc(crc, ""))) return 2;
  }
  const bool written =
      Write(folder / "npu_isa_pkg.sv", npugen::EmitIsaPackage()) &&
      Write(folder / "npu_regs.sv", npugen::EmitRegisterBlock()) &&
      Write(folder / "npu_popcount.sv", npugen::EmitPopcount(static_cast<uint32_t>(bits), "")) &&
      Write(folder / "npu_dot_products.sv",
            npugen::EmitDotProducts(static_cast<uint32_t>(bits + 7) / 8, "")) &&
      Write(folder / "npu_byte_multiplier.sv", npugen::EmitByteMultiplier("")) &&
      Write(folder / "npu_significand_product.sv", npugen::EmitSignificandProduct("")) &&
      (bits > 8 * static_cast<int>(npugen::kMaxFloatProducts) ||
       Write(folder / "npu_float_tree.sv",
             npugen::EmitFloatTree(static_cast<uint32_t>(bits + 7) / 8, ""))) &&
      Write(folder / "npu_registers.h", npugen::EmitRegisterHeader());
  return written ? 0 : 2;
}
