// The progress of a whole run that does several kinds of work, with the time that all of it will take.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lrc/core/units.hpp"

namespace lrc {

/// What each kind costs is foreseen, and corrected by the pace that it is seen to have. Not for use by several threads
/// at a time.
class RunProgress {
 public:
  ~RunProgress();  // leaves the finished line
  RunProgress() = default;
  RunProgress(const RunProgress&) = delete;
  RunProgress& operator=(const RunProgress&) = delete;

  /// There are `amount` units of a kind, of which `done` were done before this run; a unit's `cost` relative to those
  /// of other kinds is a guess. May be said again.
  void expect(const std::string& kind, double amount, double cost, double done = 0);

  /// `more` units are done, in the time since the last call, of whatever kind that was.
  void advance(const std::string& kind, double more, std::string_view detail);

  /// Of the run, by what is known of the costs: 0 to 1.
  double part() const;
  /// Of the work that is left; negative where nothing has been done yet to know it from.
  double seconds_left() const;

 private:
  struct Work {
    double amount = 0, cost = 0, done = 0;  // of the whole run, earlier starts included
    double seen = 0, seconds = 0;           // of this start
  };
  double pace(const Work& work) const;  // seconds a unit; in units of cost where nothing was seen yet
  void show(const std::string& kind, std::string_view detail);

  std::map<std::string, Work> works_;
  std::string last_kind_, last_detail_;
  double shown_part_ = 0;  // never falls
  Clock::time_point started_ = Clock::now(), last_ = started_, shown_ = started_ - std::chrono::hours(1);
};

}  // namespace lrc
