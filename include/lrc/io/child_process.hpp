// Work in a child process, for libraries that a hostile file can crash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace lrc {

struct ChildLimits {
  std::uint64_t memory = 0;       ///< bytes, beyond what this process takes already
  std::uint64_t cpu_seconds = 0;  ///< of one core
};

/// Calls `make` in a child process, where it must not use MPI, and returns the ids that it returned. Throws InputError
/// naming `file` where `make` throws, and where the child crashes or would take more than it may: then with `failure`,
/// such as "the HDF5 library can't read it", and the cause.
std::vector<std::int32_t> ids_from_child(const std::filesystem::path& file, const char* failure, ChildLimits limits,
                                         const std::function<std::vector<std::int32_t>()>& make);

}  // namespace lrc
