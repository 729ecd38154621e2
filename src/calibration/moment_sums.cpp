#include "lrc/calibration/moment_sums.hpp"

#include <cblas.h>

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// A tile's product in fp32 and its sum in int64 stay in the second-level cache, and the packing that BLAS does for it
// is small beside thousands of tokens.
constexpr Index kTile = 256;

// product (rows×cols) = left[:, row …]ᵀ · right[:, col …], over all tokens.
void multiply(const ConstViewF& left, const ConstViewF& right, Index row, Index col, Index rows, Index cols,
              float* product) {
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, narrow<int>(rows), narrow<int>(cols), narrow<int>(left.rows()),
              1.0F, left.data() + row, narrow<int>(left.outerStride()), right.data() + col,
              narrow<int>(right.outerStride()), 0.0F, product, narrow<int>(cols));
}

}  // namespace

MomentSums::MomentSums(std::string group, MomentKind kind, FixedPointScales scales)
    : group_(std::move(group)), kind_(kind), scales_(std::move(scales)) {
  const auto allocate = [&](Product& product) {
    const Tile last = tiles(product.symmetric).back();
    product.sum.assign(static_cast<std::size_t>(last.at + last.rows * last.cols), 0);
  };
  allocate(xx_);
  if (kind_ == MomentKind::exact) {
    allocate(xy_);
    allocate(yy_);
  } else {
    xy_diagonal_.assign(static_cast<std::size_t>(scales_.channels()), 0);
    yy_diagonal_ = xy_diagonal_;
  }
}

std::vector<MomentSums::Tile> MomentSums::tiles(bool symmetric) const {
  std::vector<Tile> result;
  const Index d = scales_.channels();
  Index at = 0;
  const Index width = even_tile(d, kTile);
  for (Index row = 0; row < d; row += width) {
    for (Index col = 0; col < (symmetric ? row + 1 : d); col += width) {
      result.push_back({row, col, std::min(width, d - row), std::min(width, d - col), at});
      at += result.back().rows * result.back().cols;
    }
  }
  return result;
}

void MomentSums::add_product(ThreadPool& pool, Product& product, const ConstViewF& left, const ConstViewF& right) {
  const std::vector<Tile> all = tiles(product.symmetric);
  pool.for_each(static_cast<Index>(all.size()), [&](Index i) {
    thread_local std::vector<float> buffer(kTile * kTile);  // rows×cols of a tile
    const Tile& tile = all[static_cast<std::size_t>(i)];
    multiply(left, right, tile.row, tile.col, tile.rows, tile.cols, buffer.data());
    for (Index r = 0; r < tile.rows; ++r) {
      const Index offset = r * tile.cols;
      scales_.add_row(tile.row + r, tile.col, tile.cols, buffer.data() + offset, product.sum.data() + tile.at + offset);
    }
  });
}

void MomentSums::check_squares(const ConstViewF& x) const {
  VectorD squares = VectorD::Zero(x.cols());
  for (Index token = 0; token < x.rows(); ++token) {
    const float* row = x.data() + token * x.outerStride();
    for (Index j = 0; j < x.cols(); ++j) squares[j] += static_cast<double>(row[j]) * static_cast<double>(row[j]);
  }
  for (Index j = 0; j < x.cols(); ++j) scales_.check_square(group_, j, squares[j]);
}

void MomentSums::add_diagonals(const ConstViewF& x, const ConstViewF& y) {
  VectorD xy = VectorD::Zero(x.cols()), yy = VectorD::Zero(x.cols());
  for (Index token = 0; token < x.rows(); ++token) {
    const float* from = x.data() + token * x.outerStride();
    const float* to = y.data() + token * y.outerStride();
    for (Index j = 0; j < x.cols(); ++j) {
      xy[j] += static_cast<double>(from[j]) * static_cast<double>(to[j]);
      yy[j] += static_cast<double>(to[j]) * static_cast<double>(to[j]);
    }
  }
  for (Index j = 0; j < x.cols(); ++j) {
    xy_diagonal_[static_cast<std::size_t>(j)] += scales_.rounded(j, j, xy[j]);
    yy_diagonal_[static_cast<std::size_t>(j)] += scales_.rounded(j, j, yy[j]);
  }
}

void MomentSums::add(ThreadPool& pool, const ConstViewF& x, const ConstViewF& y) {
  assert(x.cols() == scales_.channels() && y.cols() == x.cols() && y.rows() == x.rows());
  check_squares(x);
  check_squares(y);
  add_product(pool, xx_, x, x);
  if (kind_ == MomentKind::exact) {
    add_product(pool, xy_, x, y);
    add_product(pool, yy_, y, y);
  } else {
    add_diagonals(x, y);
  }
  tokens_ += x.rows();
}

void MomentSums::reduce(const Communicator& world, int owner) {
  for (auto* sum : {&xx_.sum, &xy_.sum, &yy_.sum, &xy_diagonal_, &yy_diagonal_}) world.reduce_sum(*sum, owner);
  tokens_ = world.sum(tokens_);
}

template <class Visit>
void MomentSums::for_each_element(const Product& product, const Visit& visit) const {
  for (const Tile& tile : tiles(product.symmetric)) {
    for (Index r = 0; r < tile.rows; ++r) {
      for (Index c = 0; c < tile.cols; ++c)
        visit(tile.row + r, tile.col + c, static_cast<std::size_t>(tile.at + r * tile.cols + c));
    }
  }
}

MatrixF MomentSums::matrix(Product MomentSums::*product, const MomentSums* background, double weight) const {
  MatrixF result(scales_.channels(), scales_.channels());
  const Product& own = this->*product;
  for_each_element(own, [&](Index i, Index j, std::size_t at) {
    double value = scales_.value(i, j, own.sum[at]);
    if (background) value += weight * background->scales_.value(i, j, (background->*product).sum[at]);
    result(i, j) = static_cast<float>(value);
    if (own.symmetric) result(j, i) = result(i, j);
  });
  return result;
}

MatrixF MomentSums::diagonal(std::vector<std::int64_t> MomentSums::*sums, const MomentSums* background,
                             double weight) const {
  MatrixF values(1, scales_.channels());
  for (Index j = 0; j < values.cols(); ++j) {
    const auto at = static_cast<std::size_t>(j);
    double value = scales_.value(j, j, (this->*sums)[at]);
    if (background) value += weight * background->scales_.value(j, j, (background->*sums)[at]);
    values(0, j) = static_cast<float>(value);
  }
  return values;
}

SummedMoments MomentSums::result(const MomentSums* background, double weight) const {
  const bool exact = kind_ == MomentKind::exact;
  return {.tokens = tokens_,
          .xx = matrix(&MomentSums::xx_, background, weight),
          .xy = exact ? matrix(&MomentSums::xy_, background, weight)
                      : diagonal(&MomentSums::xy_diagonal_, background, weight),
          .yy = exact ? matrix(&MomentSums::yy_, background, weight)
                      : diagonal(&MomentSums::yy_diagonal_, background, weight),
          .borrowed = 0};
}

}  // namespace lrc
