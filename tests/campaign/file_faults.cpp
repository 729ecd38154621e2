// A library to be preloaded (LD_PRELOAD) into a program: it counts the operations that change files below a directory,
// or those that read them, can make one of them fail or kill the process there, and can record them all. It stands
// between the program, HDF5 included, and the operating system, so nothing in the program knows of it.
//
//   LRC_FAULT_ROOT   absolute path of the directory
//   LRC_FAULT_AT     number of the operation, from 0; none: nothing fails
//   LRC_FAULT        kill (before it), kill_after, enospc, eio, short (half the bytes are written or read)
//   LRC_FAULT_READS  set: only what reads counts; otherwise only what changes something
//   LRC_FAULT_ALWAYS set: the operations after it fail too
//   LRC_FAULT_RANK   only on this rank of an mpirun
//   LRC_FAULT_UNSUPPORTED  what the file system lacks, with commas between: link, fsync_directory, flock, utimensat
//   LRC_FAULT_TRACE  file that all operations are appended to (operation_trace.hpp)
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

#include "operation_trace.hpp"

namespace {

using lrc::Operation;
using lrc::OperationKind;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

/// What this process does to files below the root. Made on first use, never destroyed: files are closed until the end.
class Faults {
 public:
  static Faults& instance() {
    static auto* faults = new Faults;
    return *faults;
  }

  /// Whether the file system below the root lacks a call: then errno is `error`.
  bool lacks(const std::string& call, const std::string& path, int error) const {
    if (path.empty() || !below_root(path) || unsupported_.find("," + call + ",") == std::string::npos) return false;
    errno = error;
    return true;
  }

  bool below_root(const std::string& path) const { return active_ && (path == root_ || path.starts_with(root_ + "/")); }

  void opened(int descriptor, const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (descriptor >= 0 && descriptor < kDescriptors) paths_[static_cast<std::size_t>(descriptor)] = path;
  }
  std::string path_of(int descriptor) {
    const std::lock_guard lock(mutex_);
    return descriptor >= 0 && descriptor < kDescriptors ? paths_[static_cast<std::size_t>(descriptor)] : "";
  }
  void closed(int descriptor) { opened(descriptor, ""); }

  /// Counts an operation, does it (or not), and returns its result. `shorten` does it by half.
  template <class Do, class DoHalf>
  auto carry_out(const Operation& operation, const Do& whole, const DoHalf& half) {
    const std::lock_guard lock(carrying_out_);
    const bool counts = (operation.kind == OperationKind::read) == reads_;
    const long number = counts ? count_++ : -1;
    const bool here = counts && at_ >= 0 && (number == at_ || (always_ && number > at_));
    if (here && fault_ == "kill") raise(SIGKILL);
    if (here && (fault_ == "enospc" || fault_ == "eio")) {
      if (operation.kind == OperationKind::close) whole();
      errno = fault_ == "eio" ? EIO : ENOSPC;
      return decltype(whole()){-1};
    }
    const auto result = here && fault_ == "short" ? half() : whole();
    const int error = errno;
    if (here && fault_ == "kill_after") raise(SIGKILL);
    if (result >= 0) record(operation);
    errno = error;
    return result;
  }

  template <class Do>
  auto carry_out(const Operation& operation, const Do& whole) {
    return carry_out(operation, whole, whole);
  }

 private:
  static constexpr int kDescriptors = 4096;

  Faults() : root_(environment("LRC_FAULT_ROOT")), fault_(environment("LRC_FAULT")) {
    const std::string at = environment("LRC_FAULT_AT"), rank = environment("LRC_FAULT_RANK"),
                      trace = environment("LRC_FAULT_TRACE");
    active_ = !root_.empty() && (rank.empty() || rank == environment("OMPI_COMM_WORLD_RANK"));
    if (!at.empty()) at_ = std::atol(at.c_str());
    unsupported_ = "," + environment("LRC_FAULT_UNSUPPORTED") + ",";
    always_ = !environment("LRC_FAULT_ALWAYS").empty();
    reads_ = !environment("LRC_FAULT_READS").empty();
    if (active_ && !trace.empty()) trace_ = std::fopen(trace.c_str(), "ab");
  }

