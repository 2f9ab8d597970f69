// SPDX-License-Identifier: Apache-2.0
// The pictures one by one, for picture.cc, which knows what a document holds.
#pragma once

#include <optional>

#include "verif/report/picture.h"

namespace npugen {

/// Of run and estimate: cycles of each layer by cause; use of the array over MACs per byte; what is
/// where in a memory (`pe` or `core`) while the layers run, nothing where nothing is.
Picture CyclesPicture(const nlohmann::json& run);
std::optional<Picture> RooflinePicture(const nlohmann::json& run);
std::optional<Picture> MemoryPicture(const nlohmann::json& run, const std::string& memory);

/// Of a trace: what each unit does, cycle by cycle.
std::optional<Picture> TimelinePicture(const nlohmann::json& trace);

/// Of synth: areas of modules and memories; of kinds of cells; endpoints by slack.
Picture AreaPicture(const nlohmann::json& area);
Picture CellKindsPicture(const nlohmann::json& area);
std::optional<Picture> SlackPicture(const nlohmann::json& timing);

/// Of power: energy of `parts` or `modules` by what it is spent on.
Picture EnergyPicture(const nlohmann::json& power, const std::string& table);

/// Of sweep: time of networks over area of the variants, nothing without areas.
std::optional<Picture> SweepPicture(const nlohmann::json& sweep);

/// Of pod: what steps are spent on; who does what in one step, nothing without spans.
Picture PodCausesPicture(const nlohmann::json& report);
std::optional<Picture> PodTimelinePicture(const nlohmann::json& report);

/// Of estimate --validate: predicted over measured cycles.
std::optional<Picture> ValidationPicture(const nlohmann::json& validation);

}  // namespace npugen
