// lrc_calibrate asked to end early.
#include <csignal>
#include <sstream>
#include <thread>

#include "campaign/runs.hpp"
#include "program.hpp"

namespace lrc {
namespace {

using std::chrono::seconds;

// On the demo model, with solves that take their time.
Launch long_run(const std::filesystem::path& output, int ranks, const std::string& more = "", int iterations = 60) {
  std::istringstream words(
      small_run(output, "--threads 1 --paper --iterations " + std::to_string(iterations) + " " + more));
  return {.ranks = ranks,
          .arguments = {std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()},
          .environment = {}};
}

void wait_for_solves(const std::filesystem::path& output) {
  for (int i = 0; i < 6000 && committed_solves(output.string() + ".checkpoint").empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST(Interruption, ASignalToOneRankEndsAllInOrder) {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1, SIGUSR2}) {
    const TemporaryDirectory directory;
    Job job(long_run(directory / "out", 3), directory / "log");
    wait_for_solves(directory / "out");
    ASSERT_EQ(job.ranks().size(), 3U);
    kill(job.ranks().back(), signal);
    EXPECT_EQ(job.wait(seconds(30)), 75) << job.output();
    EXPECT_NE(job.output().find("lrc: stopped: interrupted"), std::string::npos) << job.output();
    EXPECT_EQ(file_bytes(directory / "out.checkpoint" / "state"), "RESUMABLE\n");
    EXPECT_FALSE(committed_solves(directory / "out.checkpoint").empty());
  }
}

TEST(Interruption, ASecondSignalEndsTheRunAtOnce) {
  const TemporaryDirectory directory;
  Job job(long_run(directory / "out", 0), directory / "log");
  wait_for_solves(directory / "out");
  const auto before = committed_solves(directory / "out.checkpoint");
  kill(job.leader(), SIGTERM);
  kill(job.leader(), SIGUSR1);  // another one: two of a kind may reach a process as one
  EXPECT_EQ(job.wait(seconds(30)), 75) << job.output();
  const auto after = committed_solves(directory / "out.checkpoint");
  for (const auto& [name, hash] : before) EXPECT_TRUE(after.contains(name) && after.at(name) == hash) << name;
}

TEST(Interruption, ATimeLimitEndsTheRunAndSoDoesTheEndOfTheSlurmJob) {
  const TemporaryDirectory directory;
  Job limited(long_run(directory / "limited", 2, "--time-limit 3"), directory / "log");
  EXPECT_EQ(limited.wait(seconds(60)), 75) << limited.output();
  EXPECT_NE(limited.output().find("the time limit"), std::string::npos) << limited.output();

  Launch launch = long_run(directory / "slurm", 0);
  launch.environment = {"SLURM_JOB_END_TIME=" + std::to_string(std::time(nullptr) + 3)};
  Job job(launch, directory / "log");
  EXPECT_EQ(job.wait(seconds(60)), 75) << job.output();
}

TEST(Interruption, ASecondJobOnTheCheckpointIsRefusedByTheNameOfTheFirst) {
  const TemporaryDirectory directory;
  Launch first = long_run(directory / "out", 2, "", 400);  // longer than it takes to see that it is alive
  first.environment = {"SLURM_JOB_ID=4711"};
  Job owner(first, directory / "log");
  wait_for_solves(directory / "out");
  Job second(long_run(directory / "out", 0, "", 400), directory / "second.log");
  EXPECT_EQ(second.wait(seconds(60)), 2) << second.output();
  EXPECT_NE(second.output().find("is in use by host "), std::string::npos) << second.output();
  EXPECT_NE(second.output().find("job 4711"), std::string::npos) << second.output();
  EXPECT_EQ(owner.wait(seconds(0)), std::nullopt) << "the first job was disturbed: " << owner.output();
}

TEST(Interruption, ACheckpointOfAnotherBlasIsRefusedUnlessAllowed) {
  const TemporaryDirectory directory;
  Launch launch{.ranks = 0, .arguments = {}, .environment = {"OPENBLAS_CORETYPE=Haswell"}};
  std::istringstream words(small_run(directory / "out", "--threads 1 --method rtn"));
  launch.arguments.assign(std::istream_iterator<std::string>(words), {});
  Job job(launch, directory / "log");
  ASSERT_EQ(job.wait(seconds(60)), 0) << job.output();
  std::filesystem::remove_all(directory / "out");
  launch.environment = {"OPENBLAS_CORETYPE=Sandybridge"};
  Job refused(launch, directory / "log");
  EXPECT_EQ(refused.wait(seconds(60)), 2) << refused.output();
  EXPECT_NE(refused.output().find("blas was"), std::string::npos) << refused.output();
  launch.arguments.emplace_back("--allow-mixed");
  Job allowed(launch, directory / "log");
  EXPECT_EQ(allowed.wait(seconds(60)), 0) << allowed.output();
}

TEST(Interruption, RanksOfDifferentBlasAreRefusedByName) {
  const TemporaryDirectory directory;
  const std::string arguments = small_run(directory / "out", "--threads 1 --method rtn");
  const auto run = [&](const std::string& more) {
    const std::string program = std::string(LRC_BIN_DIR) + "/lrc_calibrate " + arguments + more;
    return run_command("mpirun -n 1 -x OPENBLAS_CORETYPE=Haswell " + program +
                       " : -n 1 -x OPENBLAS_CORETYPE=Sandybridge " + program);
  };
  const Outcome refused = run("");
  EXPECT_EQ(refused.exit_code, 2) << refused.output;
  EXPECT_NE(refused.output.find("BLAS: rank 0 has "), std::string::npos) << refused.output;
  EXPECT_NE(refused.output.find("--allow-mixed"), std::string::npos) << refused.output;
  EXPECT_FALSE(std::filesystem::exists(directory / "out.checkpoint"));
  const Outcome allowed = run(" --allow-mixed");
  EXPECT_EQ(allowed.exit_code, 0) << allowed.output;
  const nlohmann::json fingerprint = json_file(directory / "out" / "lrc_report.json")["fingerprint"];
  EXPECT_NE(fingerprint["blas"].get<std::string>().find(" and "), std::string::npos) << fingerprint;
}

// Killed between its last solve and the end of its moments, a run would leave them on the disk.
TEST(Interruption, MomentsThatNobodyNeedsAnyMoreAreDroppedByTheNextRun) {
  const TemporaryDirectory directory;
  const std::filesystem::path moments = directory / "out.checkpoint" / "moments", kept = directory / "kept";
  {
    Job job(long_run(directory / "out", 0, "", 20), directory / "log");
    wait_for_solves(directory / "out");
    job.kill_all();
    job.wait(seconds(30));
  }
  std::filesystem::copy(moments, kept);
  ASSERT_FALSE(std::filesystem::is_empty(kept));
  Job rest(long_run(directory / "out", 0, "", 20), directory / "log");
  ASSERT_EQ(rest.wait(seconds(120)), 0) << rest.output();
  ASSERT_TRUE(std::filesystem::is_empty(moments));
  for (const auto& file : std::filesystem::directory_iterator(kept)) std::filesystem::copy(file.path(), moments);
  std::filesystem::remove_all(directory / "out");
  Job again(long_run(directory / "out", 0, "", 20), directory / "log");
  ASSERT_EQ(again.wait(seconds(60)), 0) << again.output();
  EXPECT_TRUE(std::filesystem::is_empty(moments));
}

}  // namespace
}  // namespace lrc
