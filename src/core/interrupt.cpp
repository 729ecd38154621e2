#include "lrc/core/interrupt.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <limits>
#include <thread>

#include "lrc/core/error.hpp"
#include "lrc/core/units.hpp"

namespace lrc {
namespace {

// Written by signal handlers: lock-free atomics only.
std::atomic<const char*> requested{nullptr};
std::atomic<Clock::rep> requested_at{0};
std::atomic<bool> signalled{false};
std::atomic<Clock::rep> limit{std::numeric_limits<Clock::rep>::max()};
static_assert(decltype(requested)::is_always_lock_free && decltype(requested_at)::is_always_lock_free);

const char* name_of(int signal) {
  switch (signal) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "SIGUSR2";
  }
}

extern "C" void on_signal(int signal) {
  if (signalled.exchange(true)) _exit(static_cast<int>(ExitCode::interrupted));
  request_interruption(name_of(signal));
}

}  // namespace

void interrupt_on_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2}) sigaction(signal, &action, nullptr);
}

void request_interruption(const char* reason) noexcept {
  Clock::rep never = 0;
  requested_at.compare_exchange_strong(never, Clock::now().time_since_epoch().count());
  const char* none = nullptr;
  requested.compare_exchange_strong(none, reason);
}

bool interruption_requested() noexcept { return requested.load(std::memory_order_relaxed) != nullptr; }

void check_interruption() {
  if (!interruption_requested()) return;
  throw Interrupted(std::string("interrupted by ") + requested.load() +
                    "; what is committed stays: run again to go on");
}

Clock::duration time_since_interruption() noexcept {
  if (!interruption_requested()) return Clock::duration::zero();
  return Clock::now().time_since_epoch() - Clock::duration(requested_at.load());
}

void set_time_limit(std::chrono::duration<double> from_now) {
  limit = (Clock::now() + std::chrono::duration_cast<Clock::duration>(from_now)).time_since_epoch().count();
}

double seconds_left() noexcept {
  if (limit == std::numeric_limits<Clock::rep>::max()) return std::numeric_limits<double>::infinity();
  return std::chrono::duration<double>(Clock::duration(limit.load()) - Clock::now().time_since_epoch()).count();
}

void sleep_interruptibly(std::chrono::milliseconds duration) {
  constexpr std::chrono::milliseconds kLook{20};
  for (const auto end = Clock::now() + duration; Clock::now() < end;) {
    check_interruption();
    std::this_thread::sleep_for(std::min<Clock::duration>(kLook, end - Clock::now()));
  }
  check_interruption();
}

void clear_interruption() noexcept {
  requested = nullptr;
  requested_at = 0;
  signalled = false;
  limit = std::numeric_limits<Clock::rep>::max();
}

}  // namespace lrc
