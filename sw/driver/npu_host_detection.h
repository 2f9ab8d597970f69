// SPDX-License-Identifier: Apache-2.0
// What detectors have behind their last layer: boxes and poses from float32 arithmetic, without
// libm. Part of npu_host_operators.h. Values are float32, or int8 with a scale and a zero point.
#ifndef NPUGEN_SW_DRIVER_NPU_HOST_DETECTION_H_
#define NPUGEN_SW_DRIVER_NPU_HOST_DETECTION_H_

#include "sw/driver/npu_host_operators.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NPU_POSE_KEYPOINTS 17
#define NPU_POSE_EDGES 16

/// NPU_HOST_DETECTION: inputs are encodings of boxes [boxes, box_values], scores [boxes, columns]
/// and anchors [boxes, 4]; outputs, float32, boxes [most, 4], classes [most], scores [most] and how
/// many there are [1]. Works in NPU_DETECTION_WORK bytes.
typedef struct npu_detection_options {
  int32_t boxes, box_values, columns, classes;
  int32_t most, most_of_a_class;
  int32_t regular;  ///< 1: class by class
  float score_threshold, overlap_threshold;
  float scale_y, scale_x, scale_h, scale_w;
} npu_detection_options;

/// Of a box: 4 floats, its class, score, two indices, an active flag; of a list: 3 words each.
#define NPU_DETECTION_WORK(boxes, most, most_of_a_class) \
  (4u * ((boxes)*9u + 4u * ((most) + (most_of_a_class))))

/// NPU_HOST_POSES: inputs are logits [height, width, 17], short offsets [height, width, 34] and mid
/// offsets [height, width, 64]; outputs, float32, keypoints [most, 17, 2] (y first), their scores
/// [most, 17], scores of poses [most], and how many there are [1]. Works in NPU_POSE_WORK bytes.
typedef struct npu_pose_options {
  int32_t height, width, most, stride;
  float least_logit;      ///< of the score threshold
  float score_threshold;  ///< of poses
  float block;            ///< 1 / stride, of offsets
  float squared_radius;   ///< of suppression, in blocks
} npu_pose_options;

/// A candidate for each keypoint of each place, and 54 words for each pose.
#define NPU_POSE_WORK(height, width, most) (4u * (4u * (height) * (width)*17u + 54u * (most)))

/// The parts of npu_host_operator_fits() and npu_host_operator_run() for these kinds.
int npu_host_detection_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                            uint32_t input_count, const npu_network_tensor* const* outputs,
                            uint32_t output_count, const uint32_t* options, uint32_t option_count,
                            uint32_t work_bytes);
void npu_host_detection_run(uint32_t kind, const struct npu_host_operand* inputs,
                            const struct npu_host_operand* outputs, const uint32_t* options,
                            void* work);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_SW_DRIVER_NPU_HOST_DETECTION_H_
