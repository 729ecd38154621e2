#include "lrc/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "lrc/checkpoint/manifest.hpp"
#include "lrc/checkpoint/record_files.hpp"
#include "lrc/core/error.hpp"
#include "lrc/io/directory.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/system_call.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

constexpr const char* kManifest = "manifest.json";
constexpr const char* kLeases = "leases";
constexpr const char* kJournal = "journal";
constexpr std::array kRecords = {"solves", "moments", "hidden", "learning"};

std::string solve_file(const std::string& linear) { return "solves/" + linear + ".h5"; }
std::string moments_file(const MomentsKey& key) { return fmt::format("moments/{}.{}.h5", key.group, key.panel); }
std::string hidden_file(const HiddenKey& key) {
  return fmt::format("hidden/{}.{}.h5", key.block, key.unit == kProbeUnit ? "probe" : std::to_string(key.unit));
}

std::string learning_file(const LearningKey& key) { return fmt::format("learning/{}.{}.h5", key.name, key.step); }

// But for what a file system has at its top.
std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename() != "lost+found") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// No block where the name is none of ours.
Index block_of_hidden(const fs::path& file) {
  const std::string name = file.filename().string();
  Index block = std::numeric_limits<Index>::max();
  std::from_chars(name.data(), name.data() + name.size(), block);
  return block;
}

// The manifest first: without it the directory holds nothing.
void throw_away(const fs::path& directory) {
  remove_path(directory / kManifest);
  sync_directory(directory);
  for (const fs::path& file : files_in(directory)) {
    if (file.filename() != kLeases) remove_path(file);
  }
}

}  // namespace

// The leases are the first thing made in a checkpoint.
void demand_checkpoint_or_nothing(const fs::path& directory) {
  if (!fs::exists(directory) || files_in(directory).empty() || fs::is_directory(directory / kLeases)) return;
  throw InputError(directory.string(), "is not a checkpoint and not empty; name another checkpoint directory");
}

Checkpoint::Checkpoint(fs::path directory, int writer) : directory_(std::move(directory)), writer_(writer) {}

Checkpoint Checkpoint::open(const fs::path& directory, const nlohmann::ordered_json& fingerprint,
                            const CheckpointOptions& options) {
  demand_checkpoint_or_nothing(directory);
  const fs::path manifest = directory / kManifest;
  // Looked at before, so that a refusal leaves no trace, and after: an earlier owner may have thrown it away meanwhile.
  if (!options.restart && fs::exists(manifest)) check_manifest(manifest, fingerprint, options.may_differ);
  Checkpoint checkpoint(directory, 0);
  make_directories(directory);
  checkpoint.lease_ = std::make_unique<Lease>(directory / kLeases, options.timing);
  if (!checkpoint.lease_->takeover().empty())
    checkpoint.warnings_.push_back("took over from an earlier job: " + checkpoint.lease_->takeover());
  // Without a manifest, what is there is of a run that was being thrown away when it was interrupted.
  if (options.restart || !fs::exists(manifest)) {
    throw_away(directory);
    checkpoint.create(fingerprint);
  }
  check_manifest(manifest, fingerprint, options.may_differ);
  write_state(directory, RunState::resumable);
  checkpoint.remove_leftovers();
  read_journals(directory / kJournal, checkpoint.committed_, checkpoint.warnings_);
  checkpoint.set_missing_aside();
  return checkpoint;
}

Checkpoint Checkpoint::attach(const fs::path& directory, int writer, CommittedFiles committed) {
  Checkpoint checkpoint(directory, writer);
  checkpoint.committed_ = std::move(committed);
  return checkpoint;
}

// The manifest comes last: a directory without one holds nothing yet.
void Checkpoint::create(const nlohmann::ordered_json& fingerprint) {
  make_directories(directory_ / kJournal);
  write_manifest(directory_ / kManifest, fingerprint);
}

void Checkpoint::remove_leftovers() {
  const auto remove_in = [](const fs::path& part) {
    make_directories(part);  // one that another version made may lack it
    for (const fs::path& file : files_in(part)) {
      if (is_temporary(file)) remove_path(file);
    }
  };
  remove_in(directory_);
  for (const char* part : kRecords) remove_in(directory_ / part);
}

// Another process may have set it aside at the same time.
void Checkpoint::set_aside(const std::string& name) {
  const fs::path file = directory_ / name;
  warnings_.push_back(fmt::format("{} is damaged; set aside as {}.damaged, it will be made again", file.string(),
                                  file.filename().string()));
  std::error_code error;
  fs::rename(file, file.string() + ".damaged", error);
  if (error && error != std::errc::no_such_file_or_directory) fail_call("rename", file, error.value());
}

// Dropped moments and hidden states are simply not there any more; a solve that is not there was lost.
void Checkpoint::set_missing_aside() {
  for (auto entry = committed_.begin(); entry != committed_.end();) {
    const fs::path file = directory_ / entry->first;
    const auto has_size = [&](const FileBytes& bytes) { return bytes.size == fs::file_size(file); };
    if (fs::is_regular_file(file) && std::any_of(entry->second.begin(), entry->second.end(), has_size)) {
      ++entry;
      continue;
    }
    if (fs::exists(file)) {
      set_aside(entry->first);
    } else if (entry->first.starts_with("solves/")) {
      warnings_.push_back(fmt::format("{} is lost, or was set aside; it will be made again", file.string()));
    }
    entry = committed_.erase(entry);
  }
}

std::vector<std::string> Checkpoint::set_damaged_aside(int part, int parts) {
  std::vector<std::string> damaged;
  int number = 0;
  for (const auto& [name, commits] : committed_) {
    if (number++ % parts == part && !commits.contains(bytes_of_file(directory_ / name))) damaged.push_back(name);
  }
  for (const std::string& name : damaged) set_aside(name);
  return damaged;
}

