// SPDX-License-Identifier: Apache-2.0
// Files that tests read: the repository's own and collections of reference results.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace npugen::testing {

/// A path in the repository, such as "models/digits/input.bin".
std::string SourcePath(const std::string& relative);

/// The folder that has the reference results `name` (a network, or `ops`): the environment's
/// NPUGEN_SHARED_MODELS, ../shared/models next to the source folder, or tests/data/reference, in
/// this order. Empty if none has them (with their index.json); kNoReference is what a test then
/// says.
std::string ReferenceFolder(const std::string& name);
/// The file of a network in the same folders, NAME/model.tflite, with reference results or without
/// (models/fetch.sh). Empty if none has it.
std::string NetworkFile(const std::string& name);
inline constexpr const char* kNoReference =
    "network not in tests/data/reference: NPUGEN_SHARED_MODELS names a folder with more";

/// The contents of a file; ends the test program with a message if it cannot be read.
std::vector<uint8_t> ReadBytes(const std::string& path);

/// The first images of models/digits for the networks of bits: 64 levels 0..16 for each image, of
/// which input.bin holds 15 * level - 128.
std::vector<uint8_t> DigitLevels(size_t images);

}  // namespace npugen::testing
