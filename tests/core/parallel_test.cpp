#include "lrc/core/parallel.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "lrc/core/error.hpp"

namespace lrc {
namespace {

TEST(ThreadPool, RunsEveryTileOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const Index tiles : {0, 1, 2, 17, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(tiles));
      pool.for_each(tiles, [&](Index i) { ++calls[static_cast<std::size_t>(i)]; });
      for (const auto& count : calls) EXPECT_EQ(count, 1);
    }
  }
}

TEST(ThreadPool, UsesItsThreads) {
  ThreadPool pool(3);
  std::atomic<int> inside{0};
  std::atomic<bool> all_inside{false};
  pool.for_each(3, [&](Index) {
    if (++inside == 3) all_inside = true;
    for (int i = 0; i < 20000 && !all_inside; ++i) std::this_thread::sleep_for(std::chrono::microseconds(100));
  });
  EXPECT_TRUE(all_inside);
}

TEST(ThreadPool, PassesOnTheFirstErrorAndSkipsWhatIsLeft) {
  ThreadPool pool(2);
  std::atomic<int> ran{0};
  EXPECT_THROW(pool.for_each(100000,
                             [&](Index i) {
                               ++ran;
                               if (i == 3) throw std::runtime_error("tile 3");
                             }),
               std::runtime_error);
  EXPECT_LT(ran, 100000);
  pool.for_each(10, [&](Index) { ++ran; });  // the pool goes on working
}

// Under a limit of memory that has no room for the threads' stacks.
TEST(ThreadPoolDeathTest, AThreadThatCannotBeMadeIsAnError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs memory of its own";
#endif
  const auto ask_for_too_many = [] {
    alarm(30);  // the others must not be waited for
    const rlimit limit{std::uint64_t{1} << 31, std::uint64_t{1} << 31};
    setrlimit(RLIMIT_AS, &limit);
    try {
      const ThreadPool pool(2000);
    } catch (const CallError& error) {
      fmt::print(stderr, "{}\n", error.what());
      _exit(7);
    }
    _exit(0);
  };
  EXPECT_EXIT(ask_for_too_many(), testing::ExitedWithCode(7), "pthread_create: .* of 2000; take fewer threads");
}

TEST(Narrow, RefusesWhatDoesNotFit) {
  EXPECT_EQ(narrow<int>(Index{2147483647}), 2147483647);
  EXPECT_THROW(narrow<int>(Index{2147483648}), Error);
  EXPECT_THROW(narrow<std::uint32_t>(Index{-1}), Error);
}

TEST(EvenTile, CutsIntoAsFewTilesAsTheLargestWould) {
  for (Index size = 1; size < 3000; ++size) {
    const Index tile = even_tile(size, 256);
    EXPECT_LE(tile, 256);
    EXPECT_EQ(tile % 16, 0);
    EXPECT_EQ(ceil_div(size, tile), ceil_div(size, 256)) << size;
  }
  EXPECT_EQ(even_tile(576, 256), 192);
}

}  // namespace
}  // namespace lrc
