// Token ids in numpy's files.
#pragma once

#include <cstdint>
#include <vector>

#include "lrc/io/file.hpp"

namespace lrc {

/// The ids of a .npy file of integers of any size and byte order, in one or two dimensions, row after row whichever way
/// they are stored; the first `most` of them. Throws InputError naming the file for what read_tokens refuses.
std::vector<std::int32_t> read_npy(const InputFile& file, std::uint64_t most);

}  // namespace lrc
