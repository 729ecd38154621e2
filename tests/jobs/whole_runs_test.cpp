// What lrc_calibrate does beyond the paper, as whole runs: the same bytes however it is run, and as many as it says.
#include <csignal>
#include <iterator>
#include <sstream>
#include <thread>

#include "campaign/runs.hpp"
#include "campaign/tiny_model.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "program.hpp"
#include "random_model.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

const std::string kBest =
    "--stack-groups on --residual-activations on --factor-bits 8 --center-activations on --activation-clip fitted "
    "--activation-scale signed --rotate-heads on";

Index records_in(const fs::path& directory) {
  if (!fs::exists(directory)) return 0;
  return std::count_if(fs::directory_iterator(directory), fs::directory_iterator(),
                       [](const fs::path& file) { return file.extension() == ".h5"; });
}

class WholeRuns : public testing::Test {
 protected:
  // Three units of work, for three ranks.
  std::string arguments(const std::string& family, const fs::path& output, const std::string& options) {
    const fs::path model = directory_ / family;
    if (!fs::exists(model)) {
      write_random_model(model, random_model_config(family));
      write_tiny_tokens(model / "tokens.npy", Index{256} * 48);
    }
    return fmt::format("--model {0} --calibration {0}/tokens.npy --sequences 256 --sequence-length 48 --output {1} {2}",
                       model.string(), output.string(), options);
  }

  void run(const std::string& family, const fs::path& output, const std::string& options, int ranks = 0) {
    const Outcome outcome = run_program("lrc_calibrate", arguments(family, output, options), ranks);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }

  // One rank with one thread, and each of `ranks` with two.
  void expect_same_bytes(const std::vector<int>& ranks, const std::string& family, const std::string& options) {
    SCOPED_TRACE(family + " " + options);
    const TemporaryDirectory work;
    const fs::path one = work / "1";
    run(family, one, options + " --threads 1");
    expect_bits(one);
    for (const int count : ranks) {
      const fs::path other = work / std::to_string(count);
      run(family, other, options + " --threads 2", count);
      EXPECT_TRUE(contents(one) == contents(other)) << count << " ranks";
    }
  }

  // All bits of the files that stand for the linears, over the number of their weights.
  static void expect_bits(const fs::path& output) {
    double bits = 0, weights = 0;
    const auto add_all = [&](const TensorDirectory& file) {
      for (const TensorInfo& info : file.tensors()) bits += 8 * static_cast<double>(bytes_of(info));
    };
    const StoredModel model(output);
    for (const TensorInfo& info : model.tensors().tensors()) {
      if (info.name.ends_with(".weight_scale") || info.name.ends_with(".weight_packed") ||
          info.name.ends_with(".weight_zero_point") || info.name.ends_with(".input_scale") || info.dtype == Dtype::i8)
        bits += 8 * static_cast<double>(bytes_of(info));
    }
    const nlohmann::json report = json_file(output / "lrc_report.json");
    for (const auto& linear : report["linears"]) {
      weights += linear["shape"][0].get<double>() * linear["shape"][1].get<double>();
    }
    if (fs::exists(output / "adapter")) add_all(TensorDirectory(output / "adapter", "adapter_model.safetensors"));
    if (fs::exists(output / "low_rank.safetensors")) add_all(TensorDirectory(output, "low_rank.safetensors"));
    EXPECT_NEAR(report["bits_per_weight"].get<double>(), bits / weights, 1e-9);
  }

  void expect_bits_with(const std::string& options) {
    SCOPED_TRACE(options);
    const fs::path output = directory_ / "bits";
    fs::remove_all(output);
    fs::remove_all(output.string() + ".checkpoint");
    run("llama", output, options);
    expect_bits(output);
  }

  void quantize_offline(const std::string& family, const std::string& options) {
    fs::remove_all(directory_ / "offline");
    fs::remove_all(directory_ / "offline.checkpoint");
    run(family, directory_ / "offline", "--method gptq --rotation offline " + options);
  }

  // A run that is killed once a solve is committed, and one on another number of ranks that goes on.
  // Killed as soon as the checkpoint has so many records of this kind.
  void expect_resume(const std::string& options, const std::string& part = "solves", Index count = 1);

