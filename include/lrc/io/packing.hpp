// Integer codes in 32-bit words, as the pack-quantized layout of compressed-tensors stores them: 32 / bits codes a
// word, the first in the lowest bits, each as code + 2^(bits−1); every row starts a new word.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// Words of one row. Precondition: 2 ≤ bits ≤ 8.
Index packed_words(Index cols, int bits);

/// codes: rows×cols, each in [−2^(bits−1), 2^(bits−1) − 1]. Returns rows×packed_words(cols, bits).
std::vector<std::int32_t> pack_codes(std::span<const std::int8_t> codes, Index rows, Index cols, int bits);

/// The inverse: rows×cols codes.
std::vector<std::int8_t> unpack_codes(std::span<const std::int32_t> words, Index rows, Index cols, int bits);

/// Zero points are packed so: every column of `codes` (rows×cols) by itself, one below the other. Returns
/// packed_words(rows, bits)×cols.
std::vector<std::int32_t> pack_columns(std::span<const std::int8_t> codes, Index rows, Index cols, int bits);

/// The inverse: rows×cols codes.
std::vector<std::int8_t> unpack_columns(std::span<const std::int32_t> words, Index rows, Index cols, int bits);

}  // namespace lrc
