#include "lrc/io/system_call.hpp"

#include <cstring>
#include <mutex>
#include <set>
#include <string>

#include "lrc/core/error.hpp"
#include "lrc/core/log.hpp"

namespace lrc {
namespace {

std::string advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "; make room and run again";
    case EFBIG:
      return "; this file system takes no file of that size: name a directory on another";
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

bool is_unsupported(int error) {
  switch (error) {
    case EPERM:  // of link(2) on FAT; where the permission itself is lacking, what is done instead will say so
    case EINVAL:
    case EMLINK:
    case ENOSYS:
    case ENOTSUP:
#if EOPNOTSUPP != ENOTSUP
    case EOPNOTSUPP:
#endif
      return true;
    default:
      return false;
  }
}

void warn_of_weakness(const std::filesystem::path& file, std::string_view weakness) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> said;  // guarded by mutex
  const std::lock_guard lock(mutex);
  if (said.emplace(weakness).second) log_warning(fmt::format("{}: the file system {}", file.string(), weakness));
}

}  // namespace lrc
