// Between what the calibration pass and the solves produce and what the checkpoint stores.
#pragma once

#include "lrc/checkpoint/records.hpp"
#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/solve.hpp"

namespace lrc {

/// `moments`: the solve's; `seconds`: what it took.
SolveRecord to_record(const std::string& linear, const SolveResult& result, const Moments& moments, double seconds);
/// The part of the solve that is exported (the facts stay in the record).
SolveResult to_result(const SolveRecord& record);

/// The matrix must outlive what is returned.
MatrixToStore to_store(const MatrixF& matrix);
MomentsToStore to_store(const SummedMoments& moments);

MatrixF to_matrix(const StoredMatrix<float>& stored);
SummedMoments to_moments(const MomentsRecord& record);

}  // namespace lrc
