// Where lrc_calibrate may write: what can't be written is found before any work, and what it writes comes to its place
// whole, whenever the run is killed.
#include <fmt/core.h>
#include <sys/mount.h>

#include "campaign/kinds_of_run.hpp"
#include "campaign/tiny_model.hpp"
#include "program.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReport = "lrc_report.json";

class Places : public testing::Test {
 protected:
  ~Places() override {
    if (mounted_) ::umount2((directory_ / "disk").c_str(), MNT_DETACH);
  }

  // A file system of its own on directory_/disk; false where this machine has none to give.
  bool mount_disk(unsigned long flags, const std::string& options) {
    fs::create_directory(directory_ / "disk");
    mounted_ = ::mount("none", (directory_ / "disk").c_str(), "tmpfs", flags, options.c_str()) == 0;
    return mounted_;
  }

  std::string quoted(const std::string& name) const { return "'" + (directory_ / name).string() + "'"; }

  // The model is not there, so that any look at it would be what is complained about.
  void expect_refused(const std::string& arguments, const std::string& said, const std::string& launcher = "") {
    const std::string temporary = launcher.empty() ? "TMPDIR=" + quoted(".") + " " : "";  // not shared with other tests
    const std::string quick_mpi =
        "env OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_btl=self OMPI_MCA_pml=ob1 " + temporary;
    const Outcome outcome = run_command(quick_mpi + launcher + LRC_BIN_DIR +
                                        "/lrc_calibrate --model /nowhere --calibration /nowhere " + arguments);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_NE(outcome.output.find(said), std::string::npos) << outcome.output;
    EXPECT_EQ(outcome.output.find("/nowhere"), std::string::npos) << outcome.output;
  }

  TemporaryDirectory directory_;
  bool mounted_ = false;
};

TEST_F(Places, ThatAreNoDirectoriesAreRefused) {
  write_file(directory_ / "file", "");
  fs::create_symlink("nothing", directory_ / "broken");
  fs::create_symlink("loop", directory_ / "loop");
  for (const std::string option : {"--output", "--checkpoint"}) {
    const std::string other = option == "--output" ? "" : "--output " + quoted("out") + " ";
    const auto refused = [&](const std::string& name, const std::string& said) {
      expect_refused(other + option + " " + quoted(name), (directory_ / said).string());
    };
    refused("file", "file: is not a directory; name another, or remove it");
    refused("broken", "broken: is a link that leads to nothing; make what it leads to, or remove it");
    refused("loop", "loop: is a link that leads to nothing");
    refused("file/out", "file: is not a directory");
    refused("broken/out", "broken: is a link that leads to nothing");
    refused(std::string(300, 'x'), std::string(300, 'x') + ": can't be looked at: File name too long");
  }
}

TEST_F(Places, ThatHoldSomethingElseAreRefused) {
  fs::create_directory(directory_ / "thesis");
  write_file(directory_ / "thesis/thesis.tex", "years of work");
  fs::create_symlink("thesis", directory_ / "link");
  for (const char* name : {"thesis", "link"}) {
    expect_refused("--output " + quoted(name), "exists and is not the result of this run; name another directory");
    expect_refused("--output " + quoted("out") + " --checkpoint " + quoted(name), "is not a checkpoint and not empty");
  }
  fs::create_directory(directory_ / "thesis/lrc.partial");  // what is beside it is foreign all the same
  expect_refused("--output " + quoted("thesis"), "exists and is not the result of this run");
  EXPECT_EQ(file_bytes(directory_ / "thesis/thesis.tex"), "years of work");
}

TEST_F(Places, ThatLieInEachOtherAreRefused) {
  fs::create_directory(directory_ / "a");
  fs::create_symlink("a", directory_ / "link");
  for (const auto& [output, checkpoint] :
       {std::pair{"a", "a"}, {"a", "a/checkpoint"}, {"a/out", "a"}, {"a", "link"}, {"link/b", "a"}, {"b", "./b/../b"}})
    expect_refused("--output " + quoted(output) + " --checkpoint " + quoted(checkpoint), "lie in each other");
}