  void record(const Operation& operation) {
    if (!trace_) return;
    lrc::write_operation(trace_, operation);
    std::fflush(trace_);
  }

  std::string root_, fault_, unsupported_;
  bool active_ = false, always_ = false, reads_ = false;
  long at_ = -1;
  std::FILE* trace_ = nullptr;
  std::mutex carrying_out_, mutex_;
  long count_ = 0;                               // guarded by carrying_out_
  std::array<std::string, kDescriptors> paths_;  // guarded by mutex_
};

int open_through(const char* path, int flags, mode_t mode) {
  static const auto real = next<int (*)(const char*, int, ...)>("open");
  Faults& faults = Faults::instance();
  if (!faults.below_root(path)) return real(path, flags, mode);
  const auto whole = [&] { return real(path, flags, mode); };
  const bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
  const int descriptor = changes
                             ? faults.carry_out({.kind = OperationKind::open,
                                                 .path = path,
                                                 .other = {},
                                                 .offset = (flags & O_TRUNC) != 0 ? std::uint64_t{0} : std::uint64_t{1},
                                                 .data = {}},
                                                whole)
                             : whole();
  faults.opened(descriptor, path);
  return descriptor;
}

mode_t mode_of(int flags, va_list arguments) { return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0; }

std::string_view bytes_of(const void* bytes, std::size_t size) { return {static_cast<const char*>(bytes), size}; }

// An operation at a place of an open file.
template <class Do, class DoHalf>
auto on_file(OperationKind kind, int descriptor, off_t offset, std::string_view data, const Do& whole,
             const DoHalf& half) {
  const std::string path = Faults::instance().path_of(descriptor);
  if (path.empty()) return whole();
  return Faults::instance().carry_out({.kind = kind,
                                       .path = path,
                                       .other = {},
                                       .offset = static_cast<std::uint64_t>(offset),
                                       .data = std::string(data)},
                                      whole, half);
}

ssize_t pwrite_through(int descriptor, const void* bytes, std::size_t size, off_t offset) {
  static const auto real = next<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite");
  return on_file(
      OperationKind::write, descriptor, offset, bytes_of(bytes, size),
      [&] { return real(descriptor, bytes, size, offset); },
      [&] { return real(descriptor, bytes, (size + 1) / 2, offset); });
}

ssize_t pread_through(int descriptor, void* bytes, std::size_t size, off_t offset) {
  static const auto real = next<ssize_t (*)(int, void*, std::size_t, off_t)>("pread");
  return on_file(
      OperationKind::read, descriptor, offset, {}, [&] { return real(descriptor, bytes, size, offset); },
      [&] { return real(descriptor, bytes, (size + 1) / 2, offset); });
}

int ftruncate_through(int descriptor, off_t size) {
  static const auto real = next<int (*)(int, off_t)>("ftruncate");
  const auto whole = [&] { return real(descriptor, size); };
  return on_file(OperationKind::truncate, descriptor, size, {}, whole, whole);
}

// An operation on names alone.
template <class Do>
int on_names(OperationKind kind, const std::string& path, const std::string& other, const Do& real) {
  if (!Faults::instance().below_root(path)) return real();
  return Faults::instance().carry_out({.kind = kind, .path = path, .other = other, .offset = 0, .data = {}}, real);
}

std::string path_at(int directory, const char* name) {
  if (name[0] == '/' || directory == AT_FDCWD) return name;
  std::array<char, PATH_MAX> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(directory);
  return readlink(link.c_str(), path.data(), path.size() - 1) < 0 ? name : std::string(path.data()) + "/" + name;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_through(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_through(path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t size) {
  static const auto real = next<ssize_t (*)(int, const void*, size_t)>("write");
  const std::string path = Faults::instance().path_of(descriptor);
  if (path.empty()) return real(descriptor, bytes, size);
  // Front to back, or appended: in both cases at the end of the file.
  struct stat status {};
  fstat(descriptor, &status);
  return Faults::instance().carry_out(
      {.kind = OperationKind::write,
       .path = path,
       .other = {},
       .offset = static_cast<std::uint64_t>(status.st_size),
       .data = std::string(bytes_of(bytes, size))},
      [&] { return real(descriptor, bytes, size); }, [&] { return real(descriptor, bytes, (size + 1) / 2); });
}

ssize_t read(int descriptor, void* bytes, size_t size) {
  static const auto real = next<ssize_t (*)(int, void*, size_t)>("read");
  return on_file(
      OperationKind::read, descriptor, 0, {}, [&] { return real(descriptor, bytes, size); },
      [&] { return real(descriptor, bytes, (size + 1) / 2); });
}

ssize_t pread(int descriptor, void* bytes, size_t size, off_t offset) {
  return pread_through(descriptor, bytes, size, offset);
}
ssize_t pread64(int descriptor, void* bytes, size_t size, off_t offset) {
  return pread_through(descriptor, bytes, size, offset);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return pwrite_through(descriptor, bytes, size, offset);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t size, off_t offset) {
  return pwrite_through(descriptor, bytes, size, offset);
}
int ftruncate(int descriptor, off_t size) noexcept { return ftruncate_through(descriptor, size); }
int ftruncate64(int descriptor, off_t size) noexcept { return ftruncate_through(descriptor, size); }

int fsync(int descriptor) {
  static const auto real = next<int (*)(int)>("fsync");
  struct stat status {};
  if (fstat(descriptor, &status) == 0 && S_ISDIR(status.st_mode) &&
      Faults::instance().lacks("fsync_directory", Faults::instance().path_of(descriptor), EINVAL))
    return -1;
  const auto whole = [&] { return real(descriptor); };
  return on_file(OperationKind::sync, descriptor, 0, {}, whole, whole);
}

int close(int descriptor) {
  static const auto real = next<int (*)(int)>("close");
  const std::string path = Faults::instance().path_of(descriptor);
  if (path.empty()) return real(descriptor);
  Faults::instance().closed(descriptor);
  return Faults::instance().carry_out(
      {.kind = OperationKind::close, .path = path, .other = {}, .offset = 0, .data = {}},
      [&] { return real(descriptor); });
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  return on_names(OperationKind::rename, from, to, [&] { return real(from, to); });
}

int link(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("link");
  if (Faults::instance().lacks("link", to, EPERM)) return -1;
  return on_names(OperationKind::link, from, to, [&] { return real(from, to); });
}

int unlink(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("unlink");
  return on_names(OperationKind::unlink, path, "", [&] { return real(path); });
}

int remove(const char* path) noexcept {
  static const auto real = next<int (*)(const char*)>("remove");
  return on_names(OperationKind::unlink, path, "", [&] { return real(path); });
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  static const auto real = next<int (*)(int, const char*, int)>("unlinkat");
  return on_names(OperationKind::unlink, path_at(directory, path), "", [&] { return real(directory, path, flags); });
}

int flock(int descriptor, int operation) noexcept {
  static const auto real = next<int (*)(int, int)>("flock");
  return Faults::instance().lacks("flock", Faults::instance().path_of(descriptor), ENOLCK)
             ? -1
             : real(descriptor, operation);
}

int utimensat(int directory, const char* path, const timespec times[2], int flags) noexcept {
  static const auto real = next<int (*)(int, const char*, const timespec*, int)>("utimensat");
  return Faults::instance().lacks("utimensat", path_at(directory, path), ENOSYS) ? -1
                                                                                 : real(directory, path, times, flags);
}

int mkdir(const char* path, mode_t mode) noexcept {
  static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
  return on_names(OperationKind::mkdir, path, "", [&] { return real(path, mode); });
}
}
