#include "lrc/quantization/low_rank/factor_bits.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "linalg/random_matrix.hpp"
#include "lrc/core/dtype.hpp"

namespace lrc {
namespace {

TEST(StoredFactor, SixteenBitsAreFp16WithoutCodes) {
  const MatrixD factor = random_matrix(13, 3, 1);
  const auto [values, codes, scales] = stored_factor(factor, 16);
  for (const float value : values.reshaped()) EXPECT_EQ(value, rounded_to(Dtype::f16, value));
  EXPECT_LT((values.cast<double>() - factor).cwiseAbs().maxCoeff(), 4 * 0x1p-11);
  EXPECT_EQ(codes.size(), 0);
  EXPECT_EQ(scales.size(), 0);
  const MatrixF coarse = stored_factor(factor, 16, Dtype::bf16).values;
  for (Index i = 0; i < factor.size(); ++i)
    EXPECT_EQ(coarse.data()[i], rounded_to(Dtype::bf16, static_cast<float>(factor.data()[i])));
}

TEST(StoredFactor, EightBitsAreCodesTimesAScalePerColumn) {
  MatrixD factor = random_matrix(57, 5, 2);
  for (Index j = 0; j < 5; ++j) factor.col(j) *= std::pow(100.0, static_cast<double>(j - 2));
  const auto [values, codes, scales] = stored_factor(factor, 8);
  ASSERT_EQ(scales.cols(), 5);
  for (Index j = 0; j < 5; ++j) {
    const float scale = scales(0, j);
    const double largest = factor.col(j).cwiseAbs().maxCoeff();
    EXPECT_EQ(scale, rounded_to(Dtype::bf16, scale));
    EXPECT_NEAR(scale, largest / 127, 0.004 * largest / 127);
    for (Index i = 0; i < 57; ++i) {
      EXPECT_EQ(values(i, j), static_cast<float>(codes(i, j)) * scale);
      EXPECT_GE(codes(i, j), -127);
      // The scale may have been rounded down: the largest value is then cut.
      EXPECT_LE(std::abs(values(i, j) - factor(i, j)), (std::abs(codes(i, j)) == 127 ? 1.01 : 0.501) * scale);
    }
  }
}

TEST(StoredFactor, ZeroColumnsAndNoColumnsAreStoredInBothForms) {
  MatrixD factor = MatrixD::Zero(4, 2);
  factor(3, 1) = 1e-300;
  for (const int bits : {8, 16}) EXPECT_TRUE(stored_factor(factor, bits).values.isZero(0));
  EXPECT_EQ(stored_factor(factor, 8).scales, MatrixF::Ones(1, 2));
  EXPECT_EQ(stored_factor(MatrixD(4, 0), 8).codes.cols(), 0);
}

TEST(StoredFactor, WhatDoesNotFitIsAnError) {
  for (const int bits : {8, 16}) {
    EXPECT_THROW(stored_factor(MatrixD(MatrixD::Constant(1, 1, 1e42)), bits), Error);
    EXPECT_THROW(stored_factor(MatrixD(MatrixD::Constant(2, 1, std::nan(""))), bits), Error);
    for (const Index row : {0, 1}) {
      MatrixD factor = MatrixD::Constant(2, 1, 0.5);
      factor(row, 0) = std::nan("");
      EXPECT_THROW(stored_factor(factor, bits), Error) << row;
    }
  }
  EXPECT_THROW(stored_factor(MatrixD(MatrixD::Ones(1, 1)), 4), InputError);
}

}  // namespace
}  // namespace lrc
