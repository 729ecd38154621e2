#include "lrc/calibration/moment_sums.hpp"

#include <cblas.h>

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// product (rows×cols) = left[:, row …]ᵀ · right[:, col …], over all tokens.
void multiply(const ConstViewF& left, const ConstViewF& right, Index row, Index col, Index rows, Index cols,
              float* product) {
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, narrow<int>(rows), narrow<int>(cols), narrow<int>(left.rows()),
              1.0F, left.data() + row, narrow<int>(left.outerStride()), right.data() + col,
              narrow<int>(right.outerStride()), 0.0F, product, narrow<int>(cols));
}

}  // namespace

MomentSums::MomentSums(std::string group, MomentKind kind, const FixedPointScales& scales)
    : MomentSums(std::move(group), kind, scales, {0, scales.channels()}) {}

MomentSums::MomentSums(std::string group, MomentKind kind, FixedPointScales scales, RowRange rows)
    : group_(std::move(group)), kind_(kind), scales_(std::move(scales)), rows_(rows) {
  assert(rows.first % moment_tile(scales_.channels()) == 0 && rows.size() > 0);
  const auto allocate = [&](Product& product) {
    const Tile last = tiles(product.symmetric).back();
    product.sum.assign(static_cast<std::size_t>(last.at + last.rows * last.cols), 0);
  };
  if (has_squares(kind_)) allocate(xx_);
  if (has_cross(kind_)) allocate(xy_);
  if (has_squares_of_y(kind_)) allocate(yy_);
  const auto rows_count = static_cast<std::size_t>(rows_.size());
  if (has_diagonals(kind_)) {
    xy_diagonal_.assign(rows_count, 0);
    yy_diagonal_.assign(rows_count, 0);
  }
  if (has_input_sums(kind_)) inputs_.assign(rows_count, 0);
}

std::vector<MomentSums::Tile> MomentSums::tiles(bool symmetric) const {
  std::vector<Tile> result;
  const Index d = scales_.channels();
  Index at = 0;
  const Index width = moment_tile(d);
  for (Index row = rows_.first; row < rows_.end; row += width) {
    for (Index col = 0; col < (symmetric ? row + 1 : d); col += width) {
      result.push_back({row, col, std::min(width, rows_.end - row), std::min(width, d - col), at});
      at += result.back().rows * result.back().cols;
    }
  }
  return result;
}

void MomentSums::add_product(Execution& exec, Product& product, const ConstViewF& left, const ConstViewF& right) {
  const std::vector<Tile> all = tiles(product.symmetric);
  exec.for_each(static_cast<Index>(all.size()), [&](Index i) {
    thread_local std::vector<float> buffer;  // rows×cols of a tile
    const Tile& tile = all[static_cast<std::size_t>(i)];
    buffer.resize(static_cast<std::size_t>(tile.rows * tile.cols));
    multiply(left, right, tile.row, tile.col, tile.rows, tile.cols, buffer.data());
    for (Index r = 0; r < tile.rows; ++r) {
      const Index offset = r * tile.cols;
      scales_.add_row(tile.row + r, tile.col, tile.cols, buffer.data() + offset, product.sum.data() + tile.at + offset);
    }
  });
}

void MomentSums::check_squares(const VectorD& squares) const {
  for (Index j = 0; j < squares.size(); ++j) scales_.check_square(group_, j, squares[j]);
}

void MomentSums::add_channels(const ChannelSums& unit) {
  check_squares(unit.xx);
  check_squares(unit.yy);
  for (Index j = rows_.first; j < rows_.end; ++j) {
    const auto at = static_cast<std::size_t>(j - rows_.first);
    if (has_input_sums(kind_)) inputs_[at] += scales_.rounded_sum(j, unit.x[j]);
    if (!has_diagonals(kind_)) continue;
    xy_diagonal_[at] += scales_.rounded(j, j, unit.xy[j]);
    yy_diagonal_[at] += scales_.rounded(j, j, unit.yy[j]);
  }
}

void MomentSums::add(Execution& exec, const ConstViewF& x, const ConstViewF& y) {
  assert(x.cols() == scales_.channels() && y.cols() == x.cols() && y.rows() == x.rows());
  const ChannelSums unit = channel_sums(exec, x, y);
  add_channels(unit);
  if (has_squares(kind_)) add_product(exec, xx_, x, x);
  if (has_cross(kind_)) add_product(exec, xy_, x, y);
  if (has_squares_of_y(kind_)) add_product(exec, yy_, y, y);
  tokens_ += x.rows();
}

void MomentSums::add(const ChannelSums& unit, Index tokens) {
  assert(kind_ == MomentKind::diagonals && unit.xx.size() == scales_.channels());
  add_channels(unit);
  tokens_ += tokens;
}

