#include "lrc/checkpoint/checkpoint.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "lrc/checkpoint/record_files.hpp"
#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/hash.hpp"
#include "lrc/io/json.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

constexpr const char* kManifest = "manifest.json";
constexpr std::uint64_t kLargestJournal = std::uint64_t{1} << 30;

std::string solve_file(const std::string& linear) { return "solves/" + linear + ".h5"; }
std::string moments_file(const std::string& group) { return "moments/" + group + ".h5"; }

// A line is "HASH FILE CHECK", where CHECK is the hash of what stands before it: a torn line is not taken for a whole
// one.
std::string journal_line(const std::string& hash, const std::string& file) {
  const std::string entry = hash + " " + file;
  return entry + " " + hash_bytes(std::as_bytes(std::span(entry)));
}

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Checkpoint::Checkpoint(fs::path directory, int writer) : directory_(std::move(directory)), writer_(writer) {}

Checkpoint Checkpoint::open(const fs::path& directory, const nlohmann::ordered_json& fingerprint, bool restart) {
  if (restart) remove_path(directory);
  Checkpoint checkpoint(directory, 0);
  if (!fs::exists(directory / kManifest)) checkpoint.create(fingerprint);
  checkpoint.check_fingerprint(fingerprint);
  checkpoint.remove_leftovers();
  checkpoint.read_journals();
  checkpoint.set_damaged_aside();
  checkpoint.count_opening();
  return checkpoint;
}

void Checkpoint::count_opening() {
  const fs::path file = directory_ / "openings";
  if (fs::exists(file)) earlier_openings_ = static_cast<Index>(fs::file_size(file));
  append_durably(file, "+");
}

Checkpoint Checkpoint::attach(const fs::path& directory, int writer) {
  Checkpoint checkpoint(directory, writer);
  checkpoint.read_journals();
  std::erase_if(checkpoint.committed_, [&](const auto& entry) { return !fs::exists(directory / entry.first); });
  return checkpoint;
}

// The manifest comes last: a directory without one holds nothing yet.
void Checkpoint::create(const nlohmann::ordered_json& fingerprint) {
  if (fs::exists(directory_) && !fs::is_empty(directory_) && !fs::exists(directory_ / "solves")) {
    throw InputError(directory_.string(), "is not a checkpoint and not empty; name another directory (--checkpoint)");
  }
  for (const char* part : {"solves", "moments", "journal"}) make_directories(directory_ / part);
  write_atomically(directory_ / kManifest, fingerprint.dump(1) + "\n");
}

void Checkpoint::check_fingerprint(const nlohmann::ordered_json& fingerprint) const {
  const nlohmann::json there = read_json_object(directory_ / kManifest);
  std::set<std::string> keys;
  for (const auto& [key, value] : there.items()) keys.insert(key);
  for (const auto& [key, value] : fingerprint.items()) keys.insert(key);
  std::vector<std::string> differences;
  for (const std::string& key : keys) {
    const std::string before = there.value(key, nlohmann::json()).dump(),
                      now = fingerprint.value(key, nlohmann::ordered_json()).dump();
    if (before != now) differences.push_back(fmt::format("{} was {}, now {}", key, before, now));
  }
  if (differences.empty()) return;
  throw InputError(directory_.string(),
                   fmt::format("is the checkpoint of another run: {}. Run with what it was made with, name another "
                               "directory (--checkpoint), or throw it away (--restart)",
                               fmt::join(differences, "; ")));
}

void Checkpoint::read_journals() {
  for (const fs::path& journal : files_in(directory_ / "journal")) {
    std::istringstream lines(read_text(journal, kLargestJournal));
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string hash, file;
      words >> hash >> file;
      if (journal_line(hash, file) == line) committed_[file].insert(hash);
    }
  }
}

void Checkpoint::remove_leftovers() {
  for (const char* part : {"solves", "moments"}) {
    for (const fs::path& file : files_in(directory_ / part)) {
      if (is_temporary(file)) remove_path(file);
    }
  }
}

// A dropped file of moments is simply not there any more; a solve that is not there was lost.
void Checkpoint::set_damaged_aside() {
  for (auto entry = committed_.begin(); entry != committed_.end();) {
    const fs::path file = directory_ / entry->first;
    const bool there = fs::exists(file);
    if (there && entry->second.contains(hash_file(file))) {
      ++entry;
      continue;
    }
    if (there) {
      warnings_.push_back(fmt::format("{} is damaged; set aside as {}.damaged, it will be made again", file.string(),
                                      file.filename().string()));
      rename_durably(file, file.string() + ".damaged");
    } else if (entry->first.starts_with("solves/")) {
      warnings_.push_back(fmt::format("{} is lost; it will be made again", file.string()));
    }
    entry = committed_.erase(entry);
  }
}

Index Checkpoint::committed_solves() const {
  return std::count_if(committed_.begin(), committed_.end(),
                       [](const auto& entry) { return entry.first.starts_with("solves/"); });
}

void Checkpoint::enter(const fs::path& temporary, const std::string& name) {
  sync_file(temporary);
  const std::string hash = hash_file(temporary);
  rename_durably(temporary, directory_ / name);
  // The line end before it keeps it apart from a line that an earlier process left torn.
  append_durably(directory_ / "journal" / fmt::format("{}.log", writer_), "\n" + journal_line(hash, name) + "\n");
  committed_[name].insert(hash);
}

void Checkpoint::commit(const SolveRecord& record) {
  const std::string name = solve_file(record.name);
  const fs::path temporary = temporary_beside(directory_ / name);
  write_record(temporary, record);
  enter(temporary, name);
}

void Checkpoint::commit(const MomentsRecord& record) {
  const std::string name = moments_file(record.name);
  const fs::path temporary = temporary_beside(directory_ / name);
  write_record(temporary, record);
  enter(temporary, name);
}

// The path of a committed file whose bytes are those of its commit.
fs::path Checkpoint::checked(const std::string& name) {
  if (!committed_.contains(name)) read_journals();
  const auto entry = committed_.find(name);
  fs::path file = directory_ / name;
  if (entry == committed_.end() || !fs::exists(file))
    throw Error(fmt::format("{}: is not committed; run again to make it", file.string()));
  if (!entry->second.contains(hash_file(file)))
    throw Error(fmt::format("{}: is damaged; run again to set it aside and make it anew", file.string()));
  return file;
}

SolveRecord Checkpoint::load_solve(const std::string& linear) { return read_solve(checked(solve_file(linear))); }

MomentsRecord Checkpoint::load_moments(const std::string& group) { return read_moments(checked(moments_file(group))); }

void Checkpoint::drop_moments(const std::string& group) {
  const std::string name = moments_file(group);
  committed_.erase(name);
  remove_path(directory_ / name);
}

}  // namespace lrc