  void expect_refused(const std::string& options, const std::string& named, const std::string& family = "llama") {
    const std::string alone = "OMPI_MCA_ess_singleton_isolated=1 ";  // no daemon of MPI's: starts at once
    const Outcome outcome =
        run_command(alone + LRC_BIN_DIR + "/lrc_calibrate " + arguments(family, directory_ / "refused", options));
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_NE(outcome.output.find(named), std::string::npos) << "'" << named << "' is not in: " << outcome.output;
  }

  double perplexity(const fs::path& model) {
    const Outcome outcome =
        run_program("lrc_evaluate",
                    fmt::format("--model {} --tokens {}/llama/tokens.npy --sequence-length 48 --sequences 4 --json {}",
                                model.string(), directory_.path().string(), (directory_ / "result").string()));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return json_file(directory_ / "result").value("perplexity", 0.0);
  }

  nlohmann::json format(const std::string& output) {
    return json_file(directory_ / output / "config.json")["quantization_config"];
  }

  TemporaryDirectory directory_;
};

TEST_F(WholeRuns, TheSameBytesOnAnyNumberOfRanksAndThreads) {
  expect_same_bytes({2, 3}, "mixtral", "--rank-fraction 0.4 --moments diagonal " + kBest);
  // 10 divides neither 32 nor 48 inputs: the last group of a row, and of a token, is shorter.
  expect_same_bytes({3}, "llama",
                    "--rank-fraction 0.4 --moments exact --weight-group-size 10 --activation-group-size 10 " + kBest);
  expect_same_bytes({3}, "qwen2", "--method gptq --center-activations on --activation-clip fitted");
  expect_same_bytes(
      {2}, "llama",
      "--rank-fraction 0.4 --center-activations on --factor-bits 8 --residual-activations off --deflated on");
  expect_same_bytes({2}, "llama", "--rank-fraction 0.4 --moments exact");
  expect_same_bytes({3}, "mixtral", "--method rtn --scheme w8a8");
  expect_same_bytes({2}, "llama", "--rank-fraction 0.4 --scheme w8a8");
}

TEST_F(WholeRuns, TheSameBytesWhereChannelsAreSmoothed) {
  expect_same_bytes({3}, "mixtral", "--method rtn --smooth 0.8");
}

TEST_F(WholeRuns, TheSameBytesWhereStatisticsSeeTheQuantizedModel) {
  expect_same_bytes({2, 3}, "mixtral", "--rank-fraction 0.4 --moments diagonal --propagate quantized " + kBest);
  expect_same_bytes({3}, "qwen2", "--rank-fraction 0.4 --propagate quantized --target-blend 0.5");
  expect_same_bytes(
      {3}, "llama",
      "--method gptq --propagate quantized --target-blend 0 --weight-zero-points on --weight-group-size 10");
}

TEST_F(WholeRuns, TheSameBytesWhereBlocksLearn) {
  expect_same_bytes({2, 3}, "mixtral", "--method lrq --lrq-rank 0.25 --learn-steps 5 --learn-rate 0.01");
  expect_same_bytes({2}, "qwen2", "--method flexround --learn-steps 4 --learn-batch 3 --weight-bits 3");
}