void Checkpoint::learn(const std::string& news) { add_journal_text("news", news, committed_, warnings_); }

bool Checkpoint::is_committed(const std::string& linear) const { return committed_.contains(solve_file(linear)); }
bool Checkpoint::has_moments(const MomentsKey& key) const { return committed_.contains(moments_file(key)); }
bool Checkpoint::has_hidden(const HiddenKey& key) const { return committed_.contains(hidden_file(key)); }

std::vector<Index> Checkpoint::learning_steps(const std::string& name) const {
  const std::string before = "learning/" + name + ".", after = ".h5";
  std::vector<Index> steps;
  for (auto entry = committed_.lower_bound(before); entry != committed_.end(); ++entry) {
    const std::string& file = entry->first;
    if (!file.starts_with(before)) break;
    const char* end = file.data() + file.size() - after.size();
    Index step = 0;
    if (std::from_chars(file.data() + before.size(), end, step).ptr == end) steps.push_back(step);
  }
  return steps;
}

Index Checkpoint::committed_solves() const {
  return std::count_if(committed_.begin(), committed_.end(),
                       [](const auto& entry) { return entry.first.starts_with("solves/"); });
}

void Checkpoint::enter(const std::string& name, const FileBytes& bytes) {
  const std::string line = journal_line(name, bytes);
  append_to_journal(directory_ / kJournal / fmt::format("{}.log", writer_), line);
  committed_[name].insert(bytes);
  if (!name.starts_with("hidden/")) news_ += line + "\n";
}

void Checkpoint::commit(const SolveRecord& record) {
  const std::string name = solve_file(record.name);
  const TemporaryFile file(directory_ / name);
  write_record(file.path(), record);
  sync_file(file.path());
  const FileBytes bytes = bytes_of_file(file.path());
  rename_durably(file.path(), directory_ / name);
  enter(name, bytes);
}

void Checkpoint::commit_soon(const std::string& name, const std::function<void(const fs::path&)>& write) {
  const TemporaryFile file(directory_ / name);
  write(file.path());
  start_writing_back(file.path());
  const FileBytes bytes = bytes_of_file(file.path());
  rename_path(file.path(), directory_ / name);
  enter(name, bytes);
  on_their_way_.push_back(name);
}

void Checkpoint::commit(const MomentsKey& key, const SummedMoments& moments, const InputTransform& transform) {
  commit_soon(moments_file(key), [&](const fs::path& file) { write_record(file, moments, transform); });
}
void Checkpoint::commit(const HiddenKey& key, const MatrixF& hidden) {
  commit_soon(hidden_file(key), [&](const fs::path& file) { write_record(file, hidden); });
}

void Checkpoint::commit(const LearningKey& key, const LearningState& learning) {
  commit_soon(learning_file(key), [&](const fs::path& file) { write_record(file, learning); });
}

void Checkpoint::make_durable() {
  for (const std::string& name : on_their_way_) {
    if (fs::exists(directory_ / name)) sync_file(directory_ / name);  // it may be dropped already
  }
  if (!on_their_way_.empty()) {
    for (const char* part : kRecords) sync_directory(directory_ / part);
  }
  on_their_way_.clear();
}

// The path of a committed file whose bytes are those of its commit.
fs::path Checkpoint::checked(const std::string& name) {
  const auto entry = committed_.find(name);
  fs::path file = directory_ / name;
  const bool there = entry != committed_.end() && fs::exists(file);
  if (there && entry->second.contains(bytes_of_file(file))) return file;
  meets_damage_ = true;
  if (!there) throw Error(fmt::format("{}: is not there any more; it must be made again", file.string()));
  set_aside(name);
  throw Error(fmt::format("{}: is damaged, and set aside; it must be made again", file.string()));
}

SolveRecord Checkpoint::load_solve(const std::string& linear) { return read_solve(checked(solve_file(linear))); }
MomentsRecord Checkpoint::load_moments(const MomentsKey& key) { return read_moments(checked(moments_file(key))); }
MatrixF Checkpoint::load_hidden(const HiddenKey& key) { return read_hidden(checked(hidden_file(key))); }
LearningState Checkpoint::load_learning(const LearningKey& key) { return read_learning(checked(learning_file(key))); }

void Checkpoint::drop(const std::string& name) {
  committed_.erase(name);
  remove_path(directory_ / name);
}

void Checkpoint::drop_moments(const MomentsKey& key) { drop(moments_file(key)); }

void Checkpoint::drop_hidden_before(Index block) {
  for (const fs::path& file : files_in(directory_ / "hidden")) {
    if (block_of_hidden(file) < block) drop("hidden/" + file.filename().string());
  }
}

void Checkpoint::drop_learning_before(const LearningKey& key) {
  for (const Index step : learning_steps(key.name)) {
    if (step < key.step) drop(learning_file({key.name, step}));
  }
}

void Checkpoint::forget_learning_before(const LearningKey& key) {
  for (const Index step : learning_steps(key.name)) {
    if (step < key.step) forget(learning_file({key.name, step}));
  }
}

void Checkpoint::forget_hidden_before(Index block) {
  std::erase_if(committed_, [&](const auto& entry) {
    return entry.first.starts_with("hidden/") && block_of_hidden(entry.first) < block;
  });
}

void write_state(const fs::path& checkpoint, RunState state) {
  const char* word = state == RunState::resumable ? "RESUMABLE" : state == RunState::done ? "DONE" : "FAILED";
  write_atomically(checkpoint / "state", std::string(word) + "\n");
}

}  // namespace lrc
