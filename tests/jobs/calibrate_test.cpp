// lrc_calibrate as a whole, on the demo model.
#include <fmt/core.h>

#include <csignal>
#include <sstream>
#include <thread>

#include "lrc/core/types.hpp"
#include "program.hpp"

namespace lrc {
namespace {

void expect_same_directories(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto left = contents(a), right = contents(b);
  ASSERT_FALSE(left.empty());
  for (const auto& [name, bytes] : left)
    EXPECT_TRUE(right.contains(name) && right.at(name) == bytes) << name << " differs";
  EXPECT_EQ(left.size(), right.size());
}

TEST(Calibrate, WritesTheSameBytesOnAnyNumberOfRanksAndThreads) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / "1", "--threads 1")).exit_code, 0);
  ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / "2", "--threads 2"), 2).exit_code, 0);
  ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / "3", "--threads 1"), 3).exit_code, 0);
  expect_same_directories(directory / "1", directory / "2");
  expect_same_directories(directory / "1", directory / "3");
}

TEST(Calibrate, MoreRanksThanUnitsWorksAndSaysSo) {
  const TemporaryDirectory directory;
  const std::string few = "--sequences 2 --threads 1 --method rtn --model " + demo_directory() + " --calibration " +
                          demo_directory() + "/calibration.npy --sequence-length 256 --output ";
  const Outcome outcome = run_program("lrc_calibrate", few + (directory / "3").string(), 3);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_NE(outcome.output.find("3 ranks, but only 1 units"), std::string::npos) << outcome.output;
  ASSERT_EQ(run_program("lrc_calibrate", few + (directory / "1").string()).exit_code, 0);
  expect_same_directories(directory / "1", directory / "3");
}

// 1,024 tokens are few for eight experts: some borrow.
TEST(Calibrate, ExpertsThatSawFewTokensBorrowAndAreNamed) {
  const TemporaryDirectory directory;
  const std::string demo = demo_directory("demo-mixtral");
  const std::string few = "--sequences 4 --threads 1 --model " + demo + " --calibration " + demo +
                          "/calibration.npy --sequence-length 256 --output ";
  const Outcome outcome = run_program("lrc_calibrate", few + (directory / "3").string(), 3);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  ASSERT_EQ(run_program("lrc_calibrate", few + (directory / "1").string()).exit_code, 0);
  expect_same_directories(directory / "1", directory / "3");
  std::map<std::string, Index> tokens;  // of every expert of the first block
  const nlohmann::json report = json_file(directory / "3" / "lrc_report.json");
  for (const auto& linear : report["linears"]) {
    const std::string name = linear["name"];
    if (!name.starts_with("model.layers.0.block_sparse_moe")) continue;
    const Index seen = linear["tokens"], borrowed = linear["borrowed_tokens"], inputs = linear["shape"][1];
    EXPECT_EQ(borrowed, std::max<Index>(0, 2 * inputs - seen)) << name;
    const std::string group = name.substr(0, name.rfind('.')) + (name.ends_with("w2") ? ".down" : ".gate_up");
    EXPECT_EQ(outcome.output.find(group + " sees") != std::string::npos, borrowed > 0) << name;
    tokens[name.substr(0, name.rfind('.'))] = seen;
  }
  EXPECT_EQ(tokens.size(), 8U);
  Index all = 0;
  for (const auto& [expert, seen] : tokens) all += seen;
  EXPECT_EQ(all, 2 * 1024);
}

// The relative loss of every linear, by name.
std::map<std::string, double> losses(const std::filesystem::path& output, const std::string& options) {
  const Outcome outcome = run_program("lrc_calibrate", small_run(output, "--threads 1 " + options));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  std::map<std::string, double> result;
  const nlohmann::json report = json_file(output / "lrc_report.json");
  for (const auto& linear : report["linears"]) result[linear["name"]] = linear["relative_loss"];
  EXPECT_EQ(result.size(), 28U);
  return result;
}

