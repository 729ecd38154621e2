#include "lrc/checkpoint/lease.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "lrc/checkpoint/owner.hpp"
#include "lrc/core/error.hpp"
#include "lrc/core/interrupt.hpp"
#include "lrc/io/checked_json.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

using std::chrono::milliseconds;

constexpr LeaseTiming kQuick{.beat = milliseconds(20), .expiry = milliseconds(400)};

std::string message_of_refusal(const std::filesystem::path& directory) {
  try {
    const Lease lease(directory, kQuick);
    return "not refused";
  } catch (const InputError& error) {
    return error.what();
  }
}

// As another host would have left it: its process can't be looked at from here.
void write_foreign_lease(const std::filesystem::path& directory, int number, const std::string& job = "") {
  Owner owner = this_owner();
  owner.host = "elsewhere";
  owner.boot = "another";
  owner.job = job;
  std::filesystem::create_directories(directory);
  write_file(directory / std::to_string(number), checked_json_text(to_json(owner)));
}

void expect_interruption() {
  for (int i = 0; i < 500 && !interruption_requested(); ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(interruption_requested());
  clear_interruption();
}

TEST(Lease, NumbersTheOpenings) {
  const TemporaryDirectory directory;
  for (Index number = 1; number <= 3; ++number) {
    const Lease lease(directory / "leases", kQuick);
    EXPECT_EQ(lease.number(), number);
    EXPECT_TRUE(lease.takeover().empty());
  }
}

TEST(Lease, ASecondJobIsRefusedWithTheFirstOnesName) {
  const TemporaryDirectory directory;
  const Lease lease(directory / "leases", kQuick);
  const std::string message = message_of_refusal(directory / "leases");
  EXPECT_NE(message.find(fmt::format("host {}, job none, process {}, for 0.", this_owner().host, getpid())),
            std::string::npos)
      << message;
  EXPECT_NO_THROW(lease.check());
}

TEST(Lease, OfAKilledProcessIsTakenAtOnce) {
  const TemporaryDirectory directory;
  const pid_t child = fork();
  if (child == 0) {
    const Lease lease(directory / "leases");
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const Lease lease(directory / "leases");  // with an expiry of 90 s, which the test does not wait for
  EXPECT_EQ(lease.number(), 2);
  EXPECT_NE(lease.takeover().find(fmt::format("process {}", child)), std::string::npos) << lease.takeover();
}

TEST(Lease, OfAnotherHostExpires) {
  const TemporaryDirectory directory;
  write_foreign_lease(directory / "leases", 7);
  const Lease lease(directory / "leases", kQuick);
  EXPECT_EQ(lease.number(), 8);
  EXPECT_NE(lease.takeover().find("host elsewhere"), std::string::npos) << lease.takeover();
}

TEST(Lease, OfAnotherHostIsRespectedWhileItIsTouched) {
  const TemporaryDirectory directory;
  write_foreign_lease(directory / "leases", 7);
  const std::jthread other([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::filesystem::last_write_time(directory / "leases" / "7", std::filesystem::file_time_type::clock::now());
      std::this_thread::sleep_for(milliseconds(30));
    }
  });
  EXPECT_NE(message_of_refusal(directory / "leases").find("host elsewhere"), std::string::npos);
}

TEST(Lease, OfAnEarlierStartOfTheSameJobIsTakenAtOnce) {
  const TemporaryDirectory directory;
  write_foreign_lease(directory / "leases", 1, "4711");
  setenv("SLURM_JOB_ID", "4711", 1);
  setenv("SLURM_RESTART_COUNT", "1", 1);
  const Lease lease(directory / "leases");  // with an expiry of 90 s
  unsetenv("SLURM_JOB_ID");
  unsetenv("SLURM_RESTART_COUNT");
  EXPECT_NE(lease.takeover().find("job 4711"), std::string::npos) << lease.takeover();
}

TEST(Lease, ADamagedOneExpiresToo) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "leases");
  write_file(directory / "leases" / "3", "\x01{nonsense");
  EXPECT_EQ(Lease(directory / "leases", kQuick).number(), 4);
}

TEST(Lease, WhoeverLosesItIsInterrupted) {
  const TemporaryDirectory directory;
  const Lease lease(directory / "leases", kQuick);
  write_foreign_lease(directory / "leases", 2);
  expect_interruption();
  EXPECT_THROW(lease.check(), Error);
}

TEST(Lease, WhoseDirectoryIsRemovedInterruptsItsOwner) {
  const TemporaryDirectory directory;
  const Lease lease(directory / "leases", kQuick);
  std::filesystem::remove_all(directory / "leases");
  expect_interruption();
}

// Another job may have taken the number and left it between two looks of this one.
TEST(Lease, AnEndedOneOfTheSameNumberIsNotItsSuccessor) {
  const TemporaryDirectory directory;
  const Lease lease(directory / "leases", kQuick);
  write_file(directory / "leases/1.ended", "");
  EXPECT_NO_THROW(lease.check());
  EXPECT_NE(message_of_refusal(directory / "leases"), "not refused");
}

TEST(Lease, OneOfManyGetsIt) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "leases");
  constexpr int kProcesses = 6;
  for (int i = 0; i < kProcesses; ++i) {
    if (fork() != 0) continue;
    try {
      const Lease lease(directory / "leases", kQuick);
      std::this_thread::sleep_for(std::chrono::seconds(1));
      _exit(1);
    } catch (const InputError&) {
      _exit(0);
    }
  }
  int owners = 0;
  for (int i = 0; i < kProcesses; ++i) {
    int status = 0;
    wait(&status);
    owners += WEXITSTATUS(status);
  }
  EXPECT_EQ(owners, 1);
}

}  // namespace
}  // namespace lrc
