#include "lrc/checkpoint/owner.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "lrc/core/log.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

std::string first_line(const fs::path& file) {
  std::string line;
  std::getline(std::ifstream(file), line);
  return line;
}

std::string process_numbers() {
  std::error_code unknown;
  return fs::read_symlink("/proc/self/ns/pid", unknown).string();
}

// proc(5): the words after the parenthesized name begin with the state (3rd field); the start time is the 22nd. Empty
// where there is no such process or it only waits to be buried.
std::string start_of_process(long process) {
  const std::string line = first_line(fmt::format("/proc/{}/stat", process));
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return "";
  std::istringstream rest(line.substr(name_end + 1));
  const std::vector<std::string> words{std::istream_iterator<std::string>(rest), {}};
  constexpr std::size_t kState = 0, kStart = 19;
  return words.size() > kStart && words[kState] != "Z" && words[kState] != "X" ? words[kStart] : "";
}

// That of another user where /proc is mounted with hidepid: it is there, but nothing is to be seen of it.
bool is_hidden(long process) {
  return !std::ifstream(fmt::format("/proc/{}/stat", process)) && ::kill(static_cast<pid_t>(process), 0) != 0 &&
         errno == EPERM;
}

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

}  // namespace

Owner this_owner() {
  return {.host = host_name(),
          .job = environment("SLURM_JOB_ID"),
          .restarts = environment("SLURM_RESTART_COUNT"),
          .boot = first_line("/proc/sys/kernel/random/boot_id"),
          .pids = process_numbers(),
          .process = getpid(),
          .process_start = start_of_process(getpid()),
          .since = now()};
}

nlohmann::ordered_json to_json(const Owner& owner) {
  return {
      {"host", owner.host}, {"job", owner.job},         {"restarts", owner.restarts},           {"boot", owner.boot},
      {"pids", owner.pids}, {"process", owner.process}, {"process_start", owner.process_start}, {"since", owner.since}};
}

Owner owner_from(const nlohmann::json& json) {
  const auto text = [&](const char* key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string();
  };
  const auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 0.0;
  };
  return {.host = text("host"),
          .job = text("job"),
          .restarts = text("restarts"),
          .boot = text("boot"),
          .pids = text("pids"),
          .process = std::lround(number("process")),
          .process_start = text("process_start"),
          .since = number("since")};
}

std::string describe(const Owner& owner) {
  if (owner.host.empty()) return "an unknown job (its lease can't be read)";
  return fmt::format("host {}, job {}, process {}, for {}", owner.host, owner.job.empty() ? "none" : owner.job,
                     owner.process, duration_text(std::max(0.0, now() - owner.since)));
}

bool is_dead(const Owner& owner) {
  const Owner self = this_owner();
  if (!owner.job.empty() && owner.job == self.job && owner.restarts != self.restarts) return true;
  const bool visible = !owner.boot.empty() && owner.boot == self.boot && !owner.pids.empty() && owner.pids == self.pids;
  return visible && start_of_process(owner.process) != owner.process_start && !is_hidden(owner.process);
}

}  // namespace lrc
