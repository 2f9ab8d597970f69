// SPDX-License-Identifier: Apache-2.0
// One rule for each operator.
#include "sw/model/rewrite/custom_shapes.h"

#include "sw/model/operators/custom.h"

namespace npugen {

void CompleteCustomShapes(RawGraph graph) {
  for (const RawOperator& op : graph.operators) {
    std::vector<std::vector<int32_t>> shapes;
    DetectionOptions detection;
    PoseOptions pose;
    if (op.name == "TFLite_Detection_PostProcess" && ReadDetectionOptions(op.custom, &detection)) {
      shapes = {{1, detection.most, 4}, {1, detection.most}, {1, detection.most}, {1}};
    } else if (op.name == "PosenetDecoderOp" && ReadPoseOptions(op.custom, &pose)) {
      shapes = {{1, pose.most, 17, 2}, {1, pose.most, 17}, {1, pose.most}, {1}};
    }
    for (size_t i = 0; i < shapes.size() && i < op.outputs.size(); ++i) {
      if (op.outputs[i] < 0) continue;
      Tensor& output = graph.model.tensors[op.outputs[i]];
      if (output.shape.empty() && graph.problems[op.outputs[i]].empty()) output.shape = shapes[i];
    }
  }
}

}  // namespace npugen
