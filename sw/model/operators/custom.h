// SPDX-License-Identifier: Apache-2.0
// Operators of other makers (CUSTOM) that the host knows. Their options.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/operators/option_types.h"

namespace npugen {

/// TFLite_Detection_PostProcess. Inputs: encodings of boxes [1, boxes, 4 or more], scores [1,
/// boxes, classes] (a class for the background in front counts as one more) and anchors [boxes, 4].
/// Outputs, float32: boxes [1, most, 4], classes and scores [1, most], number [1].
struct DetectionOptions {
  int32_t most = 0;             ///< detections
  int32_t classes = 0;          ///< without the background
  int32_t most_of_a_class = 0;  ///< of regular NMS
  bool regular = false;         ///< NMS class by class; else of each box's best class
  float score_threshold = 0.0f, overlap_threshold = 0.0f;
  float scale_y = 1.0f, scale_x = 1.0f, scale_h = 1.0f, scale_w = 1.0f;
};

/// PosenetDecoderOp. Inputs [1, h, w, 17], [1, h, w, 34] and [1, h, w, 64]: logits of keypoints,
/// short and mid offsets. Outputs, float32: keypoints [1, most, 17, 2], their scores [1, most, 17],
/// scores of poses [1, most], number [1].
struct PoseOptions {
  int32_t most = 0;    ///< poses
  int32_t stride = 1;  ///< pixels of a block
  float score_threshold = 0.0f;
  float nms_radius = 0.0f;  ///< in pixels
};

/// All options of this family, for OperatorOptions.
using CustomOptions = OptionList<DetectionOptions, PoseOptions>;

/// What the file says beside an operator of this family: a map in FlexBuffers form.
bool ReadDetectionOptions(const std::vector<uint8_t>& bytes, DetectionOptions* options);
bool ReadPoseOptions(const std::vector<uint8_t>& bytes, PoseOptions* options);

}  // namespace npugen
