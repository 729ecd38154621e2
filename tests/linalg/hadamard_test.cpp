#include "lrc/linalg/hadamard.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "lrc/linalg/hadamard_matrix.hpp"

namespace lrc {
namespace {

using IntMatrix = Eigen::Matrix<int, Eigen::Dynamic, Eigen::Dynamic>;

template <class Matrix>
Matrix random_matrix(Index rows, Index cols) {
  std::mt19937 generator(static_cast<unsigned>(7 + rows + cols));
  std::normal_distribution<double> normal;
  return Matrix::NullaryExpr(rows, cols, [&] { return static_cast<typename Matrix::Scalar>(normal(generator)); });
}

void expect_hadamard(const SignMatrix& matrix, Index order) {
  ASSERT_EQ(matrix.rows(), order);
  ASSERT_EQ(matrix.cols(), order);
  EXPECT_TRUE((matrix.array().abs() == 1).all()) << order;
  const IntMatrix h = matrix.cast<int>();
  EXPECT_TRUE(h * h.transpose() == IntMatrix::Identity(order, order) * static_cast<int>(order)) << order;
}

// Hidden sizes, head sizes and MLP sizes of models in use.
const std::vector<Index> kModelSizes{64,   96,   128,  192,  512,   576,   896,   1536,  3072,  4096,  4864,  5632,
                                     6144, 8192, 8960, 9728, 11008, 13824, 14336, 16384, 17408, 18944, 25600, 28672};
const std::vector<Index> kAwkwardSizes{1,  2,  3,  4,  5,   6,   7,   8,   12,  20,  24, 36,
                                       43, 60, 72, 96, 100, 144, 172, 344, 400, 560, 576};

TEST(HadamardMatrix, PrimePowersAreRecognised) {
  const auto power = prime_power(343);
  ASSERT_TRUE(power);
  EXPECT_EQ(power->prime, 7);
  EXPECT_EQ(power->exponent, 3);
  for (const Index q : {2, 3, 4, 27, 49, 4093}) EXPECT_TRUE(prime_power(q)) << q;
  for (const Index q : {0, 1, 6, 12, 91, 4095}) EXPECT_FALSE(prime_power(q)) << q;
}

TEST(HadamardMatrix, JacobsthalMatricesHaveTheirProperties) {
  for (const Index size : {3, 5, 9, 13, 25, 27, 49, 81, 125, 169, 243, 343}) {
    const IntMatrix q = jacobsthal_matrix(*prime_power(size)).cast<int>();
    const IntMatrix product = IntMatrix::Identity(size, size) * static_cast<int>(size) - IntMatrix::Ones(size, size);
    EXPECT_TRUE(q * q.transpose() == product) << size;
    EXPECT_TRUE((q.rowwise().sum().array() == 0).all()) << size;
    EXPECT_TRUE(q.transpose() == (size % 4 == 1 ? q : IntMatrix(-q))) << size;
  }
}

TEST(HadamardMatrix, EveryPaleyMatrixUpTo400IsHadamard) {
  for (Index order = 4; order <= 400; order += 4) {
    if (has_paley_matrix(order)) expect_hadamard(paley_matrix(order), order);
  }
}

TEST(HadamardMatrix, SylvesterIsHadamard) {
  for (Index order = 1; order <= 512; order *= 2) expect_hadamard(sylvester_matrix(order), order);
}

// The orders up to 400 that Sylvester, Paley and Kronecker do not reach, as the literature lists them.
TEST(HadamardMatrix, OnlyTheKnownGapsCannotBeBuilt) {
  const std::set<Index> gaps{92, 116, 156, 172, 184, 188, 232, 236, 260, 268, 292, 324, 356, 372, 376};
  for (Index order = 4; order <= 400; order += 4)
    EXPECT_EQ(paley_factors(order).has_value(), !gaps.contains(order)) << order;
}

TEST(HadamardMatrix, EveryModelSizeButThoseNamedCanBeBuilt) {
  for (const Index size : kModelSizes) {
    const auto factors = paley_factors(size);
    ASSERT_TRUE(factors) << size;
    for (const Index order : *factors) expect_hadamard(paley_matrix(order), order);
  }
  EXPECT_FALSE(paley_factors(172));
  EXPECT_EQ(*paley_factors(11008), std::vector<Index>{344});
  EXPECT_EQ(*paley_factors(14336), std::vector<Index>{28});
  EXPECT_EQ(*paley_factors(25600), (std::vector<Index>{20, 20}));
}

TEST(HadamardTransform, PowersOfTwoAreThePlainWalshHadamardTransform) {
  for (const Index order : {1, 2, 4, 8, 16, 32, 64, 128, 256, 1024}) {
    MatrixD rows = MatrixD::Identity(order, order);
    HadamardTransform(order).apply(rows);
    const MatrixD expected = sylvester_matrix(order).cast<double>() / std::sqrt(static_cast<double>(order));
    EXPECT_TRUE(rows.isApprox(expected, 1e-15)) << order;
  }
}

TEST(HadamardTransform, DenseIsOrthogonal) {
  for (const Index order : kAwkwardSizes) {
    const MatrixD h = HadamardTransform(order).dense();
    EXPECT_LT((h * h.transpose() - MatrixD::Identity(order, order)).cwiseAbs().maxCoeff(), 1e-12) << order;
  }
}

TEST(HadamardTransform, FastEqualsDense) {
  for (const Index order : kAwkwardSizes) {
    const HadamardTransform transform(order);
    const MatrixD x = random_matrix<MatrixD>(3, order), h = transform.dense();
    MatrixD fast = x, back = x;
    MatrixF single = x.cast<float>();
    transform.apply(fast);
    transform.apply_transposed(back);
    transform.apply(single);
    EXPECT_TRUE(fast.isApprox(x * h, 1e-13)) << order;
    EXPECT_TRUE(back.isApprox(x * h.transpose(), 1e-13)) << order;
    EXPECT_TRUE(single.cast<double>().isApprox(x * h, 1e-6)) << order;
  }
}

TEST(HadamardTransform, TransposedUndoesEveryModelSize) {
  for (const Index order : kModelSizes) {
    const HadamardTransform transform(order);
    const MatrixD x = random_matrix<MatrixD>(2, order);
    MatrixD y = x;
    transform.apply(y);
    EXPECT_FALSE(y.isApprox(x, 0.1)) << order;
    transform.apply_transposed(y);
    EXPECT_TRUE(y.isApprox(x, 1e-13)) << order;
  }
}

TEST(HadamardTransform, RowsHaveTheSameBitsAloneAndTogetherOnAnyThreads) {
  Execution one(1), three(3);
  for (const Index order : {7, 96, 172, 560, 576, 1024, 14336}) {
    const HadamardTransform transform(order);
    const MatrixF x = random_matrix<MatrixF>(37, order + 3);  // a view of it has rows further apart than they are long
    MatrixF together = x, alone = x, threaded = x;
    apply_rows(one, transform, together.leftCols(order));
    apply_rows(three, transform, threaded.leftCols(order));
    for (Index i = 0; i < x.rows(); ++i) transform.apply(alone.block(i, 0, 1, order));
    EXPECT_TRUE(together == alone) << order;
    EXPECT_TRUE(together == threaded) << order;
    EXPECT_TRUE(together.rightCols(3) == x.rightCols(3)) << order;
  }
}

TEST(HadamardTransform, ColumnsAreRotated) {
  for (const Index order : {1, 12, 43, 96}) {
    const HadamardTransform transform(order);
    const MatrixD w = random_matrix<MatrixD>(order, 70), expected = transform.dense().transpose() * w;
    MatrixD rotated = w;
    MatrixF single = w.cast<float>();
    rotate_columns(transform, rotated);
    rotate_columns(transform, single);
    EXPECT_TRUE(rotated.isApprox(expected, 1e-13)) << order;
    EXPECT_TRUE(single.cast<double>().isApprox(expected, 1e-6)) << order;
  }
}

TEST(HadamardTransform, ConstructionsAreNamed) {
  EXPECT_EQ(HadamardTransform(4096).description(), "Sylvester 4096");
  EXPECT_EQ(HadamardTransform(14336).description(), "Paley I over GF(27) ⊗ Sylvester 512");
  EXPECT_EQ(HadamardTransform(576).description(), "Paley II over GF(17) ⊗ Sylvester 16");
  EXPECT_EQ(HadamardTransform(8960).description(), "Paley I over GF(19) ⊗ Paley I over GF(27) ⊗ Sylvester 16");
  EXPECT_EQ(HadamardTransform(172).description(), "DCT-II 43 ⊗ Sylvester 4");
}

TEST(HadamardTransform, AnOrderBeyondReachIsRefusedByName) {
  try {
    HadamardTransform transform(10007);
    FAIL() << transform.description();
  } catch (const InputError& error) {
    EXPECT_EQ(error.subject(), "rotation of 10007 channels");
    EXPECT_NE(std::string(error.what()).find("can't be rotated"), std::string::npos);
  }
}

std::string as_text(const VectorD& signs) {
  std::string text;
  for (const double sign : signs) text += sign == 1.0 ? '+' : sign == -1.0 ? '-' : '?';
  return text;
}

// From an independent implementation that reproduces the published outputs of splitmix64.
TEST(RandomSigns, GoldenValues) {
  EXPECT_EQ(as_text(random_signs(32, 0, 1)), "+++---++++++--+-++--+-+--+-+-+-+");
  EXPECT_EQ(as_text(random_signs(32, 42, 7)), "++--+-+--++-----++---+-++-++-+-+");
}

TEST(RandomSigns, AreBalancedAndDifferBetweenSeedsAndStreams) {
  constexpr Index kSize = 65536;
  const VectorD a = random_signs(kSize, 0, 1), b = random_signs(kSize, 0, 2), c = random_signs(kSize, 1, 1);
  const double limit = 4 * std::sqrt(static_cast<double>(kSize));  // four standard deviations
  for (const double sum : {a.sum(), b.sum(), c.sum(), a.dot(b), a.dot(c), b.dot(c)}) EXPECT_LT(std::abs(sum), limit);
  EXPECT_TRUE(a.head(100) == random_signs(100, 0, 1));
}

}  // namespace
}  // namespace lrc
