#include "lrc/io/directory.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <string>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/system_call.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

fs::path directory_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

bool has_two_names(const fs::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && status.st_nlink == 2;
}

// Where there are no hard links: the name comes first, then what the file holds.
bool create_without_link(const fs::path& file, std::string_view text) {
  warn_of_weakness(file,
                   "has no hard links: a job that is killed while it begins to use a checkpoint may leave a lease "
                   "without its name, which the next job watches for a while");
  const FileDescriptor descriptor(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (descriptor.get() < 0 && errno == EEXIST) return false;
  if (descriptor.get() < 0) fail_call("open", file);
  try {
    append_durably(file, text);
  } catch (const Error&) {
    remove_path(file);
    throw;
  }
  return true;
}

}  // namespace

void sync_directory(const fs::path& directory) {
  constexpr const char* kWeakness =
      "does not bring directories to the disk (fsync): after a loss of power the last files may be missing, so that an "
      "output which was just written should be made again";
  FileDescriptor descriptor(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) {  // one may write into a directory that one may not read
    if (errno != EACCES && !is_unsupported(errno)) fail_call("open", directory);
    return warn_of_weakness(directory, kWeakness);
  }
  if (::fsync(descriptor.get()) != 0) {
    if (errno != EBADF && !is_unsupported(errno)) fail_call("fsync", directory);
    warn_of_weakness(directory, kWeakness);
  }
  if (!descriptor.close()) fail_call("close", directory);
}

void rename_path(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_call("rename", to);
}

void rename_durably(const fs::path& from, const fs::path& to) {
  rename_path(from, to);
  sync_directory(directory_of(to));
}

void make_directories(const fs::path& directory) {
  if (!fs::is_directory(directory)) {
    if (directory.has_parent_path()) make_directories(directory.parent_path());
    const int failed = ::mkdir(directory.c_str(), 0777) == 0 ? 0 : errno;
    if (failed != 0 && !fs::is_directory(directory)) fail_call("mkdir", directory, failed);  // else others were faster
  }
  // Whoever made it may not have come so far; but that was none of us where we may not write.
  if (::access(directory_of(directory).c_str(), W_OK | R_OK) == 0) sync_directory(directory_of(directory));
}

void remove_path(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) fail_call("remove", path, error.value());
}

bool create_exclusively(const fs::path& file, std::string_view text) {
  const fs::path temporary = temporary_beside(file);
  write_atomically(temporary, text);
  int failed = ::link(temporary.c_str(), file.c_str()) == 0 ? 0 : errno;
  if (failed != 0 && has_two_names(temporary)) failed = 0;  // a network's answer got lost, and the question came twice
  remove_path(temporary);
  if (failed != 0 && is_unsupported(failed)) return create_without_link(file, text);
  if (failed != 0 && failed != EEXIST) fail_call("link", file, failed);
  if (failed == 0) sync_directory(directory_of(file));
  return failed == 0;
}

void touch(const fs::path& file) {
  if (::utimensat(AT_FDCWD, file.c_str(), nullptr, 0) == 0) return;
  if (!is_unsupported(errno)) fail_call("utimensat", file);
  // A byte that is written over by itself.
  const FileDescriptor descriptor(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  char byte = 0;
  if (descriptor.get() < 0) fail_call("open", file);
  if (::pread(descriptor.get(), &byte, 1, 0) < 0) fail_call("pread", file);
  if (::pwrite(descriptor.get(), &byte, 1, 0) != 1) fail_call("pwrite", file);
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

std::optional<fs::file_time_type> modification_time(const fs::path& file) {
  // Network file systems bring their knowledge of a file up to date when it is opened.
  const FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.get() < 0 && errno == ENOENT) return std::nullopt;
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(file, error);
  if (error == std::errc::no_such_file_or_directory) return std::nullopt;
  if (error) fail_call("stat", file, error.value());
  return time;
}

TemporaryFile::TemporaryFile(const fs::path& target) : path_(temporary_beside(target)) {}

TemporaryFile::~TemporaryFile() { ::unlink(path_.c_str()); }

fs::path temporary_beside(const fs::path& target) {
  static const unsigned host = std::random_device{}();  // process numbers are the same on several hosts
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}.tmp.{:08x}.{}.{}", target.string(), host, ::getpid(), counter++);
}

bool is_temporary(const fs::path& path) { return path.filename().string().find(".tmp.") != std::string::npos; }

}  // namespace lrc
