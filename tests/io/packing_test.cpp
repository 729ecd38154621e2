#include "lrc/io/packing.hpp"

#include <gtest/gtest.h>

namespace lrc {
namespace {

TEST(Packing, LaysEightCodesIntoAWordLowestBitsFirst) {
  const std::vector<std::int8_t> codes{-8, -7, 0, 7, 1, 2, 3, 4, /* next word */ -1};
  const std::vector<std::int32_t> words = pack_codes(codes, 1, 9, 4);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(static_cast<std::uint32_t>(words[0]), 0xCBA9F810U);
  EXPECT_EQ(words[1], 0x7);
}

TEST(Packing, LaysAColumnsCodesIntoAWord) {
  const std::vector<std::int8_t> codes{-8, 7, -7, 6, 0, 5};  // 3×2
  const std::vector<std::int32_t> words = pack_columns(codes, 3, 2, 4);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_EQ(words[0], 0x810);
  EXPECT_EQ(words[1], 0xDEF);
}

TEST(Packing, RoundTripsForAllWidthsAndAwkwardSizes) {
  for (int bits = 2; bits <= 8; ++bits) {
    for (const Index cols : {1, 3, 4, 5, 8, 10, 16, 17, 33}) {
      std::vector<std::int8_t> codes(static_cast<std::size_t>(3 * cols));
      for (std::size_t i = 0; i < codes.size(); ++i)
        codes[i] = static_cast<std::int8_t>(static_cast<int>(i * 7) % (1 << bits) - (1 << (bits - 1)));
      EXPECT_EQ(unpack_codes(pack_codes(codes, 3, cols, bits), 3, cols, bits), codes) << bits << " bits, " << cols;
      EXPECT_EQ(unpack_columns(pack_columns(codes, cols, 3, bits), cols, 3, bits), codes) << bits << " bits, " << cols;
    }
  }
}

}  // namespace
}  // namespace lrc
