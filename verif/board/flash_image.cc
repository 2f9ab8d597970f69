// SPDX-License-Identifier: Apache-2.0
// Header, network and inputs of a flash image.
#include "verif/board/flash_image.h"

#include <cstring>

#include "sw/firmware/example/flash.h"

namespace npugen {
namespace {

constexpr size_t kAlignment = 8;

/// Appends `bytes` at the next aligned offset, and returns that.
uint32_t Append(std::span<const uint8_t> bytes, std::vector<uint8_t>* image) {
  image->resize((image->size() + kAlignment - 1) / kAlignment * kAlignment);
  const size_t offset = image->size();
  image->insert(image->end(), bytes.begin(), bytes.end());
  return static_cast<uint32_t>(offset);
}

}  // namespace

std::vector<uint8_t> MakeFlashImage(std::span<const uint8_t> network,
                                    std::span<const std::vector<uint8_t>> inputs) {
  std::vector<uint8_t> image(sizeof(flash_header));
  std::vector<uint8_t> all;
  for (const std::vector<uint8_t>& input : inputs)
    all.insert(all.end(), input.begin(), input.end());
  flash_header header = {};
  header.magic = FLASH_MAGIC;
  header.network_offset = Append(network, &image);
  header.network_bytes = static_cast<uint32_t>(network.size());
  header.inputs_offset = Append(all, &image);
  header.input_count = static_cast<uint32_t>(inputs.size());
  std::memcpy(image.data(), &header, sizeof header);
  return image;
}

}  // namespace npugen
