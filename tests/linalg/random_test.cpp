#include "lrc/linalg/random.hpp"

#include <gtest/gtest.h>

namespace lrc {
namespace {

TEST(StreamOf, IsTheHashThatItsAuthorsPublish) {
  EXPECT_EQ(stream_of(""), 0xCBF29CE484222325U);
  EXPECT_EQ(stream_of("a"), 0xAF63DC4C8601EC8CU);
  EXPECT_EQ(stream_of("foobar"), 0x85944171F73967E8U);
}

TEST(RandomUniform, TakesTheBitsInTheirOrder) {
  RandomBits bits(3, 4);
  const MatrixF numbers = random_uniform(3, 5, 0.25F, bits);
  for (Index i = 0; i < numbers.size(); ++i) {
    const double share = static_cast<double>(bits.next() >> 40U) / 0x1p24;
    EXPECT_EQ(numbers.data()[i], 0.25 * (2 * share - 1));
  }
}

TEST(RandomUniform, IsUniform) {
  const MatrixF numbers = random_uniform(100, 200, 2, RandomBits(1, 0));
  EXPECT_LE(numbers.cwiseAbs().maxCoeff(), 2);
  for (float at = -1.5F; at < 2; at += 0.5F) {
    EXPECT_NEAR((numbers.array() < at).cast<double>().mean(), (at + 2) / 4, 0.015) << at;
  }
  EXPECT_NEAR((numbers.leftCols(100).array() * numbers.rightCols(100).array()).mean(), 0, 0.05);
}

}  // namespace
}  // namespace lrc
