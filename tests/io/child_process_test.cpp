#include "lrc/io/child_process.hpp"

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <numeric>

#include "lrc/core/error.hpp"

namespace lrc {
namespace {

using Ids = std::vector<std::int32_t>;

constexpr ChildLimits kLimits{.memory = std::uint64_t{1} << 30, .cpu_seconds = 20};

// What is said where `make` does not return.
std::string refusal(const std::function<Ids()>& make, ChildLimits limits = kLimits) {
  try {
    ids_from_child("FILE", "nobody can read it", limits, make);
    return "nothing";
  } catch (const InputError& error) {
    EXPECT_EQ(error.subject(), "FILE");
    return error.what();
  }
}

TEST(ChildProcess, ReturnsWhatAnotherProcessMade) {
  const pid_t here = getpid();
  EXPECT_EQ(ids_from_child("FILE", "", kLimits, [&] { return Ids{1, getpid() != here, -7}; }), (Ids{1, 1, -7}));
  EXPECT_EQ(ids_from_child("FILE", "", kLimits, [] { return Ids(); }), Ids());
  Ids many(10'000'000);  // many times what a pipe holds
  std::iota(many.begin(), many.end(), 0);
  EXPECT_EQ(ids_from_child("FILE", "", kLimits, [&] { return many; }), many);
}

TEST(ChildProcess, ErrorsBecomeInputErrors) {
  EXPECT_EQ(refusal([]() -> Ids { throw InputError("FILE", "has a flaw"); }), "FILE: has a flaw");
  EXPECT_EQ(refusal([]() -> Ids { throw CallError("H5Dread", "FILE: no luck"); }),
            "FILE: nobody can read it (H5Dread: no luck)");
}

TEST(ChildProcess, ACrashEndsTheChildAlone) {
  EXPECT_EQ(refusal([]() -> Ids {
              std::raise(SIGSEGV);
              return {};
            }),
            "FILE: nobody can read it (killed by signal 11); the file is damaged");
  EXPECT_EQ(refusal([]() -> Ids { std::abort(); }),
            "FILE: nobody can read it (killed by signal 6); the file is damaged");
  EXPECT_EQ(refusal([]() -> Ids { std::exit(0); }), "FILE: nobody can read it (it gave up); the file is damaged");
}

TEST(ChildProcess, MemoryAndTimeAreLimited) {
  constexpr ChildLimits limits{.memory = std::uint64_t{256} << 20, .cpu_seconds = 1};
  EXPECT_EQ(refusal([] { return Ids(std::size_t{1} << 27); }, limits),
            "FILE: nobody can read it (it would take more than 256 MiB of memory)");
  const auto never_ending = []() -> Ids {
    for (volatile bool forever = true; forever;) continue;
    return {};
  };
  EXPECT_EQ(refusal(never_ending, limits), "FILE: nobody can read it (it would take too long)");
}

// What asks the job to end is for the parent.
TEST(ChildProcess, IsNotEndedByTheSignalsOfTheJob) {
  EXPECT_EQ(ids_from_child("FILE", "", kLimits,
                           [] {
                             return Ids{std::raise(SIGTERM), std::raise(SIGINT)};
                           }),
            (Ids{0, 0}));
}

}  // namespace
}  // namespace lrc
