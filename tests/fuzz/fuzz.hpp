// What the fuzz targets share. Each gives the reader of one kind of file any bytes: it may read them or throw
// lrc::Error, and nothing else.
#pragma once

#include <cstdint>
#include <string>

#include "lrc/core/error.hpp"
#include "temporary_directory.hpp"

namespace lrc {

/// Of this process; in memory where TMPDIR is (run.sh).
inline const TemporaryDirectory& fuzz_directory() {
  static const TemporaryDirectory directory;
  return directory;
}

/// Writes the file, calls `read`, and returns whether that refused it.
template <class Read>
bool refuses(const std::string& name, const std::uint8_t* data, std::size_t size, const Read& read) {
  write_file(fuzz_directory() / name, {reinterpret_cast<const char*>(data), size});
  try {
    read(fuzz_directory() / name);
    return false;
  } catch (const Error&) {
    return true;
  }
}

}  // namespace lrc
