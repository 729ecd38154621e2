// What lrc_calibrate does where a rank can't hold a model's matrices, or an expert has few tokens: as whole runs.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <functional>
#include <iterator>
#include <set>
#include <span>
#include <sstream>
#include <thread>

#include "campaign/runs.hpp"
#include "campaign/tiny_model.hpp"
#include "program.hpp"
#include "random_model.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

// 4 ranks and teams of 1, 2 and 4 of them, side by side in the queue, where the MLP is wide.
const std::string kTeams = "--threads 1 --solve-memory 160K";
const nlohmann::json kWide = {{"intermediate_size", 96}};

class LargeModels : public testing::Test {
 protected:
  fs::path model() const { return directory_ / "model"; }

  void make_model(const nlohmann::json& config, Index tokens = Index{256} * 48) {
    write_random_model(model(), config);
    write_tiny_tokens(model() / "tokens.npy", tokens);
  }

  std::string arguments(const std::string& output, const std::string& options) const {
    return fmt::format("--model {0} --calibration {0}/tokens.npy --sequences 256 --sequence-length 48 --output {1} {2}",
                       model().string(), (directory_ / output).string(), options);
  }

  std::string run(const std::string& output, const std::string& options, int ranks = 0) {
    const Outcome outcome = run_program("lrc_calibrate", arguments(output, options), ranks);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome.output;
  }

  nlohmann::json linears(const std::string& output) const {
    return json_file(directory_ / output / "lrc_report.json")["linears"];
  }

  double perplexity(const std::string& output) const {
    const Outcome outcome =
        run_program("lrc_evaluate", fmt::format("--model {} --tokens {} --sequence-length 48 --sequences 8 --json {}",
                                                (directory_ / output).string(), (model() / "tokens.npy").string(),
                                                (directory_ / "perplexity.json").string()));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return json_file(directory_ / "perplexity.json")["perplexity"];
  }

  void expect_same(const std::string& a, const std::string& b) const {
    EXPECT_TRUE(contents(directory_ / a) == contents(directory_ / b)) << a << ", " << b;
  }

  static void expect_same_grids(const nlohmann::json& some, const nlohmann::json& others) {
    ASSERT_EQ(some.size(), others.size());
    for (std::size_t i = 0; i < some.size(); ++i) EXPECT_EQ(some[i]["grid"], others[i]["grid"]) << some[i]["name"];
  }

  void kill_once_a_solve_is_committed(const std::string& output, const std::string& options, int ranks) const {
    std::istringstream words(arguments(output, options));
    Job job({.ranks = ranks, .arguments = {std::istream_iterator<std::string>(words), {}}, .environment = {}},
            directory_ / "log");
    for (int i = 0; i < 60'000 && committed_solves(directory_ / (output + ".checkpoint")).empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    job.kill_all();
    job.wait(std::chrono::seconds(30));
    ASSERT_FALSE(fs::exists(directory_ / output)) << "it was done before it could be killed";
  }

  // The floats of a tensor, to be changed in place.
  void change_tensor(const std::string& name, const std::function<void(std::span<float>)>& change) const {
    std::string bytes = file_bytes(model() / "model.safetensors");
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    const auto offsets = nlohmann::json::parse(bytes.substr(8, length))[name]["data_offsets"];
    const std::size_t begin = offsets[0], end = offsets[1];
    std::vector<float> values((end - begin) / sizeof(float));
    std::memcpy(values.data(), bytes.data() + 8 + length + begin, end - begin);
    change(values);
    std::memcpy(bytes.data() + 8 + length + begin, values.data(), end - begin);
    write_file(model() / "model.safetensors", bytes);
  }

  TemporaryDirectory directory_;
};

TEST_F(LargeModels, TeamsMakeTheSameBytesInJobsOfAnySizeAndAfterSigkill) {
  make_model(random_model_config("llama", kWide));
  run("4", kTeams, 4);
  run("5", kTeams, 5);
  expect_same("4", "5");
  std::set<nlohmann::json> grids;
  for (const auto& linear : linears("4")) grids.insert(linear["grid"]);
  EXPECT_GE(grids.size(), 3U) << nlohmann::json(grids).dump() << ": solves of teams and of single ranks are wanted";
  EXPECT_TRUE(grids.contains({1, 1})) << nlohmann::json(grids).dump();
  expect_same_grids(linears("4"), linears("5"));
  kill_once_a_solve_is_committed("killed", kTeams, 4);
  run("killed", kTeams, 5);
  EXPECT_EQ(json_file(directory_ / "killed" / "lrc_report.json")["resumes"], 1);
  expect_same("4", "killed");
}

TEST_F(LargeModels, ATeamOfMoreRanksThanThereAreIsRefused) {
  make_model(random_model_config("llama", kWide));
  const Outcome outcome = run_program("lrc_calibrate", arguments("out", kTeams), 2);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_NE(outcome.output.find("needs a team of 4 ranks, but the job has 2"), std::string::npos) << outcome.output;
}

TEST_F(LargeModels, LinearsOfManyInputsAreSolvedByTeamsWhereThatIsAskedFor) {
  make_model(random_model_config("llama"));
  Index most = 0;
  run("alone", "--threads 1 --method gptq", 2);
  for (const auto& linear : linears("alone")) {
    most = std::max(most, linear["shape"][1].get<Index>());
    EXPECT_EQ(linear["grid"], (nlohmann::json{1, 1}));
  }
  const std::string options = fmt::format("--threads 1 --method gptq --team-inputs {}", most);
  run("shared", options, 2);
  for (const auto& linear : linears("shared")) {
    const bool wide = linear["shape"][1] == most;
    EXPECT_EQ(linear["grid"], (wide ? nlohmann::json{2, 1} : nlohmann::json{1, 1})) << linear["name"];
  }
  const Outcome alone = run_program("lrc_calibrate", arguments("refused", options), 1);
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_NE(alone.output.find("--team-inputs: with "), std::string::npos) << alone.output;
  EXPECT_NE(alone.output.find("needs a team of 2 ranks, but the job has 1"), std::string::npos) << alone.output;
}

// What is in the default form and beyond it, with experts that see few tokens: every team's solve has the loss of one
// rank's, and the models are as good.
TEST_F(LargeModels, TeamsSolveWhatOneRankSolves) {
  make_model(random_model_config("mixtral"));
  int runs = 0;
  for (const std::string form : {"", "--moments exact --factor-bits 16 --residual-activations off --deflated on",
                                 "--propagate quantized", "--paper --iterations 3"}) {
    SCOPED_TRACE(form);
    const std::string one = fmt::format("one{}", runs), several = fmt::format("several{}", runs++);
    run(one, "--threads 1 " + form, 2);
    run(several, "--threads 1 --team-inputs 1 " + form, 4);
    const nlohmann::json alone = linears(one), team = linears(several);
    ASSERT_EQ(alone.size(), team.size());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(team[i]["grid"], (nlohmann::json{2, 1}));
      const double loss = alone[i]["relative_loss"];
      EXPECT_NEAR(team[i]["relative_loss"], loss, 1e-3 * loss) << alone[i]["name"];
      for (const std::string fact : {"rank", "by_rounding", "damping", "tokens", "borrowed_tokens"})
        EXPECT_EQ(team[i][fact], alone[i][fact]) << alone[i]["name"] << " " << fact;
    }
    EXPECT_NEAR(perplexity(several), perplexity(one), 1e-3 * perplexity(one));
  }
}

