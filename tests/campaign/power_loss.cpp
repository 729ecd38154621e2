// Power losses at every instant of a run: whatever the disk may hold then, the checkpoint opens with every solve that
// was reported done, takes nothing half-written for whole, and the next run completes with the right bytes.
//
//   power_loss [--states N] [--resumed M] [--seed S] [--work DIRECTORY]
//
// States are looked at through the library, M of them also resumed by the program. They are laid out in memory
// (/dev/shm), where fsync costs nothing.
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>
#include <set>

#include "disk_model.hpp"
#include "kinds_of_run.hpp"
#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/core/error.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/options.hpp"
#include "lrc/io/checked_json.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCheckpoint = "out.checkpoint";
constexpr LeaseTiming kNoWaiting{.beat = std::chrono::seconds(10), .expiry = std::chrono::milliseconds(1)};

struct Settings {
  Index states = 2000, resumed = 10, seed = 1, processes = 2;
  std::string work = "campaign-power-loss";
};

void lay_out(const Tree& tree, const fs::path& directory) {
  fs::remove_all(directory);
  fs::create_directories(directory);
  for (const auto& [path, bytes] : tree) {
    if (path.ends_with("/")) {
      fs::create_directories(directory / path);
    } else {
      std::ofstream(directory / path, std::ios::binary) << bytes;
    }
  }
}

/// One kind of run as it goes along: the disk, what has been reported done, what is right.
class History {
 public:
  explicit History(const KindOfRun& kind) : kind_(kind) {
    DiskModel whole;
    for (const Operation& operation : kind.operations) {
      whole.apply(operation);
      // Every committed file has one content for ever: remembered when it gets its name.
      if (operation.kind != OperationKind::rename) continue;
      const Tree tree = whole.now();
      if (tree.contains(operation.other)) right_[operation.other] = tree.at(operation.other);
    }
    fingerprint_text_ = right_.at(std::string(kCheckpoint) + "/manifest.json");
  }

  const KindOfRun& kind() const { return kind_; }
  bool ended() const { return next_ == kind_.operations.size(); }
  std::size_t next() const { return next_; }
  const DiskModel& disk() const { return disk_; }
  const std::string& fingerprint_text() const { return fingerprint_text_; }

  /// The solves whose commit had returned: their journal lines were brought to the disk.
  const std::set<std::string>& reported() const { return reported_; }
  /// The right bytes of a committed file.
  const std::string& right(const std::string& name) const { return right_.at(std::string(kCheckpoint) + "/" + name); }

  void step() {
    const Operation& operation = kind_.operations[next_++];
    disk_.apply(operation);
    if (operation.kind == OperationKind::write && operation.path.find("/journal/") != std::string::npos)
      written_lines_ += operation.data;
    if (operation.kind == OperationKind::sync && operation.path.find("/journal/") != std::string::npos) report_lines();
  }

 private:
  void report_lines() {
    std::istringstream words(written_lines_);
    for (std::string word; words >> word;) {
      if (word.starts_with("solves/")) reported_.insert(word.substr(7, word.size() - 10));  // without solves/ and .h5
    }
  }

  const KindOfRun& kind_;
  DiskModel disk_;
  std::size_t next_ = 0;
  std::map<std::string, std::string> right_;
  std::string fingerprint_text_, written_lines_;
  std::set<std::string> reported_;
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Loads the committed file PART/STEM.h5; of moments the stem is GROUP.PANEL, of hidden states BLOCK.UNIT, of
// what is learned NAME.STEP.
void load(Checkpoint& checkpoint, const std::string& part, const std::string& stem) {
  const std::size_t dot = stem.rfind('.');
  const std::string before = stem.substr(0, dot), after = stem.substr(dot + 1);
  if (part == "solves") {
    checkpoint.load_solve(stem);
  } else if (part == "moments") {
    checkpoint.load_moments({before, std::stoll(after)});
  } else if (part == "learning") {
    checkpoint.load_learning({before, std::stoll(after)});
  } else {
    demand(part == "hidden", part + " is of no known kind");
    checkpoint.load_hidden({std::stoll(before), after == "probe" ? kProbeUnit : std::stoll(after)});
  }
}

// What is taken for committed is what was written last for the name, and it loads; what is not is set aside.
void expect_right(Checkpoint& checkpoint, const History& history, const fs::path& directory) {
  for (const std::string& name : checkpoint.set_damaged_aside(0, 1)) checkpoint.forget(name);
  for (const auto& [name, commits] : checkpoint.committed()) {
    demand(bytes_of(directory / name) == history.right(name), name + " is taken for committed with other bytes");
    const fs::path file = name;
    load(checkpoint, file.parent_path(), file.stem());
  }
}

// Without any looking before, a load gives what was written, or throws.
void expect_right_loads(Checkpoint checkpoint, const History& history, const fs::path& directory) {
  for (const auto& [name, commits] : checkpoint.committed()) {
    const fs::path file = name;
    try {
      load(checkpoint, file.parent_path(), file.stem());
      demand(bytes_of(directory / name) == history.right(name), name + " loads with other bytes");
    } catch (const Error&) {
      demand(checkpoint.meets_damage(), name + " does not load, nor is it damaged");
    }
  }
}

void look_at(const History& history, const fs::path& directory, bool loads_first) {
  const fs::path checkpoint_directory = directory / kCheckpoint;
  const fs::path manifest = directory / "manifest-of-the-run";
  std::ofstream(manifest) << history.fingerprint_text();
  const bool log = log_enabled();
  set_log_enabled(false);  // a lease that was not whole is watched for a while, which is said
  Checkpoint checkpoint = Checkpoint::open(checkpoint_directory, *read_checked_json(manifest), {.timing = kNoWaiting});
  set_log_enabled(log);
  if (loads_first) {
    expect_right_loads(Checkpoint::attach(checkpoint_directory, 1, checkpoint.committed()), history,
                       checkpoint_directory);
    checkpoint.set_missing_aside();
  }
  expect_right(checkpoint, history, checkpoint_directory);
  for (const std::string& linear : history.reported())
    demand(checkpoint.is_committed(linear), linear + " was reported done and is lost");
}

void resume(const History& history, const fs::path& directory) {
  Job job(launch(history.kind(), directory), directory.string() + ".log");
  const std::optional<int> code = job.wait(kLimit);
  demand(code == 0, fmt::format("the next run ended with {}: {}", code.value_or(-1), job.output()));
  const std::string different = difference(history.kind().expected, digest(directory / "out"));
  demand(different.empty(), "the next run's output differs: " + different);
}

/// One process's part of the states.
class Part {
 public:
  Part(const Settings& settings, const std::vector<KindOfRun>& kinds, Index process)
      : settings_(settings),
        kinds_(kinds),
        process_(process),
        directory_(fmt::format("/dev/shm/lrc-power-loss-{}", getpid())),
        random_(static_cast<std::uint64_t>(settings.seed * 1000 + process)) {}

