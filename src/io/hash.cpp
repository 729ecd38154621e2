#include "lrc/io/hash.hpp"

#include <fmt/core.h>
#include <xxhash.h>

#include <algorithm>
#include <new>
#include <vector>

#include "lrc/io/file.hpp"

namespace lrc {

Hasher::Hasher() : state_(XXH3_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH3_128bits_reset(static_cast<XXH3_state_t*>(state_));
}

Hasher::~Hasher() { XXH3_freeState(static_cast<XXH3_state_t*>(state_)); }

void Hasher::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(static_cast<XXH3_state_t*>(state_), bytes.data(), bytes.size());
}

std::string Hasher::text() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(static_cast<XXH3_state_t*>(state_));
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string hash_bytes(std::span<const std::byte> bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.text();
}

std::string hash_file(const std::filesystem::path& file) {
  const InputFile input(file);
  Hasher hasher;
  std::vector<std::byte> piece(std::size_t{1} << 20);
  for (std::uint64_t at = 0; at < input.size(); at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), input.size() - at));
    input.read(at, piece);
    hasher.add(piece);
  }
  return hasher.text();
}

}  // namespace lrc
