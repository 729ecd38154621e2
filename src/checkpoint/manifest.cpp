#include "lrc/checkpoint/manifest.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "lrc/core/error.hpp"
#include "lrc/core/json_text.hpp"
#include "lrc/io/checked_json.hpp"
#include "lrc/io/file.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

nlohmann::ordered_json read_manifest(const fs::path& file) {
  if (auto fingerprint = read_checked_json(file)) return *fingerprint;
  throw InputError(file.string(),
                   "is damaged, so it can't be told which run this checkpoint belongs to; name another checkpoint "
                   "directory, or restart, which throws it away");
}

std::vector<std::string> differences(const nlohmann::json& there, const nlohmann::json& here,
                                     const std::vector<std::string>& may_differ) {
  std::set<std::string> keys;
  for (const auto& [key, value] : there.items()) keys.insert(key);
  for (const auto& [key, value] : here.items()) keys.insert(key);
  for (const std::string& key : may_differ) keys.erase(key);
  std::vector<std::string> result;
  for (const std::string& key : keys) {
    const std::string before = json_text(there.value(key, nlohmann::json())),
                      now = json_text(here.value(key, nlohmann::json()));
    if (before != now) result.push_back(fmt::format("{} was {}, now {}", key, before, now));
  }
  return result;
}

}  // namespace

void write_manifest(const fs::path& file, const nlohmann::ordered_json& fingerprint) {
  write_atomically(file, checked_json_text(fingerprint));
}

void check_manifest(const fs::path& file, const nlohmann::ordered_json& fingerprint,
                    const std::vector<std::string>& may_differ) {
  const std::vector<std::string> different = differences(read_manifest(file), fingerprint, may_differ);
  if (different.empty()) return;
  throw InputError(file.parent_path().string(),
                   fmt::format("is the checkpoint of another run: {}. Run with what it was made with, name another "
                               "checkpoint directory, or restart, which throws it away",
                               fmt::join(different, "; ")));
}

}  // namespace lrc
