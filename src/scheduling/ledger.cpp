#include "lrc/scheduling/ledger.hpp"

#include <algorithm>
#include <cassert>

#include "lrc/core/interrupt.hpp"

namespace lrc {

Ledger::Ledger(const std::vector<Task>& tasks, int ranks, double seconds_per_cost)
    : tasks_(tasks), ranks_(ranks), seconds_per_cost_(seconds_per_cost) {
  const std::vector<std::size_t> order = longest_first(tasks);
  waiting_.assign(order.begin(), order.end());
  assert(std::all_of(tasks.begin(), tasks.end(), [&](const Task& task) { return task.ranks <= ranks; }));
}

Ledger::Waiting::iterator Ledger::next_in_time(int most_ranks) {
  if (interruption_requested()) return waiting_.end();
  const double limit = seconds_left();
  return std::find_if(waiting_.begin(), waiting_.end(), [&](std::size_t task) {
    return limit > 0 && ranks_of(task) <= most_ranks && tasks_[task].cost * seconds_per_cost_ <= limit;
  });
}

std::vector<Assignment> Ledger::dismiss_all() {
  std::vector<Assignment> dismissed;
  for (const int rank : together_) dismissed.push_back({rank});
  together_.clear();
  return dismissed;
}

std::vector<Assignment> Ledger::ask(int rank) {
  const std::lock_guard lock(mutex_);
  together_.push_back(rank);
  Waiting::iterator next = next_in_time(ranks_);
  if (next == waiting_.end()) return dismiss_all();
  if (ranks_of(*next) > ranks_ - in_teams_) {  // a team must end before this one can begin
    if (const auto single = next_in_time(1); single != waiting_.end()) next = single;
  }
  const auto task = static_cast<Index>(*next);
  const int needed = ranks_of(*next);
  if (needed == 1) {
    together_.pop_back();
    waiting_.erase(next);
    return {{rank, task, {rank}}};
  }
  if (static_cast<int>(together_.size()) < needed) return {};
  waiting_.erase(next);
  in_teams_ += needed;
  std::vector<int> team(together_.begin(), together_.begin() + needed);
  together_.erase(together_.begin(), together_.begin() + needed);
  std::sort(team.begin(), team.end());
  std::vector<Assignment> told;
  for (const int member : team) told.push_back({member, task, team});
  return told;
}

void Ledger::finish(std::size_t task, double seconds) {
  const std::lock_guard lock(mutex_);
  ++done_;
  done_cost_ += tasks_[task].cost;
  if (ranks_of(task) > 1) in_teams_ -= ranks_of(task);
  if (tasks_[task].cost > 0) seconds_per_cost_ = std::max(seconds_per_cost_, seconds / tasks_[task].cost);
}

std::vector<Assignment> Ledger::stop() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
  return dismiss_all();
}

std::size_t Ledger::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

double Ledger::done_cost() const {
  const std::lock_guard lock(mutex_);
  return done_cost_;
}

double Ledger::seconds_per_cost() const {
  const std::lock_guard lock(mutex_);
  return seconds_per_cost_;
}

std::size_t Ledger::left() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace lrc