TEST_F(Places, ThatMayNotBeWrittenAreRefused) {
  const std::string nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/tmp ";
  if (run_command(nobody + "test -x " LRC_BIN_DIR "/lrc_calibrate").exit_code != 0)
    GTEST_SKIP() << "can't become another user here, who can run the program";
  fs::create_directory(directory_ / "mine");
  expect_refused("--output " + quoted("mine"), "can't be written: Permission denied", nobody);
  expect_refused("--output " + quoted("mine/a/b"), (directory_ / "mine").string() + ": Permission denied", nobody);
  fs::create_directory(directory_ / "open");
  fs::permissions(directory_ / "open", fs::perms::all);
  expect_refused("--output " + quoted("open/out") + " --checkpoint " + quoted("mine/c"), "mine/c: can't be written",
                 nobody);
  fs::create_directory(directory_ / "hidden");
  fs::permissions(directory_ / "hidden", fs::perms::owner_all);
  expect_refused("--output " + quoted("hidden/out"), "can't be looked at: Permission denied", nobody);
}

TEST_F(Places, OnAReadOnlyFileSystemAreRefused) {
  if (!mount_disk(MS_RDONLY, "")) GTEST_SKIP() << "nothing can be mounted here";
  for (const char* name : {"disk", "disk/out", "disk/a/b"})
    expect_refused("--output " + quoted(name), "can't be written");
  expect_refused("--output " + quoted("out") + " --checkpoint " + quoted("disk/c"), "Read-only file system");
}

TEST_F(Places, WithTooLittleSpaceAreRefusedBeforeTheWeightsAreRead) {
  if (!mount_disk(0, "size=64k")) GTEST_SKIP() << "nothing can be mounted here";
  const auto run = [&](const std::string& places) {
    const std::string demo = demo_directory();
    return run_command(LRC_BIN_DIR "/lrc_calibrate --model " + demo + " --calibration " + demo +
                       "/calibration.npy --sequences 40 --sequence-length 256 --threads 1 --method rtn " + places);
  };
  for (const std::string& places : {"--output " + quoted("disk/out"), "--output " + quoted("disk"),
                                    "--output " + quoted("out") + " --checkpoint " + quoted("disk/c")}) {
    const Outcome outcome = run(places);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_NE(outcome.output.find("disk has "), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find("make room, or name a directory elsewhere"), std::string::npos) << outcome.output;
    EXPECT_TRUE(fs::is_empty(directory_ / "disk"));
  }
}

// The files go up from the workshop one by one; the report, by which an output is known, last.
TEST_F(Places, AnOutputInAnExistingDirectoryIsWholeWheneverTheRunIsKilled) {
  const fs::path model = directory_ / "model", run = directory_ / "run", trace = directory_ / "trace";
  write_tiny_model(model, 1);
  write_tiny_tokens(model / "tokens.npy", 2048);
  KindOfRun kind{};
  kind.arguments = {"--model",           model.string(), "--calibration", (model / "tokens.npy").string(),
                    "--sequences",       "40",           "--method",      "lrc",
                    "--sequence-length", "48",           "--threads",     "1",
                    "--rank-fraction",   "0.4",          "--paper"};
  const auto play = [&](const std::vector<std::string>& faults) {
    Job job(launch(kind, run, faults), directory_ / "log");
    return std::pair(job.wait(kLimit), job.output());
  };
  fs::create_directories(run / "out");
  ASSERT_EQ(play({"LRC_FAULT_TRACE=" + trace.string()}).first, 0);
  const auto expected = digest(run / "out");
  ASSERT_FALSE(fs::exists(run / "out/lrc.partial"));
  std::FILE* file = std::fopen(trace.c_str(), "rb");
  std::vector<Operation> operations = read_operations(file);
  std::fclose(file);
  std::erase_if(operations, [](const Operation& operation) { return operation.kind == OperationKind::read; });
  std::size_t moves = 0;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    const bool moves_up = operation.kind == OperationKind::rename &&
                          operation.path.find("lrc.partial/") != std::string::npos &&
                          operation.other.find("lrc.partial") == std::string::npos;
    if (!moves_up) continue;
    for (const char* fault : {"kill", "kill_after"}) {
      if (fault == std::string("kill_after") && !operation.other.ends_with(kReport))
        continue;  // as before the next one
      fs::remove_all(run);
      fs::create_directories(run / "out");
      const auto [code, said] = play({fmt::format("LRC_FAULT_AT={}", i), std::string("LRC_FAULT=") + fault});
      ASSERT_EQ(code, 128 + 9) << said;
      if (fs::exists(run / "out" / kReport)) {
        EXPECT_EQ(difference(expected, digest(run / "out")), "");
      }
      const auto [next, words] = play({});
      ASSERT_EQ(next, 0) << words;
      EXPECT_EQ(difference(expected, digest(run / "out")), "") << fault << " at " << operation.path;
      EXPECT_FALSE(fs::exists(run / "out/lrc.partial"));
    }
    ++moves;
  }
  EXPECT_GE(moves, 4U);
}

}  // namespace
}  // namespace lrc
