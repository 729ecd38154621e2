// Failed calls of the operating system as exceptions, and what some file systems don't have.
#pragma once

#include <cerrno>
#include <filesystem>
#include <string_view>

namespace lrc {

/// Throws CallError: "CALL: FILE: what the error number means; what to do".
[[noreturn]] void fail_call(const char* call, const std::filesystem::path& file, int error = errno);

/// Whether a call that failed with this error is one that the file system does not have, as FAT, FUSE and some network
/// file systems lack hard links or fsync of directories.
bool is_unsupported(int error);

/// Warns that the file system which holds `file` lacks something, and what that weakens; once for each text.
void warn_of_weakness(const std::filesystem::path& file, std::string_view weakness);

}  // namespace lrc
