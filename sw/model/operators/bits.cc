// SPDX-License-Identifier: Apache-2.0
// Layers of bits are in no TFLite file: their readers check them as they build them.
#include "sw/model/operators/bits.h"

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

void Unread(OptionReader& reader) { reader.Refuse("is not an operator of TFLite"); }
void CheckedByReader(Checker&) {}

}  // namespace

const OperatorRules kBinaryConv2dRules = {Unread, CheckedByReader};
const OperatorRules kThermometerRules = {Unread, CheckedByReader};
const OperatorRules kRoundedSumsRules = {Unread, CheckedByReader, AlwaysOnHost};

}  // namespace npugen
