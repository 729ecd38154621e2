#include "lrc/io/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "lrc/core/error.hpp"
#include "lrc/io/system_call.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

int open_or_fail(const fs::path& file, int flags, int mode = 0666) {
  const int descriptor = ::open(file.c_str(), flags | O_CLOEXEC, mode);
  if (descriptor < 0) fail_call("open", file);
  return descriptor;
}

FileDescriptor open_input(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw InputError(path.string(), fmt::format("can't be opened: {}", std::strerror(errno)));
  return FileDescriptor(descriptor);
}

std::uint64_t regular_file_size(const fs::path& path, int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail_call("fstat", path);
  if (!S_ISREG(status.st_mode)) throw InputError(path.string(), "is not a regular file");
  return static_cast<std::uint64_t>(status.st_size);
}

void write_all(int descriptor, std::span<const std::byte> bytes, const fs::path& file) {
  constexpr std::size_t kLargestWrite = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_call("write", file);
    if (written == 0) fail_call("write", file, ENOSPC);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void sync_descriptor(int descriptor, const fs::path& file) {
  if (::fsync(descriptor) == 0) return;
  if (!is_unsupported(errno)) fail_call("fsync", file);
  warn_of_weakness(file,
                   "does not bring files to the disk (fsync): after a loss of power the last ones may be damaged");
}

}  // namespace

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileDescriptor::~FileDescriptor() { close(); }

bool FileDescriptor::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  return descriptor < 0 || ::close(descriptor) == 0;
}

InputFile::InputFile(fs::path path)
    : path_(std::move(path)), descriptor_(open_input(path_)), size_(regular_file_size(path_, descriptor_.get())) {
  constexpr std::string_view kPointer = "version https://git-lfs.github.com/spec/";
  constexpr std::uint64_t kLargestPointer = 1024;
  if (size_ < kPointer.size() || size_ > kLargestPointer) return;
  std::string head(kPointer.size(), '\0');
  read(0, std::as_writable_bytes(std::span(head)));
  if (head == kPointer)
    throw InputError(path_.string(),
                     "is a pointer of git-lfs, not the file itself; run git lfs pull in its repository");
}

void InputFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = ::pread(descriptor_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_call("pread", path_);
    if (got == 0)
      throw Error(fmt::format("{}: ends at byte {}, before what is to be read there; was it changed meanwhile?",
                              path_.string(), offset));
    offset += static_cast<std::uint64_t>(got);
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
}

AtomicFile::AtomicFile(fs::path target)
    : target_(std::move(target)),
      temporary_(target_),
      descriptor_(open_or_fail(temporary_.path(), O_WRONLY | O_CREAT | O_EXCL)) {}

void AtomicFile::write(std::span<const std::byte> bytes) { write_all(descriptor_.get(), bytes, temporary_.path()); }

void AtomicFile::commit() {
  sync_descriptor(descriptor_.get(), temporary_.path());
  if (!descriptor_.close()) fail_call("close", temporary_.path());
  rename_durably(temporary_.path(), target_);
}

std::string read_text(const fs::path& file, std::uint64_t max_bytes) {
  const InputFile input(file);
  if (input.size() > max_bytes)
    throw InputError(file.string(), fmt::format("has {} bytes; at most {} are read", input.size(), max_bytes));
  std::string text(input.size(), '\0');
  input.read(0, std::as_writable_bytes(std::span(text)));
  return text;
}

void write_atomically(const fs::path& target, std::string_view text) {
  AtomicFile file(target);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

void append_durably(const fs::path& file, std::string_view record) {
  FileDescriptor descriptor(open_or_fail(file, O_WRONLY | O_CREAT | O_APPEND));
  write_all(descriptor.get(), std::as_bytes(std::span(record)), file);
  sync_descriptor(descriptor.get(), file);
  if (!descriptor.close()) fail_call("close", file);
  sync_directory(file.has_parent_path() ? file.parent_path() : fs::path("."));  // the first record makes the file
}

void start_writing_back(const fs::path& file) {
  const FileDescriptor descriptor(open_or_fail(file, O_RDONLY));
#ifdef SYNC_FILE_RANGE_WRITE
  ::sync_file_range(descriptor.get(), 0, 0, SYNC_FILE_RANGE_WRITE);  // Linux; elsewhere the system does it in its time
#endif
}

void sync_file(const fs::path& file) {
  FileDescriptor descriptor(open_or_fail(file, O_RDONLY));
  sync_descriptor(descriptor.get(), file);
  if (!descriptor.close()) fail_call("close", file);
}

}  // namespace lrc
