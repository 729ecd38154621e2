// A checkpoint on file systems without hard links, fsync of directories, locks or utimensat, as FAT, FUSE and some
// network file systems are.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/core/error.hpp"
#include "lrc/io/directory.hpp"
#include "temporary_directory.hpp"

namespace {

int link_error = 0, directory_error = 0, time_error = 0, lock_error = 0;  // what the calls fail with; 0: they don't

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

// In place of the C library's, for all that is linked into this program.
extern "C" {

int link(const char* from, const char* to) noexcept {
  return link_error != 0 ? fail(link_error) : next<int (*)(const char*, const char*)>("link")(from, to);
}

int fsync(int descriptor) {
  struct stat status {};
  if (directory_error != 0 && fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode)) return fail(directory_error);
  return next<int (*)(int)>("fsync")(descriptor);
}

int utimensat(int directory, const char* path, const timespec times[2], int flags) noexcept {
  if (time_error != 0) return fail(time_error);
  return next<int (*)(int, const char*, const timespec*, int)>("utimensat")(directory, path, times, flags);
}

int flock(int descriptor, int operation) noexcept {
  return lock_error != 0 ? fail(lock_error) : next<int (*)(int, int)>("flock")(descriptor, operation);
}
}

namespace lrc {
namespace {

using std::chrono::milliseconds;

constexpr LeaseTiming kQuick{.beat = milliseconds(20), .expiry = milliseconds(400)};

SolveRecord record(const std::string& name) {
  const MatrixF one = MatrixF::Ones(1, 1);
  return {.name = name, .stack = {.codes = MatrixI8::Constant(1, 1, 3), .scales = one, .u = {one}, .v = {one}}};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

class WeakFileSystem : public testing::Test {
 protected:
  ~WeakFileSystem() override { link_error = directory_error = time_error = lock_error = 0; }
  TemporaryDirectory directory_;
};

TEST_F(WeakFileSystem, KeepsWhatIsCommittedAndSaysOnceWhatItLacks) {
  link_error = EPERM;
  directory_error = EINVAL;
  time_error = lock_error = ENOSYS;
  testing::internal::CaptureStderr();
  {
    Checkpoint checkpoint = Checkpoint::open(directory_ / "c", {{"a", "b"}});
    for (int i = 0; i < 5; ++i) checkpoint.commit(record(std::to_string(i)));
  }
  Checkpoint checkpoint = Checkpoint::open(directory_ / "c", {{"a", "b"}});
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(checkpoint.committed_solves(), 5);
  EXPECT_EQ(checkpoint.load_solve("3").stack.codes, MatrixI8::Constant(1, 1, 3));
  EXPECT_EQ(checkpoint.earlier_openings(), 1);
  EXPECT_EQ(count(said, "has no hard links"), 1U) << said;
  EXPECT_EQ(count(said, "does not bring directories to the disk"), 1U) << said;
}

TEST_F(WeakFileSystem, LacksACallInOneOfManyWords) {
  for (const int error : {EPERM, ENOTSUP, EOPNOTSUPP, ENOSYS, EMLINK}) {
    link_error = error;
    EXPECT_TRUE(create_exclusively(directory_ / std::to_string(error), "text") || error == EOPNOTSUPP);
    EXPECT_EQ(file_bytes(directory_ / std::to_string(error)), "text");
    EXPECT_FALSE(create_exclusively(directory_ / std::to_string(error), "other"));
    EXPECT_EQ(file_bytes(directory_ / std::to_string(error)), "text");
  }
  for (const int error : {EINVAL, ENOTSUP, ENOSYS, EBADF}) {
    directory_error = error;
    EXPECT_NO_THROW(sync_directory(directory_.path()));
  }
}

TEST_F(WeakFileSystem, ThatFailsIsAnotherThing) {
  link_error = EIO;
  EXPECT_THROW(create_exclusively(directory_ / "file", "text"), CallError);
  link_error = 0;
  directory_error = EIO;
  EXPECT_THROW(sync_directory(directory_.path()), CallError);
  time_error = EACCES;
  write_file(directory_ / "file", "text");
  EXPECT_THROW(touch(directory_ / "file"), CallError);
}

TEST_F(WeakFileSystem, TouchesWithoutUtimensat) {
  write_file(directory_ / "file", "text");
  const auto before = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::filesystem::last_write_time(directory_ / "file", before);
  time_error = ENOSYS;
  touch(directory_ / "file");
  EXPECT_GT(modification_time(directory_ / "file"), before + std::chrono::minutes(59));
  EXPECT_EQ(file_bytes(directory_ / "file"), "text");
}

TEST_F(WeakFileSystem, HasOneOwnerOfALeaseAllTheSame) {
  link_error = EPERM;
  time_error = ENOSYS;
  std::filesystem::create_directories(directory_ / "leases");
  constexpr int kProcesses = 6;
  for (int i = 0; i < kProcesses; ++i) {
    if (fork() != 0) continue;
    try {
      const Lease lease(directory_ / "leases", kQuick);
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

TEST_F(WeakFileSystem, ALeaseOfAKilledProcessIsTakenAtOnce) {
  link_error = EPERM;
  const pid_t child = fork();
  if (child == 0) {
    const Lease lease(directory_ / "leases");
    raise(SIGKILL);
  }
  waitpid(child, nullptr, 0);
  const Lease lease(directory_ / "leases");  // with an expiry of 90 s
  EXPECT_NE(lease.takeover().find(fmt::format("process {}", child)), std::string::npos) << lease.takeover();
}

// The killed job had made the name, and nothing of what belongs into it.
TEST_F(WeakFileSystem, AnEmptyLeaseExpires) {
  link_error = EPERM;
  std::filesystem::create_directories(directory_ / "leases");
  write_file(directory_ / "leases" / "1", "");
  EXPECT_EQ(Lease(directory_ / "leases", kQuick).number(), 2);
}

}  // namespace
}  // namespace lrc
