#include "lrc/checkpoint/manifest.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/hash.hpp"
#include "lrc/io/json.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestManifest = std::uint64_t{1} << 20;

std::string check_of(const nlohmann::json& fingerprint) {
  const std::string text = fingerprint.dump();
  return hash_bytes(std::as_bytes(std::span(text)));
}

std::string manifest_text(const nlohmann::ordered_json& fingerprint) {
  return nlohmann::ordered_json{{"fingerprint", fingerprint}, {"check", check_of(fingerprint)}}.dump(1) + "\n";
}

// The text must be, byte for byte, what is written for its content.
nlohmann::ordered_json read_manifest(const fs::path& file) {
  const std::string text = read_text(file, kLargestManifest);
  const auto parsed = nlohmann::ordered_json::parse(text, nullptr, false);
  if (parsed.is_object() && parsed.contains("fingerprint") && manifest_text(parsed["fingerprint"]) == text)
    return parsed["fingerprint"];
  throw InputError(file.string(),
                   "is damaged, so it can't be told which run this checkpoint belongs to; name another directory "
                   "(--checkpoint), or throw it away (--restart)");
}

std::vector<std::string> differences(const nlohmann::json& there, const nlohmann::json& here,
                                     const std::vector<std::string>& may_differ) {
  std::set<std::string> keys;
  for (const auto& [key, value] : there.items()) keys.insert(key);
  for (const auto& [key, value] : here.items()) keys.insert(key);
  for (const std::string& key : may_differ) keys.erase(key);
  std::vector<std::string> result;
  for (const std::string& key : keys) {
    const std::string before = there.value(key, nlohmann::json()).dump(),
                      now = here.value(key, nlohmann::json()).dump();
    if (before != now) result.push_back(fmt::format("{} was {}, now {}", key, before, now));
  }
  return result;
}

}  // namespace

void write_manifest(const fs::path& file, const nlohmann::ordered_json& fingerprint) {
  write_atomically(file, manifest_text(fingerprint));
}

void check_manifest(const fs::path& file, const nlohmann::ordered_json& fingerprint,
                    const std::vector<std::string>& may_differ) {
  const std::vector<std::string> different = differences(read_manifest(file), fingerprint, may_differ);
  if (different.empty()) return;
  throw InputError(file.parent_path().string(),
                   fmt::format("is the checkpoint of another run: {}. Run with what it was made with, name another "
                               "directory (--checkpoint), or throw it away (--restart)",
                               fmt::join(different, "; ")));
}

}  // namespace lrc