TEST(Calibrate, LosesLessThanGptqInEveryLinearAndLessAsTheRankGrows) {
  const TemporaryDirectory directory;
  const auto gptq = losses(directory / "gptq", "--method gptq");
  const auto lrc10 = losses(directory / "lrc10", "--paper --rank-fraction 0.1"),
             lrc30 = losses(directory / "lrc30", "--paper --rank-fraction 0.3");
  for (const auto& [name, loss] : gptq) {
    EXPECT_LT(lrc10.at(name), loss) << name;
    EXPECT_LT(lrc30.at(name), lrc10.at(name)) << name;
  }
}

TEST(Calibrate, ReportsWhatWasDone) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / "out", "--threads 1 --paper"), 2).exit_code, 0);
  const nlohmann::json report = json_file(directory / "out" / "lrc_report.json");
  EXPECT_EQ(report["method"], "lrc");
  EXPECT_EQ(report["ranks"], 2);
  EXPECT_EQ(report["resumes"], 0);
  EXPECT_EQ(report["options"]["rank-fraction"], "0.1");
  EXPECT_EQ(report["linears"].size(), 28U);
  for (const char* key : {"name", "shape", "rank", "relative_loss", "damping", "iterations", "seconds", "tokens"})
    EXPECT_TRUE(report["linears"][0].contains(key)) << key;
  EXPECT_EQ(report["linears"][0]["tokens"], 40 * 256);
  for (const auto& phase : report["phases"]) EXPECT_GE(phase["seconds"].get<double>(), 0) << phase["name"];
  // Counted from the files: codes, scales and factors over the weights they stand for.
  double bits = 0, weights = 0;
  for (const auto& linear : report["linears"]) {
    const double rows = linear["shape"][0], cols = linear["shape"][1], rank = linear["rank"];
    bits += 4 * rows * cols + 16 * rows + 16 * rank * (rows + cols);
    weights += rows * cols;
  }
  EXPECT_NEAR(report["bits_per_weight"].get<double>(), bits / weights, 1e-9);
}

// The solves that the journals of a checkpoint name, with their bytes. A file that is not in a journal yet is not
// committed.
std::map<std::string, std::string> committed_solves(const std::filesystem::path& checkpoint) {
  std::map<std::string, std::string> solves;
  if (!std::filesystem::exists(checkpoint / "journal")) return solves;
  for (const auto& journal : std::filesystem::directory_iterator(checkpoint / "journal")) {
    std::istringstream lines(file_bytes(journal.path()));
    std::string hash, size, name, check;
    for (std::string line; std::getline(lines, line);) {
      if (std::istringstream(line) >> hash >> size >> name >> check && check.size() == hash.size() &&
          name.starts_with("solves/")) {
        solves[name] = file_bytes(checkpoint / name);
      }
    }
  }
  return solves;
}

TEST(Calibrate, GoesOnAfterSigkillWithoutRedoingWhatIsCommitted) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / "whole", "--threads 1")).exit_code, 0);
  const std::filesystem::path checkpoint = directory / "out.checkpoint";
  const auto expect_kept = [&](const std::map<std::string, std::string>& before) {
    for (const auto& [name, bytes] : before)
      EXPECT_TRUE(file_bytes(checkpoint / name) == bytes) << name << " was solved again";
  };
  std::map<std::string, std::string> before;
  for (int kill = 0; kill < 3; ++kill) {  // each time once it has committed something more
    const pid_t child = fork();
    if (child == 0) {
      const std::string program = std::string(LRC_BIN_DIR) + "/lrc_calibrate";
      execl("/bin/sh", "sh", "-c",
            ("exec " + program + " " + small_run(directory / "out", "--threads 1") + " 2> /dev/null").c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 3000 && committed_solves(checkpoint).size() < before.size() + 3; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ::kill(child, kill == 2 ? SIGTERM : SIGKILL);
    waitpid(child, nullptr, 0);
    ASSERT_FALSE(std::filesystem::exists(directory / "out")) << "it was done before it could be killed";
    expect_kept(before);
    before = committed_solves(checkpoint);
  }
  EXPECT_FALSE(before.empty());
  const Outcome outcome = run_program("lrc_calibrate", small_run(directory / "out", "--threads 1"), 2);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  expect_kept(before);
  EXPECT_EQ(json_file(directory / "out" / "lrc_report.json")["resumes"], 3);
  expect_same_directories(directory / "whole", directory / "out");
}

TEST(Calibrate, ItsOwnFinishedOutputIsLeftAlone) {
  const TemporaryDirectory directory;
  ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / "out", "--threads 1")).exit_code, 0);
  const auto before = contents(directory / "out");
  const Outcome again = run_program("lrc_calibrate", small_run(directory / "out", "--threads 1"), 2);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_NE(again.output.find("nothing to do"), std::string::npos) << again.output;
  EXPECT_EQ(contents(directory / "out"), before);
  const Outcome other = run_program("lrc_calibrate", small_run(directory / "out", "--threads 1 --method rtn"), 2);
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.output.find("is not the result of this run"), std::string::npos) << other.output;
}

