#include "lrc/model/preparation.hpp"

#include <cassert>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/rows.hpp"

namespace lrc {

void take_mean(ThreadPool& pool, const Preparation& preparation, ViewF x) {
  if (preparation.mean.size() == 0) return;
  assert(preparation.mean.size() == x.cols());
  for_each_row(pool, x.rows(), [&](Index row) { x.row(row) -= preparation.mean.transpose(); });
}

void take_directions(ThreadPool& pool, const Preparation& preparation, ViewF x) {
  if (preparation.directions.cols() == 0) return;
  assert(preparation.directions.rows() == x.cols());
  MatrixF inside(x.rows(), preparation.directions.cols());  // tokens×k: x E
  gemm(pool, Op::none, Op::none, 1.0F, x, preparation.directions, 0.0F, inside);
  gemm(pool, Op::none, Op::transpose, -1.0F, inside, preparation.directions, 1.0F, x);
}

}  // namespace lrc
