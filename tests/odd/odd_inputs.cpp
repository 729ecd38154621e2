// Runs lrc_evaluate and lrc_calibrate on odd but good inputs: each must be read for what it is.
//
//   odd_inputs [--only TEXT] [--jobs N] [--show] [--work DIRECTORY]
#include <fmt/core.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "lrc/core/error.hpp"
#include "lrc/core/options.hpp"
#include "odd_input.hpp"
#include "runs.hpp"
#include "situation.hpp"
#include "temporary_directory.hpp"
#include "tiny_model.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kLimit{60};
constexpr double kTolerance = 2e-6;  // of a perplexity, relative: fp32 sums in another order

struct Settings {
  std::string only;
  Index jobs = 2;
  bool show = false;
  std::string work = "odd-inputs";
};

OddInputs all_odd_inputs() {
  OddInputs all;
  for (const auto& some : {odd_model_files, odd_configs, odd_token_files, odd_texts, odd_command_lines, odd_places,
                           odd_statistics, odd_scales}) {
    for (OddInput& one : some()) all.push_back(std::move(one));
  }
  return all;
}

// `text` with the path of the directory in place of its name.
std::string in_place(std::string text, const fs::path& directory) {
  const std::string name = "DIRECTORY";
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at))
    text.replace(at, name.size(), directory.string());
  return text;
}

struct Outcome {
  std::optional<int> code;
  std::string output;
};

Outcome run_program(const std::string& program, std::vector<std::string> arguments, const fs::path& directory,
                    const std::vector<std::string>& environment) {
  Launch launch{.program = program, .arguments = std::move(arguments), .environment = {}, .directory = directory};
  for (std::string& argument : launch.arguments) argument = in_place(argument, directory);
  for (const std::string& setting : environment) launch.environment.push_back(in_place(setting, directory));
  // MPI for one rank, without a daemon: it starts five times as fast.
  for (const char* one : {"OMPI_MCA_ess_singleton_isolated=1", "OMPI_MCA_btl=self", "OMPI_MCA_pml=ob1"})
    launch.environment.emplace_back(one);
  launch.environment.push_back("TMPDIR=" + directory.string());
  Job job(launch, directory / (program + ".log"));
  const std::optional<int> code = job.wait(kLimit);
  return {code, job.output()};
}

class Campaign {
 public:
  explicit Campaign(const Settings& settings)
      : settings_(settings), work_(fs::absolute(settings.work)), inputs_(all_odd_inputs()) {
    fs::remove_all(work_);
    write_good_inputs(work_ / "good");
    fs::remove(work_ / "good/model/model.safetensors");
    write_tiny_model(work_ / "good/model", 2);
    good_tokens_ = perplexity_of({.name = "good", .make = {}}, work_ / "good", "model");
    good_text_ =
        perplexity_of({.name = "good", .make = {}, .data = "text.txt", .is_text = true}, work_ / "good", "model");
  }

  int run() {
    {
      std::vector<std::jthread> threads;
      for (Index i = 0; i < settings_.jobs; ++i) threads.emplace_back([this] { work(); });
    }
    fmt::print("{} odd inputs: {} findings\n", tried_.load(), findings_.load());
    if (findings_ == 0) fs::remove_all(work_);
    return findings_ == 0 && tried_ > 0 ? 0 : 1;
  }

 private:
  void work() {
    for (std::size_t i = next_++; i < inputs_.size(); i = next_++) {
      if (inputs_[i].name.find(settings_.only) != std::string::npos)
        attempt(inputs_[i], work_ / (std::to_string(i) + inputs_[i].directory_ending));
    }
  }