// down_proj has two panels of moments, which --memory does not hold at once.
TEST_F(LargeModels, MomentsSummedByPanelsMakeTheSameBytes) {
  make_model(
      random_model_config("llama", {{"hidden_size", 64}, {"intermediate_size", 2560}, {"num_hidden_layers", 1}}));
  const std::string options = "--threads 1 --method gptq --solve-memory 54M --sequences 8";
  const auto arguments_of = [&](const std::string& output, const std::string& more) {
    return fmt::format("--model {0} --calibration {0}/tokens.npy --sequence-length 48 --output {1} {2} {3}",
                       model().string(), (directory_ / output).string(), options, more);
  };
  const Outcome plenty = run_program("lrc_calibrate", arguments_of("plenty", "--memory 4G"), 4),
                panels = run_program("lrc_calibrate", arguments_of("panels", "--memory 255M"), 4);
  ASSERT_EQ(plenty.exit_code, 0) << plenty.output;
  ASSERT_EQ(panels.exit_code, 0) << panels.output;
  EXPECT_EQ(plenty.output.find("summed panel by panel"), std::string::npos) << plenty.output;
  EXPECT_NE(panels.output.find("summed panel by panel"), std::string::npos) << panels.output;
  expect_same("plenty", "panels");
}

class FewTokens : public LargeModels, public testing::WithParamInterface<std::string> {
 protected:
  // Linears of experts by what they borrow.
  void expect_borrowed(const std::string& output, Index enough) const {
    for (const auto& linear : linears(output)) {
      if (linear["name"].get<std::string>().find("experts") == std::string::npos) continue;
      const Index inputs = linear["shape"][1], seen = linear["tokens"];
      EXPECT_EQ(linear["borrowed_tokens"], std::max<Index>(0, (enough > 0 ? enough : 2 * inputs) - seen)) << linear;
    }
  }
};

// Two pairs of opposite rows: one of each is above zero, which the last expert always has.
TEST_P(FewTokens, AnExpertThatSeesNoneBorrowsAll) {
  make_model(random_model_config("mixtral"));
  for (const int block : {0, 1}) {
    change_tensor(fmt::format("model.layers.{}.block_sparse_moe.gate.weight", block), [](std::span<float> gate) {
      const std::size_t width = gate.size() / 5;
      for (std::size_t i = 0; i < width; ++i) {
        gate[width + i] = -gate[i];
        gate[3 * width + i] = -gate[2 * width + i];
        gate[4 * width + i] = 0;
      }
    });
  }
  const std::string output = run("1", "--threads 1 " + GetParam());
  run("3", "--threads 2 " + GetParam(), 3);
  expect_same("1", "3");
  expect_borrowed("1", 0);
  Index none = 0;
  for (const auto& linear : linears("1")) none += linear["tokens"] == 0 ? 1 : 0;
  EXPECT_EQ(none, 6) << "w1, w2 and w3 of an expert of each block";
  EXPECT_NE(output.find("experts.4.down sees 0 of 12288 tokens, fewer than 96"), std::string::npos) << output;
}

TEST_P(FewTokens, AsManyAsIsAskedFor) {
  make_model(random_model_config("mixtral"));
  run("many", "--threads 1 --min-expert-tokens 6000 " + GetParam());
  expect_borrowed("many", 6000);
  run("many3", "--threads 1 --min-expert-tokens 6000 " + GetParam(), 3);
  expect_same("many", "many3");
  run("one", "--threads 1 --min-expert-tokens 1 " + GetParam());
  expect_borrowed("one", 1);
  EXPECT_FALSE(contents(directory_ / "one") == contents(directory_ / "many"));
}

INSTANTIATE_TEST_SUITE_P(Methods, FewTokens,
                         testing::Values("--rank-fraction 0.4", "--paper --rank-fraction 0.4",
                                         "--method gptq --propagate quantized"));

}  // namespace
}  // namespace lrc
