// Between what the calibration pass and the solves produce and what the checkpoint stores.
#pragma once

#include "lrc/checkpoint/records.hpp"
#include "lrc/export/exporter.hpp"
#include "lrc/linalg/moments.hpp"
#include "lrc/quantization/solve.hpp"

namespace lrc {

/// What prepares a group's inputs, with the directions as they are stored.
struct GroupPreparation {
  VectorF mean;             ///< d_in, or empty
  StoredFactor directions;  ///< d_in×k; no values where there are none
  VectorF target_mean{};    ///< d_in: what the bias W μ answers for, where the target's mean is not that of the inputs
};

/// `linears`: rows of each linear of the stack, whose losses are told apart; `tokens`, `borrowed`: of the moments;
/// `preparation`: of the inputs; `bias`: W μ (d_out), or empty; `seconds`: what it took.
SolveRecord to_record(const std::string& name, const SolveResult& result, const std::vector<Index>& linears,
                      Index tokens, Index borrowed, const GroupPreparation& preparation, const VectorF& bias,
                      double seconds);
StoredPreparation to_stored(const GroupPreparation& preparation);
GroupPreparation to_preparation(const StoredPreparation& stored);
/// The part of the solve that is exported (the facts stay in the record).
SolveResult to_result(const SolveRecord& record);

/// The same, with what prepares its inputs.
SolvedStack to_solved(const SolveRecord& record);

/// The matrix must outlive what is returned.
MatrixToStore to_store(const MatrixF& matrix);
MomentsToStore to_store(const SummedMoments& moments);

MatrixF to_matrix(const StoredMatrix<float>& stored);
SummedMoments to_moments(const MomentsRecord& record);

}  // namespace lrc
