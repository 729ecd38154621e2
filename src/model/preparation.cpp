#include "lrc/model/preparation.hpp"

#include <cassert>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/rows.hpp"

namespace lrc {

void take_mean(Execution& exec, const VectorF& mean, ViewF x) {
  if (mean.size() == 0) return;
  assert(mean.size() == x.cols());
  for_each_row(exec, x.rows(), [&](Index row) { x.row(row) -= mean.transpose(); });
}

MatrixF take_directions(Execution& exec, const MatrixF& directions, ViewF x) {
  assert(directions.rows() == x.cols());
  MatrixF inside(x.rows(), directions.cols());  // tokens×k
  gemm(exec, Op::none, Op::none, 1.0F, x, directions, 0.0F, inside);
  gemm(exec, Op::none, Op::transpose, -1.0F, inside, directions, 1.0F, x);
  return inside;
}

}  // namespace lrc
