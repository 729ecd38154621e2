#include "lrc/io/system_call.hpp"

#include <cstring>

#include "lrc/core/error.hpp"

namespace lrc {
namespace {

std::string advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; make room and run again";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; check the permissions";
    case EIO:
      return "; the disk or the file system is failing";
    default:
      return "";
  }
}

}  // namespace

void fail_call(const char* call, const std::filesystem::path& file, int error) {
  throw CallError(call, fmt::format("{}: {}{}", file.string(), std::strerror(error), advice(error)));
}

}  // namespace lrc
