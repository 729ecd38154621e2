// Every file operation of the program goes through here: positioned reads, and writes that are whole or absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "lrc/io/directory.hpp"

namespace lrc {

/// An open file descriptor; closed at the end of its life.
class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();
  int get() const { return descriptor_; }
  /// Closes now; returns false, with errno, where that fails.
  bool close();

 private:
  int descriptor_;
};

/// A regular file open for positioned reads (not mapped: a file that shrinks meanwhile is an error, not a signal).
class InputFile {
 public:
  /// Throws InputError where the file is missing, not readable, not a regular file or a pointer of git-lfs to one.
  explicit InputFile(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }

  /// Fills `bytes` from `offset`. Throws Error where the file ends before, CallError where reading fails.
  void read(std::uint64_t offset, std::span<std::byte> bytes) const;

 private:
  std::filesystem::path path_;
  FileDescriptor descriptor_;
  std::uint64_t size_;
};

/// A new file, written front to back under a temporary name beside `target`; commit() makes it appear, whole and on the
/// disk: fsync, rename, fsync of the directory. Without commit() it vanishes.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);

  /// Throws CallError, naming the file and what to do, on a full disk or any other failure.
  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  std::filesystem::path target_;
  TemporaryFile temporary_;
  FileDescriptor descriptor_;
};

/// The whole file. Throws InputError where it is larger than `max_bytes`.
std::string read_text(const std::filesystem::path& file, std::uint64_t max_bytes);

void write_atomically(const std::filesystem::path& target, std::string_view text);

/// Appends one record to a file (created where it is not there) and brings it to the disk.
void append_durably(const std::filesystem::path& file, std::string_view record);

/// Asks for a file's contents to be brought to the disk, without waiting for it; only a hint.
void start_writing_back(const std::filesystem::path& file);

/// Brings a file's contents to the disk.
void sync_file(const std::filesystem::path& file);

}  // namespace lrc
