// SPDX-License-Identifier: Apache-2.0
// FST files, by the reader that comes with Verilator.
#include "tests/bench/waves.h"

#include <gtkwave/fstapi.h>

#include <map>
#include <memory>
#include <utility>

namespace npugen::testing {
namespace {

struct Reading {
  const std::function<void(uint64_t, const WaveSignals&)>& visit;
  WaveSignals signals;
  std::multimap<fstHandle, size_t> places;
  uint64_t time = 0;
  bool changed = false;
};

void OnChange(void* user, uint64_t time, fstHandle handle, const unsigned char* value) {
  Reading& reading = *static_cast<Reading*>(user);
  if (reading.changed && time != reading.time) reading.visit(reading.time, reading.signals);
  reading.time = time;
  reading.changed = true;
  const auto [first, last] = reading.places.equal_range(handle);
  for (auto place = first; place != last; ++place) {
    reading.signals.values[place->second] = reinterpret_cast<const char*>(value);
  }
}

}  // namespace

bool ReadWaves(const std::string& path, const std::function<bool(std::string_view)>& wanted,
               const std::function<void(uint64_t, const WaveSignals&)>& visit) {
  const std::unique_ptr<void, void (*)(void*)> file(fstReaderOpen(path.c_str()), fstReaderClose);
  if (!file) return false;
  Reading reading{visit, {}, {}};
  std::vector<std::string> scopes = {""};
  while (const fstHier* item = fstReaderIterateHier(file.get())) {
    if (item->htyp == FST_HT_SCOPE) {
      scopes.push_back(scopes.back() + item->u.scope.name + '.');
    } else if (item->htyp == FST_HT_UPSCOPE && scopes.size() > 1) {
      scopes.pop_back();
    } else if (item->htyp == FST_HT_VAR) {
      std::string name = scopes.back() + item->u.var.name;
      name = name.substr(0, name.find(' '));
      if (!wanted(name)) continue;
      reading.places.emplace(item->u.var.handle, reading.signals.names.size());
      reading.signals.names.push_back(std::move(name));
      fstReaderSetFacProcessMask(file.get(), item->u.var.handle);
    }
  }
  reading.signals.values.resize(reading.signals.names.size());
  if (fstReaderIterBlocks(file.get(), OnChange, &reading, nullptr) == 0) return false;
  if (reading.changed) visit(reading.time, reading.signals);
  return true;
}

}  // namespace npugen::testing
