// Patches the subgraph's table: its lists are replaced by new ones behind the end of the file.
#include "tests/support/tflite_cut.h"

#include <flatbuffers/flatbuffers.h>

#include "sw/model/tflite_schema.h"

namespace npugen::testing {
namespace {

using flatbuffers::Offset;
using flatbuffers::Table;
using flatbuffers::uoffset_t;

void Store(std::vector<uint8_t>& bytes, size_t at, uint32_t value) {
  flatbuffers::WriteScalar(bytes.data() + at, value);
}

uint32_t Load(const std::vector<uint8_t>& bytes, size_t at) {
  return flatbuffers::ReadScalar<uint32_t>(bytes.data() + at);
}

size_t Append(std::vector<uint8_t>& bytes, const std::vector<uint32_t>& words) {
  bytes.resize((bytes.size() + 3) / 4 * 4);
  const size_t start = bytes.size();
  bytes.resize(start + 4 * words.size());
  for (size_t i = 0; i < words.size(); ++i) Store(bytes, start + 4 * i, words[i]);
  return start;
}

void ReplaceIntegers(std::vector<uint8_t>& bytes, size_t field,
                     const std::vector<int32_t>& values) {
  std::vector<uint32_t> words{static_cast<uint32_t>(values.size())};
  words.insert(words.end(), values.begin(), values.end());
  const size_t start = Append(bytes, words);
  Store(bytes, field, static_cast<uint32_t>(start - field));
}

}  // namespace

std::vector<uint8_t> CutTflite(std::vector<uint8_t> bytes, int32_t first, int32_t count,
                               const std::vector<int32_t>& inputs,
                               const std::vector<int32_t>& outputs) {
  const auto field_position = [&](int number) {
    const auto* root = flatbuffers::GetRoot<Table>(bytes.data());
    const auto* subgraphs = root->GetPointer<const flatbuffers::Vector<Offset<Table>>*>(
        static_cast<flatbuffers::voffset_t>(4 + 2 * tflite::ModelField::kSubgraphs));
    const Table* graph = subgraphs->Get(0);
    const uint8_t* address =
        graph->GetAddressOf(static_cast<flatbuffers::voffset_t>(4 + 2 * number));
    return static_cast<size_t>(address - bytes.data());
  };
  const size_t input_field = field_position(tflite::SubgraphField::kInputs);
  const size_t output_field = field_position(tflite::SubgraphField::kOutputs);
  const size_t operator_field = field_position(tflite::SubgraphField::kOperators);
  ReplaceIntegers(bytes, input_field, inputs);
  ReplaceIntegers(bytes, output_field, outputs);
  // References point forward only, so the list of operators stays where it is: its front is cut off
  // by letting its length stand where the last dropped reference was.
  const size_t list = operator_field + Load(bytes, operator_field) + 4 * static_cast<size_t>(first);
  Store(bytes, operator_field, static_cast<uint32_t>(list - operator_field));
  Store(bytes, list, static_cast<uint32_t>(count));
  return bytes;
}

}  // namespace npugen::testing
