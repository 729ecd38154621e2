// Runs lrc_calibrate on several hundred hostile or damaged inputs: each must end with exit code 2 and a message that
// names what is wrong, within 20 s and 2 GiB.
//
//   hostile_inputs [--only TEXT] [--jobs N] [--show] [--work DIRECTORY]
#include <fmt/core.h>
#include <sys/resource.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "lrc/core/error.hpp"
#include "lrc/core/options.hpp"
#include "runs.hpp"
#include "situation.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLimit{20};
constexpr rlim_t kMemory = rlim_t{2} << 30;

struct Settings {
  std::string only;
  Index jobs = 2;
  bool show = false;
  std::string work = "hostile-inputs";
};

Situations all_situations() {
  Situations all;
  for (const auto& some :
       {config_situations, config_text_situations, quantization_config_situations, safetensors_header_situations,
        safetensors_data_situations, index_situations, model_directory_situations, npy_situations, hdf5_situations,
        text_situations, tokenizer_json_situations, tokenizer_model_situations}) {
    append(all, some());
  }
  return all;
}

struct Outcome {
  std::optional<int> code;
  std::string output;
};

Outcome calibrate(const fs::path& directory, const std::string& calibration) {
  Launch launch;
  launch.arguments = {"--model",           directory / "model",
                      "--calibration",     directory / calibration,
                      "--output",          directory / "out",
                      "--sequences",       "8",
                      "--sequence-length", "16",
                      "--threads",         "1"};
  // MPI for one rank, without a daemon: it starts five times as fast.
  launch.environment = {"OMPI_MCA_ess_singleton_isolated=1", "OMPI_MCA_btl=self", "OMPI_MCA_pml=ob1",
                        "TMPDIR=" + directory.string()};
  Job job(launch, directory / "log");
  const std::optional<int> code = job.wait(kLimit);
  return {code, job.output()};
}

// What is wrong with the outcome; empty where nothing is.
std::string complaint(const Situation& situation, const Outcome& outcome, const fs::path& directory) {
  if (!outcome.code) return "runs for too long";
  if (*outcome.code != static_cast<int>(ExitCode::bad_input)) return fmt::format("ends with {}", *outcome.code);
  for (const std::string& name : situation.named) {
    if (outcome.output.find(name) == std::string::npos) return fmt::format("'{}' is not named", name);
  }
  if (fs::exists(directory / "out") || fs::exists(directory / "out.checkpoint")) return "has begun to work";
  return "";
}

class Campaign {
 public:
  explicit Campaign(const Settings& settings)
      : settings_(settings), work_(fs::absolute(settings.work)), situations_(all_situations()) {
    fs::remove_all(work_);
    write_good_inputs(work_ / "good");
  }

  int run() {
    expect_good_inputs_to_pass();
    {
      std::vector<std::jthread> threads;
      for (Index i = 0; i < settings_.jobs; ++i) threads.emplace_back([this] { work(); });
    }
    fmt::print("{} situations: {} findings\n", tried_.load(), findings_.load());
    if (findings_ == 0) fs::remove_all(work_);
    return findings_ == 0 && tried_ > 0 ? 0 : 1;
  }

 private:
  // Else every refusal could have another cause.
  void expect_good_inputs_to_pass() const {
    for (const char* calibration : {"tokens.npy", "text.txt"}) {
      const Outcome outcome = calibrate(work_ / "good", calibration);
      if (outcome.code != 0) throw Error(fmt::format("the good inputs with {}: {}", calibration, outcome.output));
      fs::remove_all(work_ / "good/out");
      fs::remove_all(work_ / "good/out.checkpoint");
    }
  }

  void work() {
    for (std::size_t i = next_++; i < situations_.size(); i = next_++) {
      if (situations_[i].name.find(settings_.only) != std::string::npos) attempt(i);
    }
  }

  void attempt(std::size_t number) {
    const Situation& situation = situations_[number];
    const fs::path directory = work_ / std::to_string(number);
    {
      const std::lock_guard lock(making_);  // HDF5 is for one thread at a time
      fs::copy(work_ / "good", directory, fs::copy_options::recursive);
      situation.spoil(directory);
    }
    const Outcome outcome = calibrate(directory, situation.calibration);
    ++tried_;
    const std::string wrong = complaint(situation, outcome, directory);
    if (settings_.show) fmt::print("{}: {:.1000}", situation.name, outcome.output);
    if (wrong.empty()) {
      fs::remove_all(directory);
    } else {
      ++findings_;
      fmt::print("{} ({}): {}: {:.1000}\n", situation.name, directory.string(), wrong, outcome.output);
    }
  }

  Settings settings_;
  fs::path work_;
  Situations situations_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<int> tried_ = 0, findings_ = 0;
  std::mutex making_;
};

int run(int argc, char** argv) {
  Settings settings;
  OptionTable table("hostile_inputs", "runs lrc_calibrate on hostile and damaged inputs");
  table.group("Campaign")
      .path("only", settings.only, "part of the names of those to be tried; empty: all")
      .number("jobs", settings.jobs, 1, 64, "at a time")
      .flag("show", settings.show, "every message")
      .path("work", settings.work, "directory for runs; removed where nothing was found");
  if (table.parse(argc, argv, true) != OptionTable::Outcome::run) return 0;
  const rlimit memory{kMemory, kMemory};
  setrlimit(RLIMIT_AS, &memory);  // of each program that is started, too
  return Campaign(settings).run();
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  try {
    return lrc::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "hostile_inputs: {}\n", error.what());
    return 2;
  }
}