// Tiles lie row by row of them, so those of some rows lie together.
std::span<std::int64_t> MomentSums::part(Product& product, RowRange rows) const {
  if (product.sum.empty()) return {};
  std::size_t begin = product.sum.size(), end = 0;
  for (const Tile& tile : tiles(product.symmetric)) {
    if (tile.row < rows.first || tile.row >= rows.end) continue;
    begin = std::min(begin, static_cast<std::size_t>(tile.at));
    end = static_cast<std::size_t>(tile.at + tile.rows * tile.cols);
  }
  return std::span(product.sum).subspan(begin, end - begin);
}

void MomentSums::reduce(const Communicator& world, int owner, RowRange rows) {
  assert(rows_.first <= rows.first && rows.end <= rows_.end);
  for (Product* product : {&xx_, &xy_, &yy_}) world.reduce_sum(part(*product, rows), owner);
  for (std::vector<std::int64_t>* sums : {&xy_diagonal_, &yy_diagonal_, &inputs_}) {
    if (sums->empty()) continue;
    world.reduce_sum(std::span(*sums).subspan(static_cast<std::size_t>(rows.first - rows_.first),
                                              static_cast<std::size_t>(rows.size())),
                     owner);
  }
  all_tokens_ = world.sum(tokens_);
}

MatrixF MomentSums::matrix(Product MomentSums::*product, RowRange rows, const MomentSums* background,
                           double weight) const {
  const Product& own = this->*product;
  if (own.sum.empty()) return {};
  MatrixF result(rows.size(), own.symmetric ? rows.end : scales_.channels());
  const auto element = [&](Index i, Index j, std::size_t at) {
    double value = scales_.value(i, j, own.sum[at]);
    if (background) value += weight * background->scales_.value(i, j, (background->*product).sum[at]);
    return static_cast<float>(value);
  };
  for (const Tile& tile : tiles(own.symmetric)) {
    if (tile.row < rows.first || tile.row >= rows.end) continue;
    for (Index r = 0; r < tile.rows; ++r) {
      for (Index c = 0; c < tile.cols; ++c) {
        const Index i = tile.row + r, j = tile.col + c;
        const float value = element(i, j, static_cast<std::size_t>(tile.at + r * tile.cols + c));
        result(i - rows.first, j) = value;
        // Among the panel's own rows what is above the diagonal is wanted, too.
        if (own.symmetric && j >= rows.first) result(j - rows.first, i) = value;
      }
    }
  }
  return result;
}

MatrixF MomentSums::diagonal(std::vector<std::int64_t> MomentSums::*sums, RowRange rows, const MomentSums* background,
                             double weight) const {
  if ((this->*sums).empty()) return {};
  MatrixF values(1, rows.size());
  for (Index i = 0; i < values.cols(); ++i) {
    const Index j = rows.first + i;
    const auto at = static_cast<std::size_t>(j - rows_.first);
    double value = scales_.value(j, j, (this->*sums)[at]);
    if (background) value += weight * background->scales_.value(j, j, (background->*sums)[at]);
    values(0, i) = static_cast<float>(value);
  }
  return values;
}

SummedMoments MomentSums::result(RowRange rows, const MomentSums* background, double weight) const {
  assert(rows_.first <= rows.first && rows.end <= rows_.end);
  const bool cross = has_cross(kind_);
  return {.tokens = all_tokens_,
          .xx = matrix(&MomentSums::xx_, rows, background, weight),
          .xy = cross ? matrix(&MomentSums::xy_, rows, background, weight)
                      : diagonal(&MomentSums::xy_diagonal_, rows, background, weight),
          .yy = cross ? matrix(&MomentSums::yy_, rows, background, weight)
                      : diagonal(&MomentSums::yy_diagonal_, rows, background, weight),
          .borrowed = 0};
}

VectorD MomentSums::input_sums(const MomentSums* background, double weight) const {
  VectorD sums(rows_.size());
  for (Index i = 0; i < sums.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    sums[i] = scales_.sum_value(rows_.first + i, inputs_[at]);
    if (background) sums[i] += weight * background->scales_.sum_value(rows_.first + i, background->inputs_[at]);
  }
  return sums;
}

double MomentSums::bytes(MomentKind kind, Index inputs, RowRange rows) {
  const auto height = static_cast<double>(rows.size());
  const double symmetric = height * static_cast<double>(rows.first + rows.end + moment_tile(inputs)) / 2;
  return sizeof(std::int64_t) *
         ((has_squares(kind) ? symmetric : 0) + (has_cross(kind) ? height * static_cast<double>(inputs) : 0) +
          (has_squares_of_y(kind) ? symmetric : 0));
}

}  // namespace lrc
