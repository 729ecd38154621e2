#include "lrc/scheduling/ledger.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"

namespace lrc {

Ledger::Ledger(const std::vector<Task>& tasks) : tasks_(tasks) {
  const std::vector<std::size_t> order = longest_first(tasks);
  waiting_.assign(order.begin(), order.end());
}

std::optional<std::size_t> Ledger::take() {
  const std::lock_guard lock(mutex_);
  if (interruption_requested()) return std::nullopt;
  const double limit = seconds_left();
  const auto next = std::find_if(waiting_.begin(), waiting_.end(), [&](std::size_t task) {
    return limit > 0 && tasks_[task].cost * seconds_per_cost_ <= limit;
  });
  if (next == waiting_.end()) return std::nullopt;
  const std::size_t task = *next;
  waiting_.erase(next);
  return task;
}

void Ledger::finish(std::size_t task, double seconds) {
  const std::lock_guard lock(mutex_);
  ++done_;
  done_cost_ += tasks_[task].cost;
  if (tasks_[task].cost > 0) seconds_per_cost_ = std::max(seconds_per_cost_, seconds / tasks_[task].cost);
}

void Ledger::stop() {
  const std::lock_guard lock(mutex_);
  waiting_.clear();
}

std::size_t Ledger::done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

double Ledger::done_cost() const {
  const std::lock_guard lock(mutex_);
  return done_cost_;
}

std::size_t Ledger::left() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

}  // namespace lrc
