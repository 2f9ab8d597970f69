// SPDX-License-Identifier: Apache-2.0
// Reads packed-bit networks (docs/packed_bits.md): layers as JSON, weights as bits and bytes in a
// second file.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// The network whose layers `json` lists and whose weights `weights` holds; `name` is the name of
/// the JSON file. Nothing in either is trusted, and time and memory are bounded by a small multiple
/// of their size. Errors (M12x, M108) name the layer and the key; those of the first bad layer are
/// listed.
Result<Model> ReadPacked(std::string_view json, std::span<const uint8_t> weights,
                         const std::string& name);

/// The network whose layers `json` lists, the contents of the file at `path`; its weights are in
/// the file of the same name that ends in .bin.
Result<Model> ReadPackedWithFile(std::string_view json, const std::string& path);
/// The network in the file at `path`; its weights are in the file of the same name that ends in
/// .bin.
Result<Model> LoadPacked(const std::string& path);

}  // namespace npugen