TEST(Calibrate, TheCheckpointOfAnotherRunIsRefusedAndCanBeThrownAway) {
  const TemporaryDirectory directory;
  const std::string shared = "--threads 1 --checkpoint " + (directory / "c").string();
  ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / "a", shared + " --method rtn")).exit_code, 0);
  const Outcome refused = run_program("lrc_calibrate", small_run(directory / "b", shared + " --method gptq --seed 1"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.output.find("method was \"rtn\", now \"gptq\""), std::string::npos) << refused.output;
  EXPECT_NE(refused.output.find("seed was \"0\", now \"1\""), std::string::npos) << refused.output;
  EXPECT_EQ(
      run_program("lrc_calibrate", small_run(directory / "b", shared + " --method gptq --seed 1 --restart")).exit_code,
      0);
}

TEST(Calibrate, ARequeuedJobRestartsOnce) {
  const TemporaryDirectory directory;
  const std::string arguments = small_run(directory / "a", "--threads 1 --method rtn --restart");
  ASSERT_EQ(run_program("lrc_calibrate", arguments).exit_code, 0);
  std::filesystem::remove_all(directory / "a");
  const Outcome again = run_command("SLURM_RESTART_COUNT=1 " LRC_BIN_DIR "/lrc_calibrate " + arguments);
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_NE(again.output.find("solves are committed already"), std::string::npos) << again.output;
}

TEST(Calibrate, TheCheckpointOfAnotherConfigOrTokenizerIsRefused) {
  const TemporaryDirectory directory;
  const std::filesystem::path model = directory / "model";
  std::filesystem::copy(demo_directory(), model, std::filesystem::copy_options::recursive);
  const auto run = [&](const std::string& output) {
    return run_program("lrc_calibrate", fmt::format("--threads 1 --method rtn --sequences 8 --sequence-length 256 "
                                                    "--model {0} --calibration {0}/calibration.npy --checkpoint {1}/c "
                                                    "--output {1}/{2}",
                                                    model.string(), directory.path().string(), output));
  };
  ASSERT_EQ(run("a").exit_code, 0);
  nlohmann::json config = json_file(model / "config.json");
  const nlohmann::json original = config;
  config["rms_norm_eps"] = 1e-4;
  write_file(model / "config.json", config.dump());
  const Outcome other = run("b");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.output.find("config.json was"), std::string::npos) << other.output;
  write_file(model / "config.json", original.dump());
  EXPECT_EQ(run("b").exit_code, 0) << "it is what config.json says that counts";
  write_file(model / "tokenizer_config.json", "{}");
  const Outcome tokenizer = run("d");
  EXPECT_EQ(tokenizer.exit_code, 2);
  EXPECT_NE(tokenizer.output.find("tokenizer files was"), std::string::npos) << tokenizer.output;
}

// As on Lustre and NFS.
TEST(Calibrate, NeedsNoFileLocks) {
  const TemporaryDirectory directory;
  const std::string locks = "HDF5_USE_FILE_LOCKING=", program = std::string(" ") + LRC_BIN_DIR + "/lrc_calibrate ";
  for (const std::string setting : {"FALSE", "TRUE"}) {
    const Outcome outcome =
        run_command("mpirun -n 2 -x " + locks + setting + program + small_run(directory / setting, "--method rtn"));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  }
  expect_same_directories(directory / "FALSE", directory / "TRUE");
}

