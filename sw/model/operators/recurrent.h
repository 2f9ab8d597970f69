// SPDX-License-Identifier: Apache-2.0
// Options of layers that keep a state: SVDF and LSTM.
#pragma once

#include <cstdint>

#include "sw/model/operators/option_types.h"

namespace npugen {

/// SVDF. Inputs: data, feature weights, time weights, bias or -1, state. Outputs: the result, and
/// the state of the next run.
struct SvdfOptions {
  int32_t rank = 1;
};

/// UNIDIRECTIONAL_SEQUENCE_LSTM. Inputs: data; weights of the input, forget, cell and output gate;
/// their recurrent weights; their biases, or -1; hidden state; cell state. Outputs: the results,
/// and both states of the next run.
struct LstmOptions {
  float cell_clip = 0.0f;  ///< 0: none
  bool time_major = false;
};

using RecurrentOptions = OptionList<SvdfOptions, LstmOptions>;

}  // namespace npugen
