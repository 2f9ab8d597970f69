// SPDX-License-Identifier: Apache-2.0
// Ranks that are processes of MPI.
#pragma once

#include <chrono>
#include <memory>

#include "generator/support/diagnostic.h"
#include "verif/pod/ranks.h"

namespace npugen {

/// Joins the processes that mpirun started; once in a process, which ends MPI with the object. A
/// rank that says nothing for `patience` counts as lost. After an error the other ranks are ended
/// (MPI_Abort) when the object goes, so that none of them waits for ever. Error: kPodRank.
Result<std::unique_ptr<RankTransport>> JoinMpi(std::chrono::milliseconds patience);

}  // namespace npugen
