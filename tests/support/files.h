// Files that tests read: the repository's own and the shared collection of reference networks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace npugen::testing {

/// A path in the repository, such as "models/digits/input.bin".
std::string SourcePath(const std::string& relative);

/// The folder with reference networks: the environment's NPUGEN_SHARED_MODELS, or ../shared/models
/// next to the source folder. Empty if it does not exist.
std::string SharedModelsFolder();

/// The contents of a file; ends the test program with a message if it cannot be read.
std::vector<uint8_t> ReadBytes(const std::string& path);

/// The first images of models/digits for the networks of bits: 64 levels 0..16 for each image, of
/// which input.bin holds 15 * level - 128.
std::vector<uint8_t> DigitLevels(size_t images);

}  // namespace npugen::testing
