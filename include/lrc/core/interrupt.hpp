// The wish that the run end soon: from a signal, a time limit or another rank. Compute loops look for it between tiles.
#pragma once

#include <chrono>
#include <string>

namespace lrc {

/// From now on SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 ask for an interruption; a second signal ends the process at once,
/// with exit code 75.
void interrupt_on_signals();

/// Asks for an interruption; only the first reason is kept. `reason` has static storage.
void request_interruption(const char* reason) noexcept;

bool interruption_requested() noexcept;

/// Throws Interrupted, with the reason, where one is requested.
void check_interruption();

/// How long ago it was requested; zero where it was not.
std::chrono::steady_clock::duration time_since_interruption() noexcept;

/// The instant at which the run asks itself to end.
void set_time_limit(std::chrono::duration<double> from_now);

/// Until the time limit; infinite where there is none.
double seconds_left() noexcept;

/// Sleeps; throws Interrupted as soon as one is requested.
void sleep_interruptibly(std::chrono::milliseconds duration);

/// Forgets requests and the limit; for tests.
void clear_interruption() noexcept;

}  // namespace lrc
