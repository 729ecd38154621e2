#include "lrc/io/tokens.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

#include "lrc/core/error.hpp"
#include "lrc/io/child_process.hpp"
#include "lrc/io/data_kind.hpp"
#include "lrc/io/hdf5.hpp"
#include "lrc/io/npy.hpp"

namespace lrc {
namespace {

std::vector<std::int32_t> checked_ids(const std::filesystem::path& file, const std::vector<std::int64_t>& ids) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(ids.size());
  for (const std::int64_t id : ids) {
    if (id < 0 || id > std::numeric_limits<std::int32_t>::max())
      throw InputError(file.string(), fmt::format("holds {} at position {}, which is no token id", id, tokens.size()));
    tokens.push_back(static_cast<std::int32_t>(id));
  }
  return tokens;
}

// HDF5 1.10 crashes on some damaged files: it gets to see them in another process only.
std::vector<std::int32_t> read_hdf5(const InputFile& file, Index most) {
  const ChildLimits limits{.memory = (std::uint64_t{1} << 30) + 32 * file.size(),
                           .cpu_seconds = 5 + file.size() / 10'000'000};
  return ids_from_child(file.path(), "the HDF5 library can't read it", limits, [&] {
    return checked_ids(file.path(), Hdf5Reader(file.path()).read<std::int64_t>("tokens", most));
  });
}

}  // namespace

std::vector<std::int32_t> read_tokens(const std::filesystem::path& path, Index most) {
  assert(most >= 0);
  const InputFile file(path);
  if (is_hdf5(file) || path.extension() == ".h5") return read_hdf5(file, most);
  return read_npy(file, most == 0 ? std::numeric_limits<std::uint64_t>::max() : static_cast<std::uint64_t>(most));
}

}  // namespace lrc
