// SPDX-License-Identifier: Apache-2.0
// What each row of the operator table has in sw/model/operators/<family>.cc.
#pragma once

#include <string_view>

#include "sw/model/operators/checker.h"
#include "sw/model/operators/option_reader.h"

namespace npugen {

/// How an operator of a TFLite file is read.
struct OperatorRules {
  void (*read)(OptionReader& reader);  ///< from the file's options to Operator::options
  void (*check)(Checker& check);       ///< operands, types, shapes, quantization
  /// Whether a checked operator runs on the host; null: never.
  bool (*on_host)(const Model& model, const Operator& op) = nullptr;
  bool wide = false;  ///< int16 activations are accepted (Checker::wide)
  /// int32 and float32 that are not quantized are accepted: on the host (Checker::plain).
  bool plain = false;
};

#define NPUGEN_OPERATOR(kind, ...) extern const OperatorRules k##kind##Rules;
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR

/// A row of the table.
struct OperatorRow {
  OperatorType type;
  const char* name;    ///< OperatorName()
  const char* others;  ///< further builtins of TFLite that become this one, separated by ", "
  const char* family;  ///< of sw/model/operators
  const char* limits;  ///< for users
  bool only_host;      ///< of the second block
  const OperatorRules* rules;
};
const OperatorRow& RowOf(OperatorType type);

/// The row that a builtin of TFLite belongs to, by its name in the schema; nullptr if it is not
/// supported.
const OperatorRow* FindBuiltin(std::string_view name);

/// Everything about `op` that is refused: operands, types, shapes (the output's must be the one
/// that follows from the inputs'), quantization, options. Empty if the operator is supported.
/// Brings `op` from the file's form into that of model.h: a missing bias becomes input -1, a depth
/// multiplier of 0 the actual one; axes, paddings and the like are read from their constants, which
/// are no inputs any more. Tensor numbers must be in range; op.name is a name of the row.
Diagnostics CheckOperator(const Model& model, Operator& op, const FileForm& form);

/// Whether a checked operator runs on the host, not on the NPU.
bool RunsOnHost(const Model& model, const Operator& op);

/// Whether it turns float32 into integers or back, as converters put it at the ends of a network: a
/// host operator that needs no permission.
bool IsFloatEnd(const Model& model, const Operator& op);

/// Whether the operator's result is int16: on_host of operators of which the NPU has only the int8
/// form.
bool ComputesWide(const Model& model, const Operator& op);

/// on_host of operators that the NPU has no form of.
inline bool AlwaysOnHost(const Model&, const Operator&) { return true; }

/// Whether the operator computes on int32 or float32 as they are, which only the host can.
bool ComputesPlain(const Model& model, const Operator& op);

/// ComputesWide() or ComputesPlain().
bool ComputesOnHost(const Model& model, const Operator& op);

/// Sets op.options to its default: operators whose options table says nothing, or that have none.
template <typename Options>
void DefaultOptions(OptionReader& reader) {
  reader.op.options = Options{};
}

}  // namespace npugen
