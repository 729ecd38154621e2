#include "lrc/mpi/communicator.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace lrc
