#include "stored_records.hpp"

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

}  // namespace

SolveRecord to_record(const std::string& linear, const SolveResult& result, const Moments& moments, double seconds) {
  return {.name = linear,
          .codes = to_stored(result.codes),
          .scales = to_stored(result.scales),
          .u = to_stored(result.u),
          .v = to_stored(result.v),
          .facts = {{"relative_loss", result.relative_loss},
                    {"damping", result.damping},
                    {"iterations", result.iterations_done},
                    {"tokens", moments.tokens},
                    {"borrowed_tokens", moments.borrowed},
                    {"seconds", seconds}}};
}

SolveResult to_result(const SolveRecord& record) {
  return {.codes = from_stored<MatrixI8>(record.codes),
          .scales = from_stored<MatrixF>(record.scales),
          .u = from_stored<MatrixF>(record.u),
          .v = from_stored<MatrixF>(record.v)};
}

MatrixToStore to_store(const MatrixF& matrix) {
  return {matrix.rows(), matrix.cols(), {matrix.data(), static_cast<std::size_t>(matrix.size())}};
}

MomentsToStore to_store(const SummedMoments& moments) {
  return {.tokens = moments.tokens,
          .borrowed = moments.borrowed,
          .xx = to_store(moments.xx),
          .xy = to_store(moments.xy),
          .yy = to_store(moments.yy)};
}

MatrixF to_matrix(const StoredMatrix<float>& stored) { return from_stored<MatrixF>(stored); }

SummedMoments to_moments(const MomentsRecord& record) {
  return {.tokens = record.tokens,
          .xx = from_stored<MatrixF>(record.xx),
          .xy = from_stored<MatrixF>(record.xy),
          .yy = from_stored<MatrixF>(record.yy),
          .borrowed = record.borrowed};
}

}  // namespace lrc