void WholeRuns::expect_resume(const std::string& options, const std::string& part, Index count) {
  const fs::path whole = directory_ / "whole", output = directory_ / "out";
  run("mixtral", whole, options);
  std::istringstream words(arguments("mixtral", output, options));
  const Launch launch{.ranks = 0, .arguments = {std::istream_iterator<std::string>(words), {}}, .environment = {}};
  Job job(launch, directory_ / "log");
  const fs::path records = directory_ / "out.checkpoint" / part;
  for (int i = 0; i < 30'000 && records_in(records) < count; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  kill(job.leader(), SIGKILL);
  job.wait(std::chrono::seconds(30));
  ASSERT_FALSE(fs::exists(output)) << "it was done before it could be killed";
  const Outcome resumed = run_program("lrc_calibrate", arguments("mixtral", output, options), 3);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(resumed.output.find("learning goes on at step") != std::string::npos, part == "learning");
  EXPECT_EQ(json_file(output / "lrc_report.json")["resumes"], 1);
  EXPECT_TRUE(contents(whole) == contents(output));
}

TEST_F(WholeRuns, GoesOnAfterSigkillOnAnotherNumberOfRanks) {
  expect_resume("--threads 1 --rank-fraction 0.4 " + kBest);
}

TEST_F(WholeRuns, GoesOnAfterSigkillWhereStatisticsSeeTheQuantizedModel) {
  expect_resume("--threads 1 --rank-fraction 0.4 --propagate quantized " + kBest);
}

TEST_F(WholeRuns, GoesOnAfterSigkillWithinABlockThatLearns) {
  constexpr Index kLinears = 4 + 5 * 3;  // of a block of mixtral, each with a state of its own
  expect_resume("--threads 1 --method lrq --lrq-rank 0.25 --learn-steps 100 --learn-rate 0.01", "learning", kLinears);
}

TEST_F(WholeRuns, GoesOnAfterSigkillWithTheScalesOfItsChannels) {
  expect_resume("--threads 1 --rank-fraction 0.4 --smooth 0.8");
  const nlohmann::json phases = json_file(directory_ / "out" / "lrc_report.json")["phases"];
  EXPECT_TRUE(std::ranges::none_of(phases, [](const auto& phase) { return phase["name"] == "smooth"; })) << phases;
}

TEST_F(WholeRuns, TheBlendOfTheTargetMattersToTheWeights) {
  const std::string options = "--rank-fraction 0.4 --propagate quantized --target-blend ";
  run("llama", directory_ / "own", options + "0");
  run("llama", directory_ / "original", options + "1");
  EXPECT_FALSE(contents(directory_ / "own") == contents(directory_ / "original"));
}

TEST_F(WholeRuns, LrcTakesTheBestUnlessToldOtherwise) {
  run("llama", directory_ / "default", "--rank-fraction 0.4");
  run("llama", directory_ / "options", "--rank-fraction 0.4 --moments diagonal --activation-group-size 32 " + kBest);
  EXPECT_TRUE(contents(directory_ / "default") == contents(directory_ / "options"));
  run("llama", directory_ / "told", "--rank-fraction 0.4 --stack-groups off --moments exact --activation-clip 0.9");
  const nlohmann::json told = json_file(directory_ / "told" / "lrc_report.json")["options"];
  EXPECT_EQ(told["residual-activations"], "off");
  EXPECT_EQ(told["moments"], "exact");
  EXPECT_EQ(told["activation-clip"], "0.9");
  EXPECT_EQ(told["factor-bits"], "8");
  run("llama", directory_ / "gptq", "--method gptq");
  EXPECT_EQ(json_file(directory_ / "gptq" / "lrc_report.json")["options"]["center-activations"], "off");
}

TEST_F(WholeRuns, ThePaperIsWhatItsOptionsAre) {
  run("llama", directory_ / "paper", "--paper --rank-fraction 0.4");
  run("llama", directory_ / "options",
      "--rank-fraction 0.4 --method lrc --moments exact --propagate original --activation-clip 0.9 --factor-bits 16 "
      "--center-activations off --stack-groups off --residual-activations off --deflated off "
      "--activation-scale absmax --activation-group-size 0 --rotate-heads off");
  EXPECT_TRUE(contents(directory_ / "paper") == contents(directory_ / "options"));
  const nlohmann::json options = json_file(directory_ / "paper" / "lrc_report.json")["options"];
  EXPECT_EQ(options["paper"], "on");
  EXPECT_FALSE(format("paper")["lrc"]["native"]);
  expect_bits(directory_ / "paper");
}

// 32 and 48 inputs: words of 10, 6, 5 and 4 codes have room left, and rows of them a last word that is not full.
TEST_F(WholeRuns, BitsAreCountedAsTheyAreStored) {
  for (const int bits : {2, 3, 5, 6, 7}) expect_bits_with(fmt::format("--method rtn --weight-bits {}", bits));
  expect_bits_with("--method rtn --weight-bits 3 --weight-zero-points on --weight-range minmax");
  expect_bits_with("--paper --rank-fraction 0.4 --weight-bits 3 --weight-group-size 10");
}

TEST_F(WholeRuns, MoreDirectionsThanOutputsAreNoHarm) {
  for (const char* fraction : {"0.3", "1"}) expect_bits_with(fmt::format("--rank-fraction {}", fraction));
}

TEST_F(WholeRuns, StockLoadersFindAllThatTheyNeed) {
  run("llama", directory_ / "out", "--export-for stock --rank-fraction 0.4 --activation-group-size 16");
  EXPECT_EQ(json_file(directory_ / "out" / "lrc_report.json")["options"]["deflated"], "on");
  EXPECT_EQ(format("out")["quant_method"], "compressed-tensors");
  EXPECT_FLOAT_EQ(format("out")["lrc"]["activation_clip"].get<float>(), 14.0F / 15);
  EXPECT_FALSE(format("out")["lrc"]["online_rotation"]);
  EXPECT_FALSE(fs::exists(directory_ / "out" / "low_rank.safetensors"));
  EXPECT_FALSE(fs::exists(directory_ / "out" / "model.safetensors"));
  EXPECT_EQ(file_bytes(directory_ / "out" / "base" / "config.json"), file_bytes(directory_ / "out" / "config.json"));
  const TensorDirectory adapter(directory_ / "out" / "adapter", "adapter_model.safetensors");
  for (const TensorInfo& info : adapter.tensors()) EXPECT_EQ(info.dtype, Dtype::bf16) << info.name;
  expect_bits(directory_ / "out");
}

TEST_F(WholeRuns, StockLoadersThatQuantizeActivationsFindZeroPointsInBytes) {
  run("llama", directory_ / "out", "--export-for stock --method rtn --weight-zero-points on");
  EXPECT_EQ(format("out")["quant_method"], "compressed-tensors");
  EXPECT_EQ(format("out")["format"], "int-quantized");
  EXPECT_FALSE(format("out")["config_groups"]["group_0"]["weights"]["symmetric"]);
  EXPECT_TRUE(fs::exists(directory_ / "out" / "model.safetensors"));
  expect_bits(directory_ / "out");
  run("llama", directory_ / "native",
      "--method rtn --rotation offline --activation-clip 14/15 --weight-zero-points on");
  EXPECT_EQ(format("native")["format"], "pack-quantized");
  EXPECT_EQ(perplexity(directory_ / "native"), perplexity(directory_ / "out"));
}

// transformers warns of an unknown quant_method, and takes a model.safetensors all the same.
TEST_F(WholeRuns, StockLoadersAreKeptFromWhatTheyWouldRunOtherwise) {
  for (const auto& [family, options] : {std::pair{"llama", "--activation-clip 0.9"},
                                        {"llama", "--activation-bits 8"},
                                        {"llama", "--activation-bits 8 --activation-scale minmax"},
                                        {"llama", "--activation-bits 8 --activation-scale static --kv-bits 8"},
                                        {"llama", "--activation-clip 14/15 --activation-group-size 20"},
                                        {"llama", "--activation-bits 16 --weight-bits 3"},
                                        {"llama", "--activation-bits 16 --weight-group-size 20"},
                                        {"llama", "--activation-clip 14/15 --weight-zero-points on"},
                                        {"mixtral", "--activation-bits 16"}}) {
    quantize_offline(family, options);
    EXPECT_EQ(format("offline")["quant_method"], "lrc") << family << " " << options;
    EXPECT_TRUE(fs::exists(directory_ / "offline" / "quantized.safetensors")) << family << " " << options;
    EXPECT_FALSE(fs::exists(directory_ / "offline" / "model.safetensors")) << family << " " << options;
  }
  for (const std::string options : {"--activation-clip 14/15", "--activation-bits 16 --weight-zero-points on",
                                    "--activation-bits 8 --activation-scale static",
                                    "--activation-bits 8 --activation-clip 254/255 --weight-group-size 16"}) {
    quantize_offline("llama", options);
    EXPECT_EQ(format("offline")["quant_method"], "compressed-tensors") << options;
    EXPECT_TRUE(fs::exists(directory_ / "offline" / "model.safetensors")) << options;
  }
}

// compressed-tensors takes 0 into every range.
TEST_F(WholeRuns, StockLoadersRunAsymmetricActivations) {
  const std::string options = "--method rtn --export-for stock --activation-bits 8 --activation-scale ";
  for (const std::string scale : {"minmax", "static"}) {
    const bool fixed = scale == "static";
    run("llama", directory_ / scale, options + scale);
    EXPECT_EQ(format(scale)["quant_method"], "compressed-tensors");
    const nlohmann::json inputs = format(scale)["config_groups"]["group_0"]["input_activations"];
    EXPECT_EQ(inputs["symmetric"], false);
    EXPECT_EQ(inputs["dynamic"], !fixed);
    EXPECT_EQ(inputs["strategy"], fixed ? "tensor" : "token");
    const StoredModel model(directory_ / scale);
    EXPECT_EQ(model.quantized()->activations.includes_zero, !fixed);
    EXPECT_EQ(model.find("model.layers.1.mlp.down_proj.input_zero_point") != nullptr, fixed);
  }
}

TEST_F(WholeRuns, NoRankIsNoAdapter) {
  run("llama", directory_ / "out", "--export-for stock --rank-fraction 0 --activation-group-size 16");
  EXPECT_FALSE(fs::exists(directory_ / "out" / "adapter"));
  EXPECT_TRUE(fs::exists(directory_ / "out" / "model.safetensors"));
}

TEST_F(WholeRuns, WeightsAreFoundWhereTheyWereBefore) {
  for (const std::string options : {"--paper --rank-fraction 0.4", "--export-for stock --activation-group-size 16"}) {
    const fs::path output = directory_ / "out";
    run("llama", output, options);
    const double now = perplexity(output);
    fs::rename(StoredModel(output).tensors().tensors().front().file, output / "model.safetensors");
    EXPECT_EQ(perplexity(output), now) << options;
    fs::remove_all(output);
    fs::remove_all(output.string() + ".checkpoint");
  }
}

TEST_F(WholeRuns, OptionsThatContradictAreRefusedByName) {  // tests/options has all of them
  expect_refused("--paper --factor-bits 8", "--factor-bits: 8 does not go with --paper; it must be 16");
  expect_refused("--deflated on", "--deflated: on needs --residual-activations off");
  expect_refused("--export-for stock", "--activation-group-size: 32 does not divide the 48 inputs of");
}

// Nothing is in the way of a config that serves all methods, and nothing of lrc's defaults where they have no effect.
TEST_F(WholeRuns, OptionsAtTheirDefaultsMayBeThere) {
  const std::string config = "--config " LRC_SOURCE_DIR "/jobs/accuracy/paper.ini ";
  for (const std::string method : {"gptq", "rtn", "svd"}) {
    run("llama", directory_ / method, config + "--method " + method);
    EXPECT_FALSE(format(method)["lrc"]["native"]) << method;
  }
  run("llama", directory_ / "weights", "--rank-fraction 0.4 --activation-bits 16");
  EXPECT_EQ(json_file(directory_ / "weights" / "lrc_report.json")["options"]["activation-clip"], "0.9");
  run("llama", directory_ / "none", "--rank-fraction 0 --center-activations off --activation-clip 0.9");
  EXPECT_FALSE(format("none")["lrc"]["native"]);
}

TEST_F(WholeRuns, HelpSaysWhatTheDefaultsOfLrcAre) {
  const std::string help = run_program("lrc_calibrate", "--help").output;
  for (const char* part :
       {"(default 8 with --method lrc; 16 with --export-for stock, other methods or --paper)",
        "(default fitted with --method lrc; 14/15 with --export-for stock; 0.9 with other methods or --paper)",
        "(default 32 with --method lrc; 0 with other methods or --paper)",
        "(default full; offline with --export-for stock)", "a budget of p*d_out*d_in 16-bit numbers"})
    EXPECT_NE(help.find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace lrc
