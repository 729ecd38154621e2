#include "lrc/core/log.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

#include "lrc/core/progress_line.hpp"

namespace lrc {
namespace {

std::atomic<bool> enabled{true};
std::mutex mutex;
bool bar_on_screen = false;                   // this and what follows guarded by `mutex`
std::vector<std::string> kept;                // warnings, in their order
std::set<std::string, std::less<>> warnings;  // said or kept
const auto program_start = Clock::now();

// Under mpirun stderr is a pipe to mpirun, which writes it to its own: so that one is looked at.
bool on_terminal() {
  if (!std::getenv("OMPI_COMM_WORLD_SIZE")) return isatty(STDERR_FILENO) == 1;
  std::error_code unknown;
  const auto target = std::filesystem::read_symlink(fmt::format("/proc/{}/fd/2", getppid()), unknown);
  return target.string().starts_with("/dev/pts/") || target.string().starts_with("/dev/tty");
}

void write_line(std::string_view mark, std::string_view message) {
  if (!enabled) return;
  std::lock_guard lock(mutex);
  const double now = seconds_between(program_start, Clock::now());
  print_stderr(fmt::format("{}[{:8.1f} s] {}{}\n", bar_on_screen ? "\r\033[K" : "", now, mark, message));
  bar_on_screen = false;
}

void draw_bar(const std::string& line) {
  std::lock_guard lock(mutex);
  print_stderr(fmt::format("\r{}\033[K", line));
  bar_on_screen = true;
}

}  // namespace

void print_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void set_log_enabled(bool enable) { enabled = enable; }
bool log_enabled() { return enabled; }
void log_info(std::string_view message) { write_line("", message); }

void log_warning(std::string_view message) {
  if (enabled) write_line("warning: ", message);
  const std::lock_guard lock(mutex);
  const bool is_new = warnings.emplace(message).second;
  if (is_new && !enabled) kept.emplace_back(message);
}

bool keeps_warnings() {
  const std::lock_guard lock(mutex);
  return !kept.empty();
}

std::vector<std::string> take_kept_warnings() {
  const std::lock_guard lock(mutex);
  return std::exchange(kept, {});
}

void log_warning_of(const std::vector<int>& ranks, const std::string& message) {
  {
    const std::lock_guard lock(mutex);
    if (!warnings.insert(message).second) return;
  }
  constexpr std::size_t kNamed = 3;
  std::string names;
  for (std::size_t i = 0; i < std::min(ranks.size(), kNamed); ++i)
    names += (i == 0 ? "" : ", ") + std::to_string(ranks[i]);
  if (ranks.size() > kNamed) names += fmt::format(" and {} more", ranks.size() - kNamed);
  write_line("warning: ", fmt::format("rank{} {}: {}", ranks.size() == 1 ? "" : "s", names, message));
}

Progress::Progress(std::string phase, double total)
    : phase_(std::move(phase)), total_(total), shown_(on_terminal() ? started_ - std::chrono::hours(1) : started_) {}

Progress::~Progress() {
  if (enabled && done_ > 0) log_info(line(Clock::now(), detail_));
}

void Progress::update(double done, std::string_view detail) {
  done_ = done;
  detail_ = detail;
  const auto now = Clock::now();
  if (!enabled || seconds_between(shown_, now) < pause_between_lines()) return;
  shown_ = now;
  show_progress(line(now, detail));
}

std::string Progress::line(Clock::time_point now, std::string_view detail) const {
  const double part = total_ > 0 ? std::clamp(done_ / total_, 0.0, 1.0) : 1.0;
  const double elapsed = seconds_between(started_, now);
  const std::string rest = part >= 1  ? "in " + duration_text(elapsed)
                           : part > 0 ? "ETA " + duration_text(elapsed * (1 - part) / part)
                                      : "ETA unknown";
  return progress_line(phase_, part, detail, rest);
}

double pause_between_lines() { return on_terminal() ? 0.2 : 30.0; }

std::string progress_line(std::string_view label, double part, std::string_view detail, std::string_view rest) {
  constexpr int kWidth = 24;
  const int full = static_cast<int>(std::lround(part * kWidth));
  const std::string bar =
      std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(kWidth - full), '.');
  return fmt::format("{:<10} [{}] {:3.0f} %  {}  {}", label, bar, std::floor(100 * part), detail, rest);
}

void show_progress(const std::string& line) {
  if (on_terminal()) {
    draw_bar(line);
  } else {
    log_info(line);
  }
}

}  // namespace lrc
