// Files of token ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// The ids of a .npy file (uint16, int32 or int64, in C order; one or two dimensions) or an .h5 file (dataset `tokens`,
/// integers), row after row as one stream; the first `most` of them, or all where that is 0. Throws InputError naming
/// the file: another ending, type or order, a size that is not what the header says, an id that is negative or above
/// 2^31 − 1.
std::vector<std::int32_t> read_tokens(const std::filesystem::path& file, Index most = 0);

}  // namespace lrc
