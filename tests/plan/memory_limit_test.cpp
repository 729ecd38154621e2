#include "lrc/plan/memory_limit.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

// A root with the files of /proc and /sys that a test gives it, and no word of Slurm's.
class MemoryLimit : public ::testing::Test {
 protected:
  MemoryLimit() {
    for (const char* name : {"SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_ON_NODE"}) unsetenv(name);
  }

  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  double limit() const { return memory_of_job(root_); }

  TemporaryDirectory directory_;
  fs::path root_ = directory_.path();
};

constexpr double kMiB = 1024.0 * 1024.0;

TEST_F(MemoryLimit, IsThatOfTheHostWhereNothingElseIsSaid) {
  const double host = limit();
  EXPECT_GT(host, 64 * kMiB);
  write("proc/self/cgroup", "0::/user.slice\n");
  write("sys/fs/cgroup/user.slice/memory.max", "max\n");
  EXPECT_EQ(limit(), host);
}

TEST_F(MemoryLimit, IsThatOfTheTightestGroupAboveTheProcess) {
  write("proc/self/cgroup", "0::/slurm/job_7/step_batch/task_0\n");
  write("sys/fs/cgroup/slurm/job_7/step_batch/memory.max", "9437184\n");
  write("sys/fs/cgroup/slurm/job_7/memory.max", "8388608\n");
  write("sys/fs/cgroup/slurm/memory.max", "max\n");
  write("sys/fs/cgroup/slurm/job_8/memory.max", "4096\n");  // another job's
  EXPECT_EQ(limit(), 8 * kMiB);
  write("sys/fs/cgroup/slurm/job_7/memory.high", "7340032\n");
  EXPECT_EQ(limit(), 7 * kMiB);
}

TEST_F(MemoryLimit, IsReadFromTheMemoryControllerOfVersion1) {
  write("proc/self/cgroup", "3:cpu,cpuacct:/other\n9:devices,memory:/slurm/uid_0/job_3\n0::/init.scope\n");
  write("sys/fs/cgroup/memory/slurm/uid_0/job_3/memory.limit_in_bytes", "6291456\n");
  write("sys/fs/cgroup/memory/other/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(limit(), 6 * kMiB);
}

TEST_F(MemoryLimit, IsThatOfTheMountWhereAContainerSeesOnlyItself) {
  write("proc/self/cgroup", "0::/../../not/here\n");
  write("sys/fs/cgroup/memory.max", "5242880\n");
  EXPECT_EQ(limit(), 5 * kMiB);
}

TEST_F(MemoryLimit, IsWhatSlurmGrantedOnTheNode) {
  setenv("SLURM_MEM_PER_CPU", "3", 1);
  setenv("SLURM_CPUS_ON_NODE", "4", 1);
  EXPECT_EQ(limit(), 12 * kMiB);
  setenv("SLURM_MEM_PER_NODE", "10", 1);
  EXPECT_EQ(limit(), 10 * kMiB);
  setenv("SLURM_MEM_PER_NODE", "0", 1);  // --mem=0: all there is
  unsetenv("SLURM_MEM_PER_CPU");
  EXPECT_GT(limit(), 64 * kMiB);
}

}  // namespace
}  // namespace lrc
