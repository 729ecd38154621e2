// Files of token ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// The ids of a .npy or an .h5 file (dataset `tokens`), integers of any size and byte order in one or two dimensions,
/// row after row as one stream; the first `most` of them, or all where that is 0. Which kind it is shows in what the
/// file starts with. Throws InputError naming the file: another kind or type, a size that is not what the header says,
/// an id that is negative or above 2^31 − 1.
std::vector<std::int32_t> read_tokens(const std::filesystem::path& file, Index most = 0);

}  // namespace lrc
