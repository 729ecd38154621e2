// At every operation of a run on its files: the process killed, the disk full, an I/O error, a short write or read; in
// a quarter of the cases on a file system that lacks what file systems may lack. Each run either completes with the
// right bytes, or fails with a message that names the file, and the next one completes.
//
//   operation_faults [--cases N] [--kind K] [--kills] [--seed S] [--workers W] [--work DIRECTORY]
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "kinds_of_run.hpp"
#include "lrc/core/error.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/options.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr int kKilled = 128 + 9;

struct Settings {
  Index cases = 0, kind = -1, seed = 1, workers = 4;
  bool kills = false;
  std::string work = "campaign-operation-faults";
};

constexpr const char* kWeak = "LRC_FAULT_UNSUPPORTED=link,fsync_directory,flock,utimensat";

struct Case {
  std::size_t kind, operation;
  std::string fault;  // of file_faults.cpp
  bool always = false;
  bool read = false;    // of the operations that read, not of those that change something
  bool inside = false;  // into a directory that is there already
  bool weak = false;    // on a file system without hard links, fsync of directories, locks and utimensat

  bool kills() const { return fault.starts_with("kill"); }

  std::vector<std::string> settings() const {
    std::vector<std::string> all{fmt::format("LRC_FAULT_AT={}", operation), "LRC_FAULT=" + fault};
    if (always) all.emplace_back("LRC_FAULT_ALWAYS=1");
    if (read) all.emplace_back("LRC_FAULT_READS=1");
    if (weak) all.emplace_back(kWeak);
    return all;
  }
};

std::vector<Case> all_cases(const std::vector<KindOfRun>& kinds) {
  std::vector<Case> cases;
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    for (std::size_t i = 0; i < kinds[kind].operations.size(); ++i) {
      for (const char* fault : {"kill", "kill_after", "enospc", "eio"}) cases.push_back({kind, i, fault});
      cases.push_back({.kind = kind, .operation = i, .fault = "enospc", .always = true});
      if (kinds[kind].operations[i].kind == OperationKind::write) cases.push_back({kind, i, "short"});
    }
    for (std::size_t i = 0; i < kinds[kind].reads.size(); ++i) {
      for (const char* fault : {"eio", "short"})
        cases.push_back({.kind = kind, .operation = i, .fault = fault, .read = true});
    }
  }
  return cases;
}

class Worker {
 public:
  Worker(const fs::path& work, std::uint64_t seed) : directory_(work), random_(seed) {}

  void play(const KindOfRun& kind, const Case& test) {
    fs::remove_all(directory_);
    fs::create_directories(test.inside ? directory_ / "out" : directory_);
    const Case somewhere{
        .kind = test.kind, .operation = random_() % kind.operations.size(), .fault = "kill", .weak = test.weak};
    if (test.read && random_() % 2 == 0) disturbed(kind, somewhere);  // a run that resumes reads more
    if (!disturbed(kind, test)) return;
    if (random_() % 4 == 0) disturbed(kind, somewhere);  // the recovery may be hit, too
    const std::vector<std::string> faults = test.weak ? std::vector<std::string>{kWeak} : std::vector<std::string>{};
    Job job(launch(kind, directory_, faults), log());
    const std::optional<int> code = job.wait(kLimit);
    demand(code == 0, fmt::format("the run after it ended with {}: {}", code.value_or(-1), job.output()));
    const std::string different = difference(kind.expected, digest(directory_ / "out"));
    demand(different.empty(), "the output differs: " + different);
  }

  Index kills() const { return kills_; }

 private:
  fs::path log() const { return directory_.string() + ".log"; }

  // Whether the run has to be made again.
  bool disturbed(const KindOfRun& kind, const Case& test) {
    Job job(launch(kind, directory_, test.settings()), log());
    const std::optional<int> code = job.wait(kLimit);
    demand(code.has_value(), "it hangs");
    if (code == 0) {
      const std::string different = difference(kind.expected, digest(directory_ / "out"));
      demand(different.empty(), "exit code 0, but the output differs: " + different);
      return false;
    }
    if (test.kills()) {
      demand(code == kKilled, fmt::format("exit code {}: {}", *code, job.output()));
      ++kills_;
      return true;
    }
    const std::string said = job.output();
    const std::size_t error = said.find("lrc: error: ");
    demand(code == 1, fmt::format("exit code {}: {}", *code, said));
    demand(error != std::string::npos && said.find(directory_.string(), error) != std::string::npos,
           "the message names no file: " + said);
    return true;
  }

