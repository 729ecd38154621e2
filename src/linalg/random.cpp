#include "lrc/linalg/random.hpp"

namespace lrc {

std::uint64_t stream_of(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

MatrixF random_uniform(Index rows, Index cols, float bound, RandomBits bits) {
  MatrixF numbers(rows, cols);
  for (Index i = 0; i < numbers.size(); ++i) {
    const auto k = static_cast<float>(bits.next() >> 40U);  // 24 bits: exact
    numbers.data()[i] = bound * (k * 0x1p-23F - 1.0F);
  }
  return numbers;
}

}  // namespace lrc
