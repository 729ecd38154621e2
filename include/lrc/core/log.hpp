// What a run says: lines on stderr, and one progress display. Only one rank of a job speaks; it is told the warnings of
// the others whenever all meet (Communicator::agree).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lrc/core/types.hpp"
#include "lrc/core/units.hpp"

namespace lrc {

/// Whether this process speaks (rank 0 of a job). On by default.
void set_log_enabled(bool enable);
bool log_enabled();

/// To stderr as it is. One that takes nothing (a full disk behind it, a pipe that is closed) is no reason to end a run.
void print_stderr(std::string_view text);
/// A line for whoever watches, with the time since the program began.
void log_info(std::string_view message);
/// The same, marked. Where this process does not speak, it is kept for the one that does.
void log_warning(std::string_view message);
bool keeps_warnings();
/// What was kept since the last call, each message once.
std::vector<std::string> take_kept_warnings();
/// Says what these ranks kept, unless this process has said the same of its own accord.
void log_warning_of(const std::vector<int>& ranks, const std::string& message);

/// Progress of one phase with an ETA: a bar that is drawn over on a terminal, a line every half minute in a batch log.
/// Not for use by several threads at a time.
class Progress {
 public:
  /// `total` steps of work, in any unit that grows evenly with time.
  Progress(std::string phase, double total);
  ~Progress();  // leaves the finished line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` of the total; `detail` says what is being worked on ("block 3 of 30").
  void update(double done, std::string_view detail);
  /// `more` steps are done.
  void advance(double more, std::string_view detail) { update(done_ + more, detail); }

 private:
  std::string line(Clock::time_point now, std::string_view detail) const;

  std::string phase_, detail_;
  double total_, done_ = 0;
  Clock::time_point started_ = Clock::now(), shown_;
};

}  // namespace lrc
