// Names in directories: what is created, renamed, removed, and brought to the disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace lrc {

/// Brings a directory's entries to the disk. Where the file system does not do that, there is a warning, once.
void sync_directory(const std::filesystem::path& directory);

/// rename(2).
void rename_path(const std::filesystem::path& from, const std::filesystem::path& to);

/// rename(2), then fsync of the directory that holds the new name.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

/// Creates a directory and those above it, on the disk; one that is there already is fine.
void make_directories(const std::filesystem::path& directory);

/// Removes a file or a whole directory; nothing there is fine.
void remove_path(const std::filesystem::path& path);

/// Creates a file with this text, unless there is one of that name: then returns false. Of several processes that try,
/// on any host, one succeeds. The file is whole from the beginning; only where the file system has no hard links, which
/// gets a warning, others may see a part of it, and so may those who come after a crash.
bool create_exclusively(const std::filesystem::path& file, std::string_view text);

/// Sets the file's modification time to now. Its contents stay.
void touch(const std::filesystem::path& file);

/// Whether there is anything of that name; so also a link that leads nowhere, and what can't be looked at.
bool is_there(const std::filesystem::path& path);

/// As the file system knows it; none where the file is not there.
std::optional<std::filesystem::file_time_type> modification_time(const std::filesystem::path& file);

/// A name beside `target` for a file in the making; what still has that name at the end of this object is removed.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A name for a temporary file or directory beside `target`, unique to this process.
std::filesystem::path temporary_beside(const std::filesystem::path& target);

/// Whether a name was made by temporary_beside.
bool is_temporary(const std::filesystem::path& path);

}  // namespace lrc
