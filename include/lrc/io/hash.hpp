// XXH3-128: fast enough to hash a model as it is read, and sure to notice damage (not made against forgery).
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace lrc {

/// 32 hexadecimal digits.
std::string hash_bytes(std::span<const std::byte> bytes);

/// The hash of a whole file, read in pieces.
std::string hash_file(const std::filesystem::path& file);

/// A hash of bytes that come in pieces.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;
  void add(std::span<const std::byte> bytes);
  std::string text() const;

 private:
  void* state_;
};

}  // namespace lrc
