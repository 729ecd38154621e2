// Failed calls of the operating system as exceptions.
#pragma once

#include <cerrno>
#include <filesystem>

namespace lrc {

/// Throws CallError: "CALL: FILE: what the error number means; what to do".
[[noreturn]] void fail_call(const char* call, const std::filesystem::path& file, int error = errno);

}  // namespace lrc
