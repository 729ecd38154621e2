// Random lives of a calibration run: interrupted, killed, paused, resumed on another number of ranks and threads, and
// in the end the bytes of an undisturbed run on one rank.
//
//   scenarios [--scenarios N] [--seed S] [--only I] [--work DIRECTORY]
//
// Scenario I of seed S makes the same random choices every time: what it finds is repeated with --seed S --only I.
#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <sstream>
#include <thread>

#include "kinds_of_run.hpp"
#include "lrc/core/error.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/options.hpp"
#include "tiny_model.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Codes = std::vector<int>;

constexpr milliseconds kLongestDeath{60'000};

/// What happens to a run, and the exit codes that may follow (none: any).
struct Disturbance {
  std::string name;
  Codes codes;
  std::function<void(const Job& job, pid_t rank)> act;
};

std::function<void(const Job&, pid_t)> signal_to_rank(int signal, int times = 1) {
  return [=](const Job&, pid_t rank) {
    for (int i = 0; i < times; ++i) {
      ::kill(rank, signal);
      if (i + 1 < times) std::this_thread::sleep_for(milliseconds(15));
    }
  };
}

std::function<void(const Job&, pid_t)> signal_to_leader(int signal) {
  return [=](const Job& job, pid_t) { ::kill(job.leader(), signal); };
}

void pause_rank(const Job&, pid_t rank) {
  ::kill(rank, SIGSTOP);
  std::this_thread::sleep_for(milliseconds(500));
  ::kill(rank, SIGCONT);
}

// A signal that comes before MPI has begun ends the process as signals do: 128 + its number.
std::vector<Disturbance> disturbances() {
  return {
      {"SIGKILL to a rank", {}, signal_to_rank(SIGKILL)},
      {"SIGKILL to all", {}, [](const Job& job, pid_t) { job.kill_all(); }},
      {"SIGTERM to mpirun", {}, signal_to_leader(SIGTERM)},  // mpirun returns 1 whatever its ranks return
      {"SIGINT to mpirun", {}, signal_to_leader(SIGINT)},    // likewise
      {"SIGUSR1 to mpirun", {0, 75, 128 + SIGUSR1}, signal_to_leader(SIGUSR1)},
      {"SIGUSR2 to mpirun", {0, 75, 128 + SIGUSR2}, signal_to_leader(SIGUSR2)},
      {"SIGUSR1 to a rank", {0, 75, 128 + SIGUSR1}, signal_to_rank(SIGUSR1)},
      {"SIGUSR2 to a rank", {0, 75, 128 + SIGUSR2}, signal_to_rank(SIGUSR2)},
      {"SIGTERM to a rank", {0, 75, 128 + SIGTERM}, signal_to_rank(SIGTERM)},
      {"SIGINT to a rank", {0, 75, 128 + SIGINT}, signal_to_rank(SIGINT)},
      {"two signals to a rank", {0, 75, 128 + SIGUSR2}, signal_to_rank(SIGUSR2, 2)},
      {"a pause of a rank", {0}, pause_rank},
  };
}

class Scenario {
 public:
  Scenario(const fs::path& directory, std::uint64_t seed, Index number)
      : random_(seed * 1'000'003 + static_cast<std::uint64_t>(number)),
        directory_(directory / std::to_string(number)),
        model_(directory / pick(std::vector<std::string>{"llama", "mixtral"})) {
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    choose_options();
  }

  /// Throws Error where anything is not as it must be.
  void play() {
    play_undisturbed();
    for (int left = 1 + static_cast<int>(random_() % 4); left > 0 && !fs::exists(output()); --left) {
      random_() % 8 == 0 ? limit_time() : disturb();
      expect_kept();
    }
    Job last(job_launch(random_shape()), directory_ / "last.log");
    tell("undisturbed to the end");
    demand(last.wait(kLimit) == 0, "the last run failed: " + last.output());
    const std::string different = difference(expected_, digest(output()));
    demand(different.empty(), "the output differs from an undisturbed run's: " + different);
    fs::remove_all(directory_);
  }

  const std::string& story() const { return story_; }

 private:
  template <class Value>
  Value pick(const std::vector<Value>& values) {
    return values[random_() % values.size()];
  }

  fs::path output() const { return directory_ / "out"; }
  fs::path checkpoint() const { return directory_ / "out.checkpoint"; }
  void tell(const std::string& what) { story_ += fmt::format("; {} ({})", what, shape_); }

  void choose_options() {
    const auto method =
        pick<std::string>({"lrc", "lrc --residual-activations off --iterations 30", "lrc --propagate quantized", "gptq",
                           "gptq --propagate quantized", "svd", "rtn"});
    story_ = fmt::format("--method {} --moments {} --rotation {}", method, pick<std::string>({"exact", "diagonal"}),
                         pick<std::string>({"full", "offline", "none"}));
    if (method.starts_with("lrc")) story_ += " --rank-fraction 0.4";
    std::istringstream words(story_);
    options_.assign(std::istream_iterator<std::string>(words), {});
    for (const char* word : {"--sequences", "640", "--sequence-length", "64", "--model"}) options_.emplace_back(word);
    options_.insert(options_.end(), {model_.string(), "--calibration", (model_ / "tokens.npy").string()});
    story_ = model_.filename().string() + " " + story_;
  }

  Launch random_shape() {
    const int ranks = pick(std::vector<int>{0, 1, 2, 3, 4, 5, 8}), threads = pick(std::vector<int>{1, 2});
    shape_ = fmt::format("{} ranks, {} threads", ranks, threads);
    return {.ranks = ranks, .arguments = {"--threads", std::to_string(threads)}, .environment = {}};
  }

  Launch job_launch(Launch shape, const std::string& name = "out") const {
    shape.arguments.insert(shape.arguments.end(), options_.begin(), options_.end());
    shape.arguments.insert(shape.arguments.end(), {"--output", (directory_ / name).string()});
    return shape;
  }

  void play_undisturbed() {
    const auto start = std::chrono::steady_clock::now();
    Job job(job_launch({.ranks = 0, .arguments = {"--threads", "1"}, .environment = {}}, "expected"),
            directory_ / "expected.log");
    demand(job.wait(kLimit) == 0, "the undisturbed run failed: " + job.output());
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    expected_ = digest(directory_ / "expected");
  }

  void disturb() {
    Job job(job_launch(random_shape()), directory_ / "disturbed.log");
    const double part = std::uniform_real_distribution<double>(0.1, 1.3)(random_);  // of an undisturbed run
    job.wait(milliseconds(static_cast<int>(1000 * seconds_ * part)));
    const std::vector<pid_t> ranks = job.ranks();
    if (ranks.empty()) return;  // it was done before
    const Disturbance disturbance = pick(disturbances());
    tell(fmt::format("{} after {:.2f} s", disturbance.name, seconds_ * part));
    disturbance.act(job, pick(ranks));
    expect_end(job, disturbance.codes);
    for (const pid_t rank : ranks) expect_death(rank);
  }

  void limit_time() {
    Launch launch = job_launch(random_shape());
    launch.arguments.insert(launch.arguments.end(), {"--time-limit", fmt::format("{:.2f}", seconds_)});
    tell(fmt::format("--time-limit {:.2f}", seconds_));
    Job job(launch, directory_ / "disturbed.log");
    expect_end(job, {0, 75});
  }

  void expect_end(Job& job, const Codes& codes) {
    const std::optional<int> code = job.wait(kLongestDeath);
    // Open MPI 4.1.4: when a rank is killed while MPI starts, mpirun may hang after all ranks have died.
    if (!code && job.ranks().empty() && job.output().find("PMIX ERROR: UNREACHABLE") != std::string::npos)
      return tell("mpirun hung after all its ranks had ended");
    demand(code.has_value(), "it is still running a minute later");
    demand(codes.empty() || std::count(codes.begin(), codes.end(), *code) > 0,
           fmt::format("exit code {}: {}", *code, job.output()));
    if (*code == 0) demand(fs::exists(output()), "exit code 0, but there is no output");
  }

  void expect_kept() {
    const auto now = committed_solves(checkpoint());
    for (const auto& [name, hash] : committed_)
      demand(now.contains(name) && now.at(name) == hash, name + " was committed, and is lost or was made again");
    committed_ = now;
  }

  static void expect_death(pid_t rank) {
    const auto end = std::chrono::steady_clock::now() + kLongestDeath;
    while (is_alive(rank)) {
      demand(std::chrono::steady_clock::now() < end, "a rank outlives its job by a minute");
      std::this_thread::sleep_for(milliseconds(10));
    }
  }

  static bool is_alive(pid_t process) {
    std::ifstream stat(fmt::format("/proc/{}/stat", process));
    std::string number, name, state;
    return stat >> number >> name >> state && name == "(lrc_calibrate)" && state != "Z";
  }

  std::mt19937_64 random_;
  fs::path directory_, model_;
  std::vector<std::string> options_;
  std::string story_, shape_;
  double seconds_ = 0;
  std::map<std::string, std::string> expected_, committed_;
};

struct Settings {
  Index scenarios = 20, seed = 1, only = -1;
  std::string work = "campaign-scenarios";
};

int run(const Settings& settings) {
  const fs::path work = fs::absolute(settings.work);
  for (const char* family : {"llama", "mixtral"}) {
    write_tiny_model(work / family, 3, family);
    write_tiny_tokens(work / family / "tokens.npy", Index{640} * 64);
  }
  Progress progress("scenarios", static_cast<double>(settings.scenarios));
  int findings = 0;
  for (Index i = 0; i < settings.scenarios; ++i) {
    if (settings.only >= 0 && i != settings.only) continue;
    Scenario scenario(work, static_cast<std::uint64_t>(settings.seed), i);
    try {
      scenario.play();
    } catch (const Error& error) {
      ++findings;
      fmt::print("scenario {}: {}\n  {}\n  again: scenarios --seed {} --scenarios {} --only {}; its files are in {}\n",
                 i, scenario.story(), error.what(), settings.seed, settings.scenarios, i,
                 (work / std::to_string(i)).string());
    }
    if (settings.only >= 0) fmt::print("{}\n", scenario.story());
    progress.advance(1, fmt::format("{} findings", findings));
  }
  if (findings == 0 && settings.only < 0) fs::remove_all(work);
  fmt::print("{} scenarios, seed {}: {} findings\n", settings.scenarios, settings.seed, findings);
  return findings == 0 ? 0 : 1;
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  lrc::Settings settings;
  lrc::OptionTable table("scenarios", "disturbs calibration runs at random and compares what they write");
  table.group("Campaign")
      .number("scenarios", settings.scenarios, 1, 1'000'000, "how many")
      .number("seed", settings.seed, 0, 1'000'000'000, "of the random choices")
      .number("only", settings.only, -1, 1'000'000, "play this one alone; -1 = all")
      .path("work", settings.work, "directory for runs; removed where nothing was found");
  try {
    return table.parse(argc, argv, true) == lrc::OptionTable::Outcome::run ? run(settings) : 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "scenarios: {}\n", error.what());
    return 2;
  }
}
