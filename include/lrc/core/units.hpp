// Numbers with their units, for people; and how long something took.
#pragma once

#include <chrono>
#include <string>

namespace lrc {

/// "512 B", "1.5 GiB": powers of 1024.
std::string bytes_text(double bytes);
/// "7.0 s", "3 min 20 s", "2 h 05 min".
std::string duration_text(double seconds);

using Clock = std::chrono::steady_clock;
double seconds_between(Clock::time_point start, Clock::time_point end);
double seconds_since(Clock::time_point start);

}  // namespace lrc
