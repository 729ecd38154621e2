#include "lrc/pipeline/stored_records.hpp"

#include <algorithm>

namespace lrc {
namespace {

template <class Matrix>
auto to_stored(const Matrix& matrix) {
  using Element = typename Matrix::Scalar;
  return StoredMatrix<Element>{matrix.rows(), matrix.cols(),
                               std::vector<Element>(matrix.data(), matrix.data() + matrix.size())};
}

template <class Matrix>
Matrix from_stored(const StoredMatrix<typename Matrix::Scalar>& stored) {
  Matrix matrix(stored.rows, stored.cols);
  std::copy(stored.values.begin(), stored.values.end(), matrix.data());
  return matrix;
}

StoredMatrix<float> row_of(const auto& vector) {
  StoredMatrix<float> row{vector.size() > 0 ? 1 : 0, vector.size(), {}};
  for (Index i = 0; i < vector.size(); ++i) row.values.push_back(static_cast<float>(vector[i]));
  return row;
}

VectorF vector_of(const StoredMatrix<float>& row) {
  return Eigen::Map<const VectorF>(row.values.data(), static_cast<Index>(row.values.size()));
}

// {relative_loss, uncorrected_loss} of each linear.
nlohmann::ordered_json linear_losses(const SolveResult& result, const std::vector<Index>& linears) {
  nlohmann::ordered_json losses = nlohmann::ordered_json::array();
  const RowLosses uncorrected{.lost = result.uncorrected, .power = result.losses.power};
  Index first = 0;
  for (const Index rows : linears) {
    nlohmann::ordered_json one = {{"relative_loss", result.losses.relative(first, rows)}};
    if (uncorrected.lost.size() > 0) one["uncorrected_loss"] = uncorrected.relative(first, rows);
    losses.push_back(one);
    first += rows;
  }
  return losses;
}

StoredFactor factor_of(const StoredMatrix<float>& values, const StoredCodes& codes) {
  return {from_stored<MatrixF>(values), from_stored<MatrixI8>(codes.codes), from_stored<MatrixF>(codes.scales)};
}

}  // namespace

SolveRecord to_record(const std::string& name, const SolveResult& result, const std::vector<Index>& linears,
                      Index tokens, Index borrowed, const GroupPreparation& preparation, const VectorF& bias,
                      double seconds) {
  return {.name = name,
          .codes = to_stored(result.codes),
          .scales = to_stored(result.scales),
          .u = to_stored(result.u),
          .v = to_stored(result.v),
          .facts = {{"losses", linear_losses(result, linears)},
                    {"by_rounding", result.by_rounding},
                    {"damping", result.damping},
                    {"iterations", result.iterations_done},
                    {"tokens", tokens},
                    {"borrowed_tokens", borrowed},
                    {"seconds", seconds}},
          .u_codes = {to_stored(result.u_codes), to_stored(result.u_scales)},
          .v_codes = {to_stored(result.v_codes), to_stored(result.v_scales)},
          .u_sizes = to_stored(result.u_sizes),
          .mean = row_of(preparation.mean),
          .center_bias = row_of(bias)};
}

StoredPreparation to_stored(const GroupPreparation& preparation) {
  const StoredFactor& e = preparation.directions;
  return {row_of(preparation.mean),
          to_stored(e.values),
          {to_stored(e.codes), to_stored(e.scales)},
          row_of(preparation.target_mean)};
}

GroupPreparation to_preparation(const StoredPreparation& stored) {
  return {vector_of(stored.mean), factor_of(stored.directions, stored.direction_codes), vector_of(stored.target_mean)};
}

SolveResult to_result(const SolveRecord& record) {
  SolveResult result{};
  result.codes = from_stored<MatrixI8>(record.codes);
  result.scales = from_stored<MatrixF>(record.scales);
  result.u = from_stored<MatrixF>(record.u);
  result.v = from_stored<MatrixF>(record.v);
  result.u_codes = from_stored<MatrixI8>(record.u_codes.codes);
  result.u_scales = from_stored<MatrixF>(record.u_codes.scales);
  result.u_sizes = from_stored<MatrixF>(record.u_sizes);
  result.v_codes = from_stored<MatrixI8>(record.v_codes.codes);
  result.v_scales = from_stored<MatrixF>(record.v_codes.scales);
  return result;
}

SolvedStack to_solved(const SolveRecord& record) {
  return {to_result(record), vector_of(record.mean), vector_of(record.center_bias)};
}

MatrixToStore to_store(const MatrixF& matrix) {
  return {matrix.rows(), matrix.cols(), {matrix.data(), static_cast<std::size_t>(matrix.size())}};
}

MomentsToStore to_store(const SummedMoments& moments) {
  return {.tokens = moments.tokens,
          .borrowed = moments.borrowed,
          .xx = to_store(moments.xx),
          .xy = to_store(moments.xy),
          .yy = to_store(moments.yy),
          .drift = to_store(moments.drift)};
}

MatrixF to_matrix(const StoredMatrix<float>& stored) { return from_stored<MatrixF>(stored); }

SummedMoments to_moments(const MomentsRecord& record) {
  return {.tokens = record.tokens,
          .xx = from_stored<MatrixF>(record.xx),
          .xy = from_stored<MatrixF>(record.xy),
          .yy = from_stored<MatrixF>(record.yy),
          .borrowed = record.borrowed,
          .drift = from_stored<MatrixF>(record.drift)};
}

}  // namespace lrc
