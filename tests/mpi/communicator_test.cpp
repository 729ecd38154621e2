#include "lrc/mpi/communicator.hpp"

#include <gtest/gtest.h>

#include <new>

#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"

namespace lrc {
namespace {

TEST(Communicator, SumsAndMaxima) {
  const Communicator world;
  const Index ranks = world.size();
  EXPECT_EQ(world.sum(Index{world.rank()} + 1), ranks * (ranks + 1) / 2);
  EXPECT_EQ(world.max(static_cast<double>(world.rank())), static_cast<double>(ranks - 1));
}

TEST(Communicator, ReducedSumIsOnTheOwnerOnly) {
  const Communicator world;
  const int owner = world.size() - 1;
  std::vector<std::int64_t> values{1, std::int64_t{1} << 60, -world.rank()};
  world.reduce_sum(values, owner);
  if (world.rank() != owner) {
    EXPECT_EQ(values, (std::vector<std::int64_t>{1, std::int64_t{1} << 60, -world.rank()}));
    return;
  }
  const std::int64_t ranks = world.size();
  EXPECT_EQ(values[0], ranks);
  EXPECT_EQ(values[1], static_cast<std::int64_t>(static_cast<std::uint64_t>(ranks) << 60));
  EXPECT_EQ(values[2], -ranks * (ranks - 1) / 2);
}

TEST(Communicator, TextsAreBroadcastAndGathered) {
  const Communicator world;
  EXPECT_EQ(world.broadcast(world.is_root() ? std::string("a\0b", 3) : "other", 0), std::string("a\0b", 3));
  const std::vector<std::string> all = world.gather(std::string(static_cast<std::size_t>(world.rank()), 'x'));
  ASSERT_EQ(all.size(), world.is_root() ? static_cast<std::size_t>(world.size()) : 0);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], std::string(i, 'x'));
}

TEST(Communicator, ValuesAreBroadcastFromAnyRank) {
  const Communicator world;
  const int root = world.size() - 1;
  EXPECT_EQ(world.broadcast((Index{1} << 40) + world.rank(), root), (Index{1} << 40) + root);
  std::vector<float> values{0.5F, static_cast<float>(world.rank())}, none;
  world.broadcast_in_place(std::span(values), root);
  EXPECT_EQ(values, (std::vector<float>{0.5F, static_cast<float>(root)}));
  world.broadcast_in_place(std::span(none), root);
}

TEST(Communicator, AnErrorOfOneRankIsThrownByAll) {
  const Communicator world;
  const int failing = world.size() - 1;
  try {
    world.agree([&] {
      if (world.rank() == failing) throw InputError("file", "is bad");
    });
    FAIL() << "nothing was thrown";
  } catch (const AgreedError& error) {
    EXPECT_STREQ(error.what(), "file: is bad");
    EXPECT_EQ(error.code(), ExitCode::bad_input);
  }
  world.agree([] {});
}

// What is on stderr of rank 0 when all have done `step`.
std::string said(const Communicator& world, const std::function<void()>& step) {
  set_log_enabled(world.is_root());
  testing::internal::CaptureStderr();
  world.agree(step);
  set_log_enabled(true);
  return testing::internal::GetCapturedStderr();
}

TEST(Communicator, RankZeroSaysWhatTheOthersWarnOf) {
  const Communicator world;
  const int last = world.size() - 1;
  const std::string one = said(world, [&] {
    if (world.rank() == last) log_warning("the sky falls");
  });
  EXPECT_EQ(one.find("the sky falls") != std::string::npos, world.is_root()) << one;
  EXPECT_EQ(one.find(fmt::format("rank {}: the sky falls", last)) != std::string::npos, world.is_root() && last > 0);
}

TEST(Communicator, AWarningThatSeveralRanksHaveIsSaidOnce) {
  const Communicator world;
  const std::string others = said(world, [&] {
    if (world.rank() > 0) log_warning("it rains");
  });
  if (world.size() == 3 && world.is_root()) {
    EXPECT_NE(others.find("ranks 1, 2: it rains"), std::string::npos) << others;
  }
  const std::string all = said(world, [] { log_warning("it snows"); });
  EXPECT_EQ(all.find("it snows") != std::string::npos, world.is_root());
  EXPECT_EQ(all.find("it snows"), all.rfind("it snows")) << all;
  EXPECT_EQ(said(world, [] {}), "");
}

TEST(Communicator, LackOfMemoryIsNamed) {
  const Communicator world;
  const int failing = world.size() - 1;
  set_rank(world.rank());
  set_planned_memory({{"solve", "3 GiB, most of it for 'moments'"}});
  enter_phase("solve");
  try {
    world.agree([&] {
      if (world.rank() == failing) throw std::bad_alloc();
    });
    FAIL() << "nothing was thrown";
  } catch (const AgreedError& error) {
    const std::string what = error.what();
    EXPECT_NE(what.find(fmt::format("out of memory on rank {} in the phase 'solve'", failing)), std::string::npos)
        << what;
    EXPECT_NE(what.find("3 GiB, most of it for 'moments'"), std::string::npos) << what;
  }
}

}  // namespace
}  // namespace lrc
