// Flipped bits anywhere in the checkpoint of a run that was killed: each is named when the checkpoint is opened, or its
// file looked at, and what it hit is not trusted.
//
//   bit_flips [--flips N] [--resumed M] [--seed S] [--work DIRECTORY]
//
// The file `state`, which the program never reads, is left alone.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "kinds_of_run.hpp"
#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/core/error.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/options.hpp"
#include "lrc/io/checked_json.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr LeaseTiming kNoWaiting{.beat = std::chrono::seconds(10), .expiry = std::chrono::milliseconds(1)};

struct Settings {
  Index flips = 1000, resumed = 10, seed = 1;
  std::string work = "campaign-bit-flips";
};

std::string bytes_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> files_below(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    const std::string name = fs::relative(entry.path(), directory);
    if (entry.is_regular_file() && name != "state" && name.find(".tmp.") == std::string::npos) files.emplace_back(name);
  }
  std::sort(files.begin(), files.end());
  return files;
}

class Campaign {
 public:
  explicit Campaign(Settings settings)
      : settings_(std::move(settings)),
        work_(fs::absolute(settings_.work)),
        directory_(fmt::format("/dev/shm/lrc-bit-flips-{}", getpid())),
        random_(static_cast<std::uint64_t>(settings_.seed)) {
    fs::create_directories(work_);
    kind_ = all_kinds(work_).back();
    make_killed_run();
  }

  int run() {
    const double resume_share = static_cast<double>(settings_.resumed) / static_cast<double>(settings_.flips);
    {
      Progress progress("bit flips", static_cast<double>(settings_.flips));
      for (Index i = 0; i < settings_.flips; ++i) {
        const fs::path file = files_[random_() % files_.size()];
        try {
          flip(file, std::uniform_real_distribution<double>()(random_) < resume_share);
        } catch (const std::exception& error) {
          ++findings_;
          fmt::print("bit {} of {}: {}\n", bit_, file.string(), error.what());
        }
        progress.advance(1, fmt::format("{} findings", findings_));
      }
    }
    fs::remove_all(directory_);
    if (findings_ == 0) fs::remove_all(work_);
    fmt::print("{} flipped bits in {} files, about {} of them resumed by the program, seed {}: {} findings\n",
               settings_.flips, files_.size(), settings_.resumed, settings_.seed, findings_);
    return findings_ == 0 ? 0 : 1;
  }

 private:
  // Killed when some solves are in and some moments are still there.
  void make_killed_run() {
    const fs::path run = work_ / "killed";
    fs::remove_all(run);  // what an earlier campaign found
    fs::create_directories(run);
    std::size_t solves = 0, at = 0;
    for (; at < kind_.operations.size() && solves < 5; ++at) {
      if (kind_.operations[at].kind == OperationKind::rename &&
          kind_.operations[at].path.find("/solves/") != std::string::npos)
        ++solves;
    }
    Job job(launch(kind_, run, {fmt::format("LRC_FAULT_AT={}", at), "LRC_FAULT=kill"}), work_ / "log");
    demand(job.wait(kLimit) == 128 + 9, "the run was not killed: " + job.output());
    killed_ = run / "out.checkpoint";
    files_ = files_below(killed_);
    fingerprint_ = *read_checked_json(killed_ / "manifest.json");
  }

  void flip(const fs::path& file, bool resumed) {
    const fs::path checkpoint = directory_ / "out.checkpoint";
    fs::remove_all(directory_);
    fs::create_directories(directory_);
    fs::copy(killed_, checkpoint, fs::copy_options::recursive);
    std::string bytes = bytes_of(checkpoint / file);
    bit_ = random_() % (8 * bytes.size());
    bytes[bit_ / 8] = static_cast<char>(bytes[bit_ / 8] ^ (1 << bit_ % 8));
    std::ofstream(checkpoint / file, std::ios::binary) << bytes;
    if (resumed && file != "manifest.json" && file.parent_path() != "leases") return resume(file);
    const std::string said = open(checkpoint);
    const std::string name = file.parent_path() == "leases" ? "its lease can't be read" : file.filename().string();
    demand(said.find(name) != std::string::npos, "not named: " + said);
  }

  // All that is said about what was found.
  std::string open(const fs::path& directory) {
    std::string said;
    set_log_enabled(false);  // a lease that can't be read is watched for a while, which is said
    try {
      Checkpoint checkpoint = Checkpoint::open(directory, fingerprint_, {.timing = kNoWaiting});
      for (const std::string& name : checkpoint.set_damaged_aside(0, 1)) checkpoint.forget(name);
      for (const std::string& warning : checkpoint.warnings()) said += warning + "\n";
      for (const fs::directory_entry& entry : fs::directory_iterator(directory / "solves")) {
        const std::string file = entry.path().filename(), stem = file.substr(0, file.size() - 3);
        if (!checkpoint.is_committed(stem)) continue;
        checkpoint.load_solve(stem);
        demand(bytes_of(entry.path()) == bytes_of(killed_ / "solves" / file), file + " has other bytes and is trusted");
      }
    } catch (const InputError& error) {
      said += error.what();
    }
    set_log_enabled(true);
    return said;
  }

  // What is not used any more is not looked at: moments whose solves are all in, hidden states of earlier
  // blocks, what was learned of them.
  void resume(const fs::path& file) {
    Job job(launch(kind_, directory_), work_ / "log");
    const std::optional<int> code = job.wait(kLimit);
    demand(code == 0, fmt::format("the next run ended with {}: {}", code.value_or(-1), job.output()));
    const bool used = file.parent_path() == "solves" && !learns();
    demand(!used || job.output().find("damaged") != std::string::npos, "not named: " + job.output());
    const std::string different = difference(kind_.expected, digest(directory_ / "out"));
    demand(different.empty(), "the next run's output differs: " + different);
  }

  // Then a block that was not all committed is learned again.
  bool learns() const {
    return std::find(kind_.arguments.begin(), kind_.arguments.end(), "lrq") != kind_.arguments.end();
  }

  Settings settings_;
  fs::path work_, directory_, killed_;
  std::mt19937_64 random_;
  KindOfRun kind_;
  std::vector<fs::path> files_;  // relative to the checkpoint
  nlohmann::ordered_json fingerprint_;
  std::size_t bit_ = 0;
  int findings_ = 0;
};

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  lrc::Settings settings;
  lrc::OptionTable table("bit_flips", "flips bits in the checkpoint of a killed run");
  table.group("Campaign")
      .number("flips", settings.flips, 1, 1'000'000'000, "how many")
      .number("resumed", settings.resumed, 0, 1'000'000'000, "how many of them the program resumes, about")
      .number("seed", settings.seed, 0, 1'000'000'000, "of the random choices")
      .path("work", settings.work, "directory for runs; removed where nothing was found");
  try {
    return table.parse(argc, argv, true) == lrc::OptionTable::Outcome::run ? lrc::Campaign(settings).run() : 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "bit_flips: {}\n", error.what());
    return 2;
  }
}
