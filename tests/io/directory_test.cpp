#include "lrc/io/directory.hpp"

#include <gtest/gtest.h>

#include "lrc/core/error.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

TEST(Directory, IsMadeWithThoseAboveIt) {
  const TemporaryDirectory directory;
  make_directories(directory / "a" / "b" / "c");
  make_directories(directory / "a" / "b" / "c");
  EXPECT_TRUE(fs::is_directory(directory / "a" / "b" / "c"));
  write_file(directory / "file", "");
  EXPECT_THROW(make_directories(directory / "file"), CallError);
  EXPECT_THROW(make_directories(directory / "file" / "below"), CallError);
}

TEST(Directory, AnExclusiveFileIsCreatedOnce) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(create_exclusively(directory / "file", "first"));
  EXPECT_FALSE(create_exclusively(directory / "file", "second"));
  EXPECT_EQ(file_bytes(directory / "file"), "first");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), {}), 1) << "a temporary file was left";
  EXPECT_THROW(create_exclusively(directory / "none" / "file", ""), CallError);
}

TEST(Directory, WhatCannotBeOpenedIsThereAllTheSame) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(is_there(directory / "file"));
  EXPECT_FALSE(is_there(directory / "none" / "file"));
  write_file(directory / "file", "");
  EXPECT_TRUE(is_there(directory / "file"));
  fs::create_symlink("nowhere", directory / "broken");
  fs::create_symlink("loop", directory / "loop");
  EXPECT_TRUE(is_there(directory / "broken"));
  EXPECT_TRUE(is_there(directory / "loop"));
  EXPECT_TRUE(is_there(directory / "loop" / "file"));
}

TEST(Directory, TouchingMovesTheModificationTime) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(modification_time(directory / "file"));
  write_file(directory / "file", "");
  const auto before = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(directory / "file", before);
  EXPECT_EQ(modification_time(directory / "file"), before);
  touch(directory / "file");
  EXPECT_GT(modification_time(directory / "file"), before + std::chrono::minutes(59));
  EXPECT_THROW(touch(directory / "none"), CallError);
}

}  // namespace
}  // namespace lrc
