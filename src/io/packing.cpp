#include "lrc/io/packing.hpp"

#include <cassert>

namespace lrc {

Index packed_words(Index cols, int bits) {
  assert(bits >= 2 && bits <= 8);
  return ceil_div(cols, 32 / bits);
}

std::vector<std::int32_t> pack_codes(std::span<const std::int8_t> codes, Index rows, Index cols, int bits) {
  assert(static_cast<Index>(codes.size()) == rows * cols);
  const Index words = packed_words(cols, bits), per_word = 32 / bits;
  const int offset = 1 << (bits - 1);
  std::vector<std::int32_t> packed(static_cast<std::size_t>(rows * words), 0);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; ++c) {
      const int code = codes[static_cast<std::size_t>(r * cols + c)];
      assert(code >= -offset && code < offset);
      const auto shifted = static_cast<std::uint32_t>(code + offset) << (c % per_word * bits);
      auto& word = packed[static_cast<std::size_t>(r * words + c / per_word)];
      word = static_cast<std::int32_t>(static_cast<std::uint32_t>(word) | shifted);
    }
  }
  return packed;
}

std::vector<std::int8_t> unpack_codes(std::span<const std::int32_t> words, Index rows, Index cols, int bits) {
  const Index words_per_row = packed_words(cols, bits), per_word = 32 / bits;
  assert(static_cast<Index>(words.size()) == rows * words_per_row);
  const int offset = 1 << (bits - 1);
  const std::uint32_t mask = (1U << bits) - 1;
  std::vector<std::int8_t> codes(static_cast<std::size_t>(rows * cols));
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; ++c) {
      const auto word = static_cast<std::uint32_t>(words[static_cast<std::size_t>(r * words_per_row + c / per_word)]);
      const auto stored = static_cast<int>((word >> (c % per_word * bits)) & mask);
      codes[static_cast<std::size_t>(r * cols + c)] = static_cast<std::int8_t>(stored - offset);
    }
  }
  return codes;
}

}  // namespace lrc
