#include "lrc/core/run_progress.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "lrc/core/log.hpp"
#include "lrc/core/progress_line.hpp"

namespace lrc {
namespace {}  // namespace

RunProgress::~RunProgress() {
  if (!log_enabled() || last_kind_.empty()) return;
  const std::string rest = "in " + duration_text(seconds_since(started_));
  log_info(progress_line(last_kind_, shown_part_, last_detail_, rest));
}

void RunProgress::expect(const std::string& kind, double amount, double cost, double done) {
  Work& work = works_[kind];
  work.amount = amount;
  work.cost = cost;
  work.done = done;
}

void RunProgress::advance(const std::string& kind, double more, std::string_view detail) {
  const auto now = Clock::now();
  Work& work = works_[kind];
  work.done = std::min(work.amount, work.done + more);
  work.seen += more;
  work.seconds += seconds_between(last_, now);
  last_ = now;
  show(kind, detail);
}

// A kind that was not seen yet has the pace of those that were, relative to what they cost.
double RunProgress::pace(const Work& work) const {
  if (work.seen > 0) return work.seconds / work.seen;
  double seconds = 0, cost = 0;
  for (const auto& [kind, other] : works_) {
    seconds += other.seconds;
    cost += other.seen * other.cost;
  }
  return cost > 0 ? work.cost * seconds / cost : work.cost;
}

double RunProgress::part() const {
  double done = 0, all = 0;
  for (const auto& [kind, work] : works_) {
    done += work.done * pace(work);
    all += work.amount * pace(work);
  }
  return all > 0 ? done / all : 0;
}

double RunProgress::seconds_left() const {
  double left = 0;
  bool seen = false;
  for (const auto& [kind, work] : works_) {
    left += (work.amount - work.done) * pace(work);
    seen = seen || work.seen > 0;
  }
  return seen ? left : -1;
}

void RunProgress::show(const std::string& kind, std::string_view detail) {
  last_kind_ = kind;
  last_detail_ = detail;
  shown_part_ = std::max(shown_part_, part());
  const auto now = Clock::now();
  if (!log_enabled() || seconds_between(shown_, now) < pause_between_lines()) return;
  shown_ = now;
  const double left = seconds_left();
  show_progress(progress_line(kind, shown_part_, detail, left < 0 ? "ETA unknown" : "ETA " + duration_text(left)));
}

}  // namespace lrc
