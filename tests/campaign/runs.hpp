// Running lrc_calibrate (or lrc_evaluate) as a job runs it, disturbing it, and comparing what it writes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lrc {

struct Launch {
  std::string program = "lrc_calibrate";
  int ranks = 0;                         ///< 0: without mpirun
  std::vector<std::string> arguments;    ///< of the program
  std::vector<std::string> environment;  ///< NAME=VALUE, added to this process's
  std::string directory = ".";           ///< where it runs
};

/// A job in a process group of its own; what it prints goes to a file.
class Job {
 public:
  Job(const Launch& launch, std::filesystem::path output);
  /// Kills what is left of it.
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// The exit code, 128 + the signal where one ended it; none where it still runs after `limit`.
  std::optional<int> wait(std::chrono::milliseconds limit);

  /// The processes that are ranks, living now.
  std::vector<pid_t> ranks() const;
  /// mpirun, or the one rank.
  pid_t leader() const { return leader_; }
  void kill_all() const;
  std::string output() const;

 private:
  std::filesystem::path output_;
  pid_t leader_ = -1;
  std::optional<int> exit_code_;
  bool has_mpirun_;
};

/// Name → hash of every file below an output directory. The report counts without what tells of the run that made it:
/// times, ranks, threads, resumes and where things lie.
std::map<std::string, std::string> digest(const std::filesystem::path& directory);

/// What differs between two digests, in words; empty where nothing does.
std::string difference(const std::map<std::string, std::string>& expected,
                       const std::map<std::string, std::string>& found);

/// The hashes of the solves that a checkpoint's journals name and that are there.
std::map<std::string, std::string> committed_solves(const std::filesystem::path& checkpoint);

}  // namespace lrc