  /// The number of findings.
  int run() {
    std::size_t instants = 0;
    for (const KindOfRun& kind : kinds_) instants += kind.operations.size();
    const double states = static_cast<double>(settings_.states) / static_cast<double>(settings_.processes);
    const double an_instant = states / static_cast<double>(instants);
    resume_share_ = static_cast<double>(settings_.resumed) / static_cast<double>(settings_.states);
    Progress progress("power loss", static_cast<double>(instants));
    double due = 0;
    for (const KindOfRun& kind : kinds_) {
      for (History history(kind); !history.ended();) {
        history.step();
        for (due += an_instant; due >= 1; due -= 1) try_state(history);
        if (process_ == 0) progress.advance(1, fmt::format("{} findings", findings_));
      }
    }
    fs::remove_all(directory_);
    fs::remove_all(directory_.string() + ".mpi");
    fs::remove(directory_.string() + ".log");
    return findings_;
  }

 private:
  void try_state(const History& history) {
    const Tree state = history.disk().after_power_loss(random_);
    const bool resumed = std::uniform_real_distribution<double>()(random_) < resume_share_;
    try {
      lay_out(state, directory_);
      resumed ? resume(history, directory_) : look_at(history, directory_, random_() % 2 == 0);
    } catch (const std::exception& error) {
      report(history, state, error.what());
    }
  }

  void report(const History& history, const Tree& state, const std::string& problem) {
    const fs::path kept = fs::path(settings_.work) / fmt::format("finding-{}-{}", process_, findings_++);
    lay_out(state, kept);
    fmt::print("a loss of power after operation {}: {}\n  the state is kept in {}; arguments:", history.next() - 1,
               problem, kept.string());
    for (const std::string& argument : history.kind().arguments) fmt::print(" {}", argument);
    fmt::print("\n");
    std::fflush(stdout);
  }

  const Settings& settings_;
  const std::vector<KindOfRun>& kinds_;
  Index process_;
  fs::path directory_;
  std::mt19937_64 random_;
  double resume_share_ = 0;
  int findings_ = 0;
};

// Processes, not threads: HDF5 is for one thread at a time.
int run(Settings settings) {
  settings.work = fs::absolute(settings.work);
  fs::create_directories(settings.work);
  const std::vector<KindOfRun> kinds = all_kinds(settings.work);
  for (Index process = 1; process < settings.processes; ++process) {
    if (fork() == 0) {
      set_log_enabled(false);
      const int findings = Part(settings, kinds, process).run();
      std::fflush(stdout);
      _exit(std::min(findings, 255));
    }
  }
  int findings = Part(settings, kinds, 0).run();
  for (Index process = 1; process < settings.processes; ++process) {
    int status = 0;
    wait(&status);
    findings += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }
  fmt::print("{} states, about {} of them resumed by the program, {} kinds of run, seed {}: {} findings\n",
             settings.states, settings.resumed, kinds.size(), settings.seed, findings);
  if (findings == 0) fs::remove_all(settings.work);
  return findings == 0 ? 0 : 1;
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  lrc::Settings settings;
  lrc::OptionTable table("power_loss", "opens checkpoints as a loss of power may leave them");
  table.group("Campaign")
      .number("states", settings.states, 1, 1'000'000'000, "how many")
      .number("resumed", settings.resumed, 0, 1'000'000'000, "how many of them the program resumes, about")
      .number("seed", settings.seed, 0, 1'000'000'000, "of the random choices")
      .number("processes", settings.processes, 1, 256, "that look at states")
      .path("work", settings.work, "directory for runs and findings; removed where nothing was found");
  try {
    return table.parse(argc, argv, true) == lrc::OptionTable::Outcome::run ? lrc::run(settings) : 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "power_loss: {}\n", error.what());
    return 2;
  }
}