  fs::path directory_;
  std::mt19937_64 random_;
  Index kills_ = 0;
};

class Campaign {
 public:
  explicit Campaign(Settings settings) : settings_(std::move(settings)), work_(fs::absolute(settings_.work)) {
    fs::create_directories(work_);
    kinds_ = all_kinds(work_);
    cases_ = all_cases(kinds_);
    std::erase_if(cases_, [&](const Case& test) {
      return (settings_.kills && !test.kills()) ||
             (settings_.kind >= 0 && test.kind != static_cast<std::size_t>(settings_.kind));
    });
    all_ = cases_.size();
    std::shuffle(cases_.begin(), cases_.end(), std::mt19937_64(static_cast<std::uint64_t>(settings_.seed)));
    if (settings_.cases > 0) cases_.resize(std::min(cases_.size(), static_cast<std::size_t>(settings_.cases)));
  }

  int run() {
    {
      Progress progress("faults", static_cast<double>(cases_.size()));
      std::vector<std::jthread> workers;
      for (Index i = 0; i < settings_.workers; ++i) workers.emplace_back([&, i] { work_off(i, progress); });
    }
    fmt::print("{} of {} cases over {} kinds of run, {} kills, seed {}: {} findings\n", cases_.size(), all_,
               kinds_.size(), kills_, settings_.seed, findings_);
    if (findings_ == 0) fs::remove_all(work_);
    return findings_ == 0 ? 0 : 1;
  }

 private:
  void work_off(Index number, Progress& progress) {
    Worker worker(work_ / fmt::format("worker{}", number), static_cast<std::uint64_t>(number));
    for (std::size_t i = next_++; i < cases_.size(); i = next_++) {
      Case& test = cases_[i];
      test.weak = i % 4 == 0;
      test.inside = i % 3 == 0;
      std::string problem;
      try {
        worker.play(kinds_[test.kind], test);
      } catch (const std::exception& error) {
        problem = error.what();
      }
      const std::lock_guard lock(mutex_);
      if (!problem.empty()) report(test, problem);
      progress.advance(1, fmt::format("{} findings", findings_));
    }
    const std::lock_guard lock(mutex_);
    kills_ += worker.kills();
  }

  void report(const Case& test, const std::string& problem) {
    ++findings_;
    const KindOfRun& kind = kinds_[test.kind];
    const Operation& operation = (test.read ? kind.reads : kind.operations)[test.operation];
    fmt::print("{}{}{}{} at operation {} ({} {}): {}\n  arguments:", test.fault, test.always ? " from there on" : "",
               test.weak ? " on a weak file system" : "", test.inside ? " into a directory that is there" : "",
               test.operation, name_of(operation.kind), operation.path, problem);
    for (const std::string& argument : kind.arguments) fmt::print(" {}", argument);
    fmt::print("\n");
  }

  Settings settings_;
  fs::path work_;
  std::vector<KindOfRun> kinds_;
  std::vector<Case> cases_;
  std::size_t all_ = 0;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  Index findings_ = 0, kills_ = 0;  // guarded by mutex_
};

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  lrc::Settings settings;
  lrc::OptionTable table("operation_faults", "lets each operation of a run on its files fail, and resumes");
  table.group("Campaign")
      .number("cases", settings.cases, 0, 10'000'000, "how many, chosen at random; 0 = all")
      .number("kind", settings.kind, -1, 1000, "of run, of which alone faults are tried; -1 = all")
      .flag("kills", settings.kills, "of the faults only SIGKILL")
      .number("seed", settings.seed, 0, 1'000'000'000, "of the choice")
      .number("workers", settings.workers, 1, 256, "runs at a time; they mostly wait")
      .path("work", settings.work, "directory for runs; removed where nothing was found");
  try {
    if (table.parse(argc, argv, true) != lrc::OptionTable::Outcome::run) return 0;
    return lrc::Campaign(settings).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "operation_faults: {}\n", error.what());
    return 2;
  }
}
