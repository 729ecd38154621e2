// The matrices of the program: dense, row-major, 64-bit sizes. Eigen gives storage, blocks and element-wise
// expressions; products and factorizations go through linalg's own functions, whose tiling makes them reproducible.
//
// Do not use Eigen's reductions (sum, norm, dot) on data that ends up in a result: their order of additions depends on
// the alignment of the pointer, and so do the last bits.
#pragma once

#include <Eigen/Core>

#include "lrc/core/types.hpp"

namespace lrc {

using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixD = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using VectorF = Eigen::VectorXf;
using VectorD = Eigen::VectorXd;

// Views: rows may be further apart than they are long, as those of a block of a matrix are.
using ViewF = Eigen::Ref<MatrixF, 0, Eigen::OuterStride<>>;
using ViewD = Eigen::Ref<MatrixD, 0, Eigen::OuterStride<>>;
using ConstViewF = Eigen::Ref<const MatrixF, 0, Eigen::OuterStride<>>;
using ConstViewD = Eigen::Ref<const MatrixD, 0, Eigen::OuterStride<>>;

}  // namespace lrc
