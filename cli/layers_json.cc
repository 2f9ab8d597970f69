// SPDX-License-Identifier: Apache-2.0
// Layers as JSON; causes without cycles are left out.
#include "cli/layers_json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace npugen {

nlohmann::ordered_json LayersJson(const Program& program, const std::vector<CauseCycles>& layers) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (size_t i = 0; i < program.layers.size() && i < layers.size(); ++i) {
    uint64_t cycles = 0;
    nlohmann::ordered_json causes;
    for (const CycleCause& cause : AllCycleCauses()) {
      const uint64_t count = layers[i][cause.code];
      cycles += count;
      if (count > 0) causes[std::string(cause.json_name)] = count;
    }
    json.push_back({{"name", program.layers[i].name},
                    {"macs", program.layers[i].macs},
                    {"cycles", cycles},
                    {"causes", std::move(causes)}});
  }
  return json;
}

}  // namespace npugen
