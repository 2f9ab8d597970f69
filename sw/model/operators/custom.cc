// SPDX-License-Identifier: Apache-2.0
// Operators of other makers: their options, types and shapes.
#include "sw/model/operators/custom.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "sw/model/flex_map.h"
#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

constexpr int32_t kMost = 4096;  // detections or poses
constexpr int32_t kKeypoints = 17;
constexpr int32_t kEdges = 16;

/// Fields of a map; those that are not there fail unless they have a default.
class Fields {
 public:
  explicit Fields(const std::vector<uint8_t>& bytes) : map_(ReadFlexMap(bytes)) {}

  bool good() const { return good_ && map_.has_value(); }
  float Real(const char* key) {
    const double value = Value(key, NAN);
    good_ = good_ && std::isfinite(value);
    return static_cast<float>(value);
  }
  int32_t Number(const char* key, double otherwise = NAN) {
    const double value = Value(key, otherwise);
    if (!(std::abs(value) <= 1e9)) good_ = false;
    return good_ ? static_cast<int32_t>(value) : 0;
  }

 private:
  double Value(const char* key, double otherwise) const {
    if (!map_) return otherwise;
    const auto found = map_->find(key);
    return found == map_->end() ? otherwise : found->second;
  }

  std::optional<std::map<std::string, double>> map_;
  bool good_ = true;
};

/// Three inputs that are no constants but for `constant`, and four float32 outputs.
bool CheckOperands(Checker& check, size_t constant) {
  if (check.op.inputs.size() != 3 || check.op.outputs.size() != 4 ||
      std::any_of(check.op.inputs.begin(), check.op.inputs.end(),
                  [](int32_t i) { return i < 0; }) ||
      std::any_of(check.op.outputs.begin(), check.op.outputs.end(),
                  [](int32_t i) { return i < 0; })) {
    check.Refuse(DiagnosticCode::kOperatorOperands, "does not have 3 inputs and 4 outputs");
    return false;
  }
  for (size_t i = 0; i < 3; ++i) {
    const Tensor& tensor = check.Input(i);
    if (tensor.type != TensorType::kFloat32 &&
        (tensor.type != TensorType::kInt8 || tensor.scales.size() != 1)) {
      check.Refuse(DiagnosticCode::kOperatorType,
                   fmt::format("input {} is neither FLOAT32 nor of 8 bits with one scale",
                               check.InputText(i)));
    }
    if (i != constant) check.NotConstant(check.op.inputs[i], "input");
  }
  for (const int32_t output : check.op.outputs) {
    if (check.model.tensors[output].type == TensorType::kFloat32) continue;
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("output {} is not FLOAT32", DescribeTensor(check.model, output)));
  }
  return !check.refused();
}

void ReadDetection(OptionReader& reader) {
  DetectionOptions options;
  if (!ReadDetectionOptions(*reader.custom, &options)) {
    reader.Refuse("has options that are not those of the operator, or several classes for a box");
  }
  reader.op.options = options;
}

void CheckDetection(Checker& check) {
  if (!CheckOperands(check, 2)) return;
  const auto& options = std::get<DetectionOptions>(check.op.options);
  const std::vector<int32_t>& boxes = check.Input(0).shape;
  const std::vector<int32_t>& scores = check.Input(1).shape;
  if (boxes.size() != 3 || scores.size() != 3 || boxes[0] != 1 || scores[0] != 1 || boxes[2] < 4 ||
      scores[1] != boxes[1] || check.Input(2).shape != std::vector<int32_t>{boxes[1], 4} ||
      scores[2] < options.classes || scores[2] > options.classes + 1) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("boxes {}, scores {} and anchors {} do not fit together",
                             check.InputText(0), check.InputText(1), check.InputText(2)));
    return;
  }
  check.ShapeOf(check.op.outputs[0], {1, options.most, 4});
  check.ShapeOf(check.op.outputs[1], {1, options.most});
  check.ShapeOf(check.op.outputs[2], {1, options.most});
  check.ShapeOf(check.op.outputs[3], {1});
}

void ReadPose(OptionReader& reader) {
  PoseOptions options;
  if (!ReadPoseOptions(*reader.custom, &options)) {
    reader.Refuse("has options that are not those of the operator");
  }
  reader.op.options = options;
}

void CheckPose(Checker& check) {
  if (!CheckOperands(check, 3)) return;
  const int32_t most = std::get<PoseOptions>(check.op.options).most;
  const std::vector<int32_t>& in = check.Input(0).shape;
  const auto is = [&](size_t input, int32_t channels) {
    return in.size() == 4 &&
           check.Input(input).shape == std::vector<int32_t>{1, in[1], in[2], channels};
  };
  if (!is(0, kKeypoints) || !is(1, 2 * kKeypoints) || !is(2, 4 * kEdges)) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("inputs {}, {} and {} do not fit together", check.InputText(0),
                             check.InputText(1), check.InputText(2)));
    return;
  }
  check.ShapeOf(check.op.outputs[0], {1, most, kKeypoints, 2});
  check.ShapeOf(check.op.outputs[1], {1, most, kKeypoints});
  check.ShapeOf(check.op.outputs[2], {1, most});
  check.ShapeOf(check.op.outputs[3], {1});
}

}  // namespace

bool ReadDetectionOptions(const std::vector<uint8_t>& bytes, DetectionOptions* options) {
  Fields fields(bytes);
  options->most = fields.Number("max_detections");
  const int32_t classes_of_a_box = fields.Number("max_classes_per_detection");
  options->most_of_a_class = fields.Number("detections_per_class", 100);
  options->regular = fields.Number("use_regular_nms", 0) != 0;
  options->score_threshold = fields.Real("nms_score_threshold");
  options->overlap_threshold = fields.Real("nms_iou_threshold");
  options->classes = fields.Number("num_classes");
  options->scale_y = fields.Real("y_scale");
  options->scale_x = fields.Real("x_scale");
  options->scale_h = fields.Real("h_scale");
  options->scale_w = fields.Real("w_scale");
  return fields.good() && options->most > 0 && options->most <= kMost && options->classes > 0 &&
         options->classes <= kMost && options->most_of_a_class > 0 &&
         options->most_of_a_class <= kMost && (options->regular || classes_of_a_box == 1) &&
         options->overlap_threshold > 0.0f && options->overlap_threshold <= 1.0f &&
         options->scale_y > 0.0f && options->scale_x > 0.0f && options->scale_h > 0.0f &&
         options->scale_w > 0.0f;
}

bool ReadPoseOptions(const std::vector<uint8_t>& bytes, PoseOptions* options) {
  Fields fields(bytes);
  options->most = fields.Number("max_detections");
  options->stride = fields.Number("stride");
  options->score_threshold = fields.Real("score_threshold");
  options->nms_radius = fields.Real("nms_radius");
  return fields.good() && options->most > 0 && options->most <= kMost && options->stride > 0 &&
         options->score_threshold > 0.0f && options->score_threshold < 1.0f;
}

const OperatorRules kDetectionPostProcessRules = {ReadDetection, CheckDetection, AlwaysOnHost};
const OperatorRules kPosenetDecoderRules = {ReadPose, CheckPose, AlwaysOnHost};

}  // namespace npugen