  // Throws Error where the program fails.
  double perplexity_of(const OddInput& input, const fs::path& directory, const std::string& model) const {
    const fs::path json = directory / "result.json";
    const Outcome outcome =
        run_program("lrc_evaluate",
                    {"--model", directory / model, input.is_text ? "--text" : "--tokens", directory / input.data,
                     "--sequences", "8", "--sequence-length", "16", "--threads", "1", "--json", json},
                    directory, input.environment);
    if (settings_.show) fmt::print("{}: {:.1000}", input.name, outcome.output);
    if (outcome.code != 0) throw Error("lrc_evaluate of " + model + ": " + outcome.output);
    return nlohmann::json::parse(file_bytes(json)).at("perplexity").get<double>();
  }

  void evaluate_original(const OddInput& input, const fs::path& directory) const {
    const double good = input.is_text ? good_text_ : good_tokens_;
    const double expected = input.perplexity > 0 ? input.perplexity : good;
    const double found = perplexity_of(input, directory, "model");
    if (std::abs(found / expected - 1) > kTolerance)
      throw Error(fmt::format("has a perplexity of {:.7g}, not {:.7g}", found, expected));
  }

  void calibrate(const OddInput& input, const fs::path& directory) const {
    std::vector<std::string> arguments = {
        "--model",           directory / "model",
        "--calibration",     directory / (input.calibration.empty() ? input.data : input.calibration),
        "--output",          input.output,
        "--sequences",       "8",
        "--sequence-length", "16",
        "--threads",         "1"};
    arguments.insert(arguments.end(), input.options.begin(), input.options.end());
    const Outcome outcome = run_program("lrc_calibrate", arguments, directory, input.environment);
    if (settings_.show) fmt::print("{}: {:.2000}", input.name, outcome.output);
    if (outcome.code != 0) throw Error("lrc_calibrate: " + outcome.output);
    for (const std::string& text : input.said) {
      if (outcome.output.find(text) == std::string::npos)
        throw Error(fmt::format("'{}' is not said: {}", text, outcome.output));
    }
    for (const char* file : {"config.json", "lrc_report.json"}) {
      if (!nlohmann::json::accept(file_bytes(directory / in_place(input.output, directory) / file)))
        throw Error(std::string(file) + " is no JSON");
    }
  }

  void evaluate_quantized(const OddInput& input, const fs::path& directory) const {
    const double original = perplexity_of(input, directory, "model"),
                 found = perplexity_of(input, directory, in_place(input.output, directory));
    if (!(std::abs(found / original - 1) < input.quantized_losses))
      throw Error(fmt::format("has a perplexity of {:.6g} when quantized, {:.6g} before", found, original));
  }

  void attempt(const OddInput& input, const fs::path& directory) {
    ++tried_;
    try {
      {
        const std::lock_guard lock(making_);  // HDF5 is for one thread at a time
        fs::copy(work_ / "good", directory, fs::copy_options::recursive);
        input.make(directory);
      }
      evaluate_original(input, directory);
      calibrate(input, directory);
      evaluate_quantized(input, directory);
      if (input.end) input.end(directory);
      fs::remove_all(directory);
    } catch (const std::exception& error) {
      ++findings_;
      if (input.end) input.end(directory);
      fmt::print("{} ({}): {:.2000}\n", input.name, directory.string(), error.what());
    }
  }

  Settings settings_;
  fs::path work_;
  OddInputs inputs_;
  double good_tokens_ = 0, good_text_ = 0;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<int> tried_ = 0, findings_ = 0;
  std::mutex making_;
};

int run(int argc, char** argv) {
  Settings settings;
  OptionTable table("odd_inputs", "runs lrc_evaluate and lrc_calibrate on odd but good inputs");
  table.group("Campaign")
      .path("only", settings.only, "part of the names of those to be tried; empty: all")
      .number("jobs", settings.jobs, 1, 64, "at a time")
      .flag("show", settings.show, "every output")
      .path("work", settings.work, "directory for runs; removed where nothing was found");
  if (table.parse(argc, argv, true) != OptionTable::Outcome::run) return 0;
  return Campaign(settings).run();
}

}  // namespace
}  // namespace lrc

int main(int argc, char** argv) {
  try {
    return lrc::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "odd_inputs: {}\n", error.what());
    return 2;
  }
}
