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

// Every family of the index is either required or refused with every model of it; of GATHER those
// with batch dimensions.
TEST(ReferenceTest, ModelsOfOtherFamiliesAreRefused) {
  const std::string folder = testing::ReferenceFolder("ops");
  std::set<std::string> required;
  for (const testing::ReferenceFamily& family : testing::RequiredFamilies()) {
    required.insert(family.name);
  }
  int refused = 0;
  for (const std::string& name : testing::AllFamilies(folder)) {
    if (required.erase(name) > 0) continue;
    EXPECT_TRUE(testing::MayBeRefused(name)) << "family " << name << " is in no list";
    for (const testing::ReferenceModel& reference : testing::ReadFamily(folder, name)) {
      const Result<Model> model = LoadTflite(reference.path);
      if (model.ok()) {  // taken in part, or with operators of the host
        EXPECT_TRUE(testing::MayBeRefused(name)) << reference.path;
        EXPECT_GT(Check(reference, *model), 0);
        continue;
      }
      const std::string start = "operator 0 " + reference.operators[0];
      bool named = false;
      for (const Diagnostic& error : model.errors()) {
        EXPECT_EQ(ExitStatus(error.code), 4) << reference.path;
        named |= error.message.starts_with(start);
      }
      EXPECT_TRUE(named) << reference.path;
      ++refused;
    }
  }
  EXPECT_TRUE(required.empty()) << "the index lacks family " << *required.begin();
  EXPECT_GT(refused, 0);
  std::printf("%d models refused\n", refused);
}

}  // namespace
}  // namespace npugen
