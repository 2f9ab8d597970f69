// SPDX-License-Identifier: Apache-2.0
// The golden model against TFLM's results for whole networks and single operators, every tensor.
#include "tests/support/reference.h"

#include <gtest/gtest.h>

#include <set>

#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/reference_fill.h"
#include "verif/golden/golden_model.h"

namespace npugen {
namespace {

class NetworkTest : public ::testing::TestWithParam<const char*> {};

/// Runs one model on the golden model and compares everything; returns the number of tensors.
int Check(const testing::ReferenceModel& reference, const Model& model) {
  const GoldenModel golden(model);
  int tensors = 0;
  for (const testing::ReferenceRun& run : reference.runs) {
    const Result<TensorBytes> result = golden.Run(run.inputs);
    EXPECT_TRUE(result.ok()) << FormatDiagnostic(result.errors()[0], false);
    if (!result) return tensors;
    std::string first;
    EXPECT_EQ(testing::CompareDigests(run, *result, &tensors, &first), 0)
        << reference.name << ", " << run.name << ": " << first;
    for (size_t i = 0; i < model.outputs.size(); ++i) {
      EXPECT_EQ((*result)[model.outputs[i]], run.outputs[i]) << reference.name << ", " << run.name;
      ++tensors;
    }
  }
  return tensors;
}

TEST_P(NetworkTest, EveryTensorOfEveryCaseAgrees) {
  const std::string folder = testing::ReferenceFolder(GetParam());
  if (folder.empty()) GTEST_SKIP() << testing::kNoReference;
  const testing::ReferenceModel reference = testing::ReadNetwork(folder, GetParam());
  const Result<Model> model = LoadTflite(reference.path);
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  const int tensors = Check(reference, *model);
  EXPECT_GT(tensors, 0);
  std::printf("%d tensors of %zu cases agree\n", tensors, reference.runs.size());
}

INSTANTIATE_TEST_SUITE_P(Shared, NetworkTest, ::testing::ValuesIn(testing::ReferenceNetworks()),
                         [](const auto& info) { return std::string(info.param); });

class OperatorFamilyTest : public ::testing::TestWithParam<testing::ReferenceFamily> {};

TEST_P(OperatorFamilyTest, EveryCaseAgrees) {
  const std::string folder = testing::ReferenceFolder("ops");
  int ran = 0, vectors = 0, tensors = 0;
  for (const testing::ReferenceModel& reference : testing::ReadFamily(folder, GetParam().name)) {
    Result<Model> model = LoadTflite(reference.path);
    ASSERT_TRUE(model.ok()) << reference.name << ": " << FormatDiagnostic(model.errors()[0], false);
    ASSERT_EQ(model->operators.size(), reference.operators.size());
    for (size_t i = 0; i < model->operators.size(); ++i) {
      EXPECT_EQ(model->operators[i].name, reference.operators[i]) << reference.name;
    }
    for (const Operator& op : model->operators) {
      if (const auto* options = std::get_if<BatchSpaceOptions>(&op.options)) {
        EXPECT_EQ(options->value, model->tensors[op.outputs[0]].zero_point()) << reference.name;
      }
    }
    testing::PadAsTheReferenceDid(*model);
    tensors += Check(reference, *model);
    vectors += static_cast<int>(reference.runs.size());
    ++ran;
  }
  EXPECT_EQ(ran, GetParam().cases);
  std::printf("%s: %d models, %d runs, %d tensors agree\n", GetParam().name, ran, vectors, tensors);
}

INSTANTIATE_TEST_SUITE_P(Shared, OperatorFamilyTest,
                         ::testing::ValuesIn(testing::RequiredFamilies()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ReferenceTest, EveryFamilyOfTheIndexIsRequired) {
  std::set<std::string> required;
  for (const testing::ReferenceFamily& family : testing::RequiredFamilies()) {
    required.insert(family.name);
  }
  for (const std::string& name : testing::AllFamilies(testing::ReferenceFolder("ops"))) {
    EXPECT_EQ(required.erase(name), 1u) << "family " << name << " is in no list";
  }
  EXPECT_TRUE(required.empty()) << "the index lacks family " << *required.begin();
}

}  // namespace
}  // namespace npugen
