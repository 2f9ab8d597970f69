// SPDX-License-Identifier: Apache-2.0
// Yosys on an emission: every module is mapped once to the cells of a library, memories stay black
// boxes.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "generator/emit/files.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/liberty.h"

namespace npugen {

/// The OSU 0.18 um library of Debian's qflow-tech-osu018.
inline constexpr const char* kDefaultLiberty = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

/// A cell library as it was read.
struct LibraryFile {
  std::string path;  ///< absolute
  std::string text;
  CellLibrary cells;
};

/// Reads the library at `path`. Error: kFileRead.
Result<LibraryFile> LoadLibrary(const std::string& path);

/// What the mapping is to leave in its folder.
enum class MappingResult : uint8_t {
  kStatistics,  ///< stat.json: cells of each module, a flip-flop for the latch of a clock gate
  kNetlist      ///< netlist.json: Yosys' JSON of all modules, where that latch is `$_DLATCH_N_`
};

/// Files that Yosys is given besides the emission: `synth.ys` and what that reads. Together with
/// the emission and the text of the library they decide the result. With an empty `library.path`
/// the same text as for any other path of it.
FileSet MappingFiles(const FileSet& emission, const LibraryFile& library, MappingResult result);

/// Runs Yosys in `folder`, which gets the emission (in `emission/`), `files`, the log `yosys.log`,
/// `memories.txt` and what `files` were made for.
/// Errors: kToolMissing, kToolFailed (with the path of the log), kFileWrite.
Status MapToCells(const FileSet& emission, const FileSet& files, const std::string& folder);

/// Parameters of the memories that were left out, such as Depth, by name of the Yosys module: the
/// meaning of `memories.txt`.
std::map<std::string, std::map<std::string, uint64_t>> MemoryParameters(const std::string& text);

/// Yosys writes names with a leading backslash in some places and without in others.
std::string UnescapedName(const std::string& name);
/// RTL name of a Yosys module: `\npu_x`, `$paramod\npu_x\P=1`, `$paramod$hash\npu_x`.
std::string RtlModuleName(const std::string& module);

}  // namespace npugen
