#include "runs.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "lrc/checkpoint/journal.hpp"
#include "lrc/core/error.hpp"
#include "lrc/io/hash.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> result;
  for (std::string& word : words) result.push_back(word.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;  // the first of a name counts
  for (char** entry = environ; *entry; ++entry) all.emplace_back(*entry);
  return all;
}

struct Process {
  bool is_rank;  // and not mpirun on its way to become one
  pid_t parent;
  char state;
};

// proc(5): "PID (NAME) STATE PARENT …"
std::optional<Process> process_of(pid_t pid) {
  const std::string stat = text_of(fmt::format("/proc/{}/stat", pid));
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  Process process{};
  process.is_rank = stat.find("(lrc_calibrate)") != std::string::npos;
  std::istringstream(stat.substr(name_end + 1)) >> process.state >> process.parent;
  return process;
}

nlohmann::json without_facts_of_the_run(const std::string& report) {
  nlohmann::json json = nlohmann::json::parse(report);
  for (const char* key : {"phases", "ranks", "threads", "resumes", "memory", "options"}) json.erase(key);
  for (nlohmann::json& linear : json["linears"]) linear.erase("seconds");
  return json;
}

}  // namespace

Job::Job(const Launch& launch, fs::path output) : output_(std::move(output)), has_mpirun_(launch.ranks > 0) {
  std::vector<std::string> command;
  if (has_mpirun_) command = {"mpirun", "-n", std::to_string(launch.ranks)};
  command.push_back(LRC_BIN_DIR "/" + launch.program);
  command.insert(command.end(), launch.arguments.begin(), launch.arguments.end());
  std::vector<std::string> environment = environment_with(launch.environment);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&files, launch.directory.c_str());
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failed = posix_spawnp(&leader_, command[0].c_str(), &files, &attributes, pointers(command).data(),
                                  pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) throw CallError("posix_spawnp", command[0]);
}

Job::~Job() {
  if (exit_code_) return;
  kill_all();
  wait(std::chrono::seconds(10));
}

std::optional<int> Job::wait(std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!exit_code_) {
    int status = 0;
    if (waitpid(leader_, &status, WNOHANG) == leader_) {
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (std::chrono::steady_clock::now() > end) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return exit_code_;
}

std::vector<pid_t> Job::ranks() const {
  if (!has_mpirun_) return {leader_};
  std::vector<pid_t> result;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    const std::optional<Process> process = pid > 0 ? process_of(pid) : std::nullopt;
    if (process && process->is_rank && process->parent == leader_ && process->state != 'Z') result.push_back(pid);
  }
  return result;
}

void Job::kill_all() const {
  const std::vector<pid_t> all = ranks();  // before they lose their parent
  ::kill(leader_, SIGKILL);
  for (const pid_t rank : all) ::kill(rank, SIGKILL);
}

std::string Job::output() const { return text_of(output_); }

std::map<std::string, std::string> digest(const fs::path& directory) {
  std::map<std::string, std::string> result;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = fs::relative(entry.path(), directory);
    result[name] =
        name == "lrc_report.json" ? without_facts_of_the_run(text_of(entry.path())).dump() : hash_file(entry.path());
  }
  return result;
}

std::string difference(const std::map<std::string, std::string>& expected,
                       const std::map<std::string, std::string>& found) {
  std::string words;
  for (const auto& [name, hash] : expected) {
    if (!found.contains(name)) words += name + " is missing; ";
    if (found.contains(name) && found.at(name) != hash) words += name + " differs; ";
  }
  for (const auto& [name, hash] : found) {
    if (!expected.contains(name)) words += name + " should not be there; ";
  }
  return words;
}

std::map<std::string, std::string> committed_solves(const fs::path& checkpoint) {
  CommittedFiles committed;
  std::vector<std::string> warnings;
  if (fs::exists(checkpoint / "journal")) read_journals(checkpoint / "journal", committed, warnings);
  std::map<std::string, std::string> solves;
  for (const auto& [name, hashes] : committed) {
    if (name.starts_with("solves/") && fs::exists(checkpoint / name)) solves[name] = hash_file(checkpoint / name);
  }
  return solves;
}

}  // namespace lrc
