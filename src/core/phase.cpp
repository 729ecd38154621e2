#include "lrc/core/phase.hpp"

#include <fmt/core.h>

#include <mutex>
#include <new>
#include <system_error>

namespace lrc {
namespace {

std::mutex mutex;
int own_rank = 0;  // this and what follows guarded by `mutex`
std::string current = "the start";
std::map<std::string, std::string> planned;

std::string lack_of_memory() {
  const std::lock_guard lock(mutex);
  const auto plan = planned.find(current);
  return fmt::format(
      "out of memory on rank {} in the phase '{}'{}; take more memory a rank (fewer ranks on a host), or fewer or "
      "shorter "
      "sequences",
      own_rank, current, plan == planned.end() ? "" : ", which was planned to need " + plan->second);
}

}  // namespace

void set_rank(int rank) {
  const std::lock_guard lock(mutex);
  own_rank = rank;
}

void enter_phase(const std::string& phase) {
  const std::lock_guard lock(mutex);
  current = phase;
}

void set_planned_memory(std::map<std::string, std::string> of_phases) {
  const std::lock_guard lock(mutex);
  planned = std::move(of_phases);
}

std::string text_of(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) return lack_of_memory();
  const auto* of_system = dynamic_cast<const std::system_error*>(&error);
  if (of_system && of_system->code() == std::errc::resource_unavailable_try_again)
    return "no thread can be made: out of processes (ulimit -u), or " + lack_of_memory();
  return error.what();
}

}  // namespace lrc
