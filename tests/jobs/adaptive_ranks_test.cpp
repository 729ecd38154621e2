// Ranks that follow from the spectra of all stacks.
#include <csignal>
#include <set>
#include <sstream>
#include <thread>

#include "campaign/runs.hpp"
#include "lrc/io/safetensors.hpp"
#include "program.hpp"

namespace lrc {
namespace {

const std::string kBest =
    "--stack-groups on --residual-activations on --factor-bits 8 --center-activations on --activation-clip auto "
    "--moments diagonal ";
// The paper's form, but for what adaptive ranks are.
const std::string kPlain =
    "--stack-groups off --factor-bits 16 --center-activations off --activation-clip 0.9 --moments exact ";
const std::string kAdaptive = "--threads 1 --rank-allocation adaptive ";

void calibrate(const std::filesystem::path& output, const std::string& options, int ranks = 0) {
  const Outcome outcome = run_program("lrc_calibrate", small_run(output, options), ranks);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
}

nlohmann::json report_of(const std::filesystem::path& output) { return json_file(output / "lrc_report.json"); }

TEST(AdaptiveRanks, AreTheSameOnAnyNumberOfRanks) {
  const TemporaryDirectory directory;
  for (const std::string& options : {kPlain + kAdaptive, kAdaptive + kBest}) {
    const std::string form = options == kPlain + kAdaptive ? "paper" : "best";
    calibrate(directory / (form + "1"), options);
    calibrate(directory / (form + "3"), options, 3);
    EXPECT_EQ(contents(directory / (form + "1")), contents(directory / (form + "3"))) << form;
  }
}

TEST(AdaptiveRanks, SpendTheBitsOfTheUniformOnes) {
  const TemporaryDirectory directory;
  calibrate(directory / "uniform", "--threads 2 --paper");
  calibrate(directory / "adaptive", kPlain + kAdaptive);
  const nlohmann::json uniform = report_of(directory / "uniform"), adaptive = report_of(directory / "adaptive");
  EXPECT_LE(adaptive["bits_per_weight"], uniform["bits_per_weight"]);
  EXPECT_GT(adaptive["bits_per_weight"].get<double>(), 0.998 * uniform["bits_per_weight"].get<double>());
  const TensorDirectory adapter(directory / "adaptive" / "adapter", "adapter_model.safetensors");
  std::map<Index, std::set<Index>> ranks;  // by the uniform rank
  for (std::size_t i = 0; i < adaptive["linears"].size(); ++i) {
    const nlohmann::json& linear = adaptive["linears"][i];
    const Index rank = linear["rank"], least = uniform["linears"][i]["rank"];
    ranks[least].insert(rank);
    EXPECT_LE(rank, 4 * least) << linear["name"];
    const std::string name = "base_model.model." + linear["name"].get<std::string>() + ".lora_A.weight";
    if (rank > 0) {
      EXPECT_EQ(adapter.at(name).shape[0], rank) << name;
    }
  }
  for (const auto& [least, own] : ranks) EXPECT_GT(own.size(), 1U) << "all stacks got " << least;
}

TEST(AdaptiveRanks, AreTheSameAfterAKillAmongTheSpectra) {
  const TemporaryDirectory directory;
  calibrate(directory / "undisturbed", kAdaptive + kBest);
  std::istringstream words(small_run(directory / "killed", kAdaptive + kBest));
  Job job({.ranks = 0,
           .arguments = {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()},
           .environment = {}},
          directory / "log");
  const std::filesystem::path spectra = directory / "killed.checkpoint" / "spectra";
  for (int i = 0; i < 6000 && (!std::filesystem::exists(spectra) || std::filesystem::is_empty(spectra)); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  kill(job.leader(), SIGKILL);
  job.wait(std::chrono::seconds(30));
  ASSERT_FALSE(std::filesystem::exists(directory / "killed"));
  calibrate(directory / "killed", kAdaptive + kBest, 2);
  EXPECT_EQ(contents(directory / "undisturbed"), contents(directory / "killed"));
}

// Fewer tokens than channels, and no damping: the spectra's factorizations fail until it is raised.
TEST(AdaptiveRanks, RaiseTheDampingWhereAFactorizationFails) {
  const TemporaryDirectory directory;
  const std::string demo = demo_directory();
  const Outcome outcome = run_program(
      "lrc_calibrate", "--model " + demo + " --calibration " + demo +
                           "/calibration.npy --sequences 1 --sequence-length 32 --damping 0 --output " +
                           (directory / "out").string() + " --residual-activations off " + kPlain + kAdaptive);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("with a damping of 0: raised to"), std::string::npos) << outcome.output;
}

TEST(AdaptiveRanks, NeedAMethodThatHasRanks) {
  const Outcome outcome =
      run_program("lrc_calibrate", small_run("/nowhere/out", "--rank-allocation adaptive --method gptq"));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.output.find("--rank-allocation: adaptive does not go with --method gptq"), std::string::npos)
      << outcome.output;
}

}  // namespace
}  // namespace lrc