// One seed; tests/acceptance.sh compares all methods and models over four.
TEST(Evaluate, PerplexitiesAreThoseOfAnIndependentImplementation) {
  const TemporaryDirectory directory;
  struct Case {
    const char *model, *method;
    double perplexity;
  };
  for (const auto& [model, method, perplexity] :
       {Case{"demo-llama", "--method rtn --rotation none", 46.52}, Case{"demo-llama", "--method gptq", 42.76},
        Case{"demo-llama", "--paper", 42.14}, Case{"demo-mixtral", "--method gptq", 37.74},
        Case{"demo-mixtral", "--paper", 37.33}}) {
    const std::string demo = demo_directory(model);
    const std::filesystem::path output = directory / "out";
    ASSERT_EQ(run_program("lrc_calibrate",
                          "--restart --model " + demo + " --calibration " + demo +
                              "/calibration.npy --sequence-length 256 --output " + output.string() + " " + method,
                          2)
                  .exit_code,
              0);
    ASSERT_EQ(run_program("lrc_evaluate",
                          "--model " + output.string() + " --tokens " + demo +
                              "/evaluation.npy --sequences 128 --sequence-length 256 --json " +
                              (directory / "result.json").string(),
                          2)
                  .exit_code,
              0);
    EXPECT_NEAR(json_file(directory / "result.json")["perplexity"].get<double>() / perplexity, 1, 0.015)
        << model << " " << method;
    std::filesystem::remove_all(output);
  }
}

TEST(Evaluate, RefusesWhatCannotBeDoneBeforeItBegins) {
  const auto expect_refused = [](const std::string& options, const std::string& message) {
    const Outcome outcome =
        run_program("lrc_evaluate", "--model " + demo_directory() + " --tokens " + demo_directory() +
                                        "/evaluation.npy --sequences 2 " + options);
    EXPECT_EQ(outcome.exit_code, 2) << options;
    EXPECT_NE(outcome.output.find(message), std::string::npos) << outcome.output;
  };
  expect_refused("--sequence-length 257", "--sequence-length: 257 is more than the model's 256 positions");
  expect_refused("--sequence-length 256 --json /nowhere/result.json", "--json: the directory /nowhere of");
}

TEST(Evaluate, FailsWhereNobodyTakesItsResult) {
  const Outcome outcome = run_command(std::string("bash -c '" LRC_BIN_DIR "/lrc_evaluate --threads 1 --sequences 2 ") +
                                      "--sequence-length 64 --model " + demo_directory() + " --tokens " +
                                      demo_directory() + "/evaluation.npy > /dev/full'");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("stdout does not take the result"), std::string::npos) << outcome.output;
}

TEST(Evaluate, ReadsAQuantizedModelBackAndSaysWhatItIs) {
  const TemporaryDirectory directory;
  const std::string windows =
      " --tokens " + demo_directory() + "/evaluation.npy --sequences 32 --sequence-length 256 --threads 1 --json ";
  std::map<std::string, double> perplexity;
  const auto evaluate = [&](const std::string& name, const std::string& model) {
    const Outcome outcome =
        run_program("lrc_evaluate", "--model " + model + windows + (directory / (name + ".json")).string(), 2);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    nlohmann::json result = json_file(directory / (name + ".json"));
    EXPECT_EQ(result["tokens"], 32 * 255);
    perplexity[name] = result["perplexity"];
    return result;
  };
  EXPECT_EQ(evaluate("full", demo_directory())["bits_per_weight"], 16);
  for (const std::string method : {"rtn", "lrc"}) {
    ASSERT_EQ(run_program("lrc_calibrate", small_run(directory / method, "--threads 1 --method " + method)).exit_code,
              0);
    EXPECT_EQ(evaluate(method, (directory / method).string())["method"], method);
  }
  // In eight bits the model is all but the original: reading back, unpacking and unrotating are right.
  ASSERT_EQ(
      run_program("lrc_calibrate",
                  small_run(directory / "w8", "--threads 1 --weight-bits 8 --activation-bits 8 --activation-clip 1"))
          .exit_code,
      0);
  evaluate("w8", (directory / "w8").string());
  EXPECT_NEAR(perplexity["w8"] / perplexity["full"], 1, 2e-3);
  EXPECT_LT(perplexity["full"], perplexity["lrc"]);
  EXPECT_LT(perplexity["lrc"], perplexity["rtn"]);
}

}  // namespace
}  // namespace lrc
