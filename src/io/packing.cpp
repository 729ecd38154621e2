#include "lrc/io/packing.hpp"

#include <array>
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

namespace {

// One row of `cols` codes. As a template, so that the shifts of a word's codes are constants.
template <int bits>
void unpack_row(const std::int32_t* words, Index cols, std::int8_t* codes) {
  constexpr int per_word = 32 / bits, offset = 1 << (bits - 1);
  constexpr std::uint32_t mask = (1U << bits) - 1;
  const auto code = [](std::uint32_t word, int i) {
    return static_cast<std::int8_t>(static_cast<int>((word >> (i * bits)) & mask) - offset);
  };
  const Index whole = cols / per_word;
  for (Index w = 0; w < whole; ++w) {
    for (int i = 0; i < per_word; ++i) codes[w * per_word + i] = code(static_cast<std::uint32_t>(words[w]), i);
  }
  for (Index c = whole * per_word; c < cols; ++c)
    codes[c] = code(static_cast<std::uint32_t>(words[whole]), static_cast<int>(c - whole * per_word));
}

constexpr std::array<decltype(&unpack_row<4>), 7> kUnpackRow{unpack_row<2>, unpack_row<3>, unpack_row<4>, unpack_row<5>,
                                                             unpack_row<6>, unpack_row<7>, unpack_row<8>};

}  // namespace

std::vector<std::int8_t> unpack_codes(std::span<const std::int32_t> words, Index rows, Index cols, int bits) {
  const Index words_per_row = packed_words(cols, bits);
  assert(static_cast<Index>(words.size()) == rows * words_per_row);
  std::vector<std::int8_t> codes(static_cast<std::size_t>(rows * cols));  // rows×cols
  const auto unpack = kUnpackRow[static_cast<std::size_t>(bits - 2)];
  for (Index r = 0; r < rows; ++r) unpack(words.data() + r * words_per_row, cols, codes.data() + r * cols);
  return codes;
}

namespace {

// cols×rows, from rows×cols.
template <class Value>
std::vector<Value> transposed(std::span<const Value> values, Index rows, Index cols) {
  assert(static_cast<Index>(values.size()) == rows * cols);
  std::vector<Value> result(values.size());
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; ++c)
      result[static_cast<std::size_t>(c * rows + r)] = values[static_cast<std::size_t>(r * cols + c)];
  }
  return result;
}

}  // namespace

std::vector<std::int32_t> pack_columns(std::span<const std::int8_t> codes, Index rows, Index cols, int bits) {
  const std::vector<std::int32_t> packed = pack_codes(transposed(codes, rows, cols), cols, rows, bits);
  return transposed(std::span(packed), cols, packed_words(rows, bits));
}

std::vector<std::int8_t> unpack_columns(std::span<const std::int32_t> words, Index rows, Index cols, int bits) {
  const std::vector<std::int32_t> packed = transposed(words, packed_words(rows, bits), cols);
  const std::vector<std::int8_t> codes = unpack_codes(packed, cols, rows, bits);
  return transposed(std::span(codes), cols, rows);
}

}  // namespace lrc
