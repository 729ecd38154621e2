#include "lrc/linalg/blas_core.hpp"

#include <cblas.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "lrc/core/log.hpp"

namespace lrc {
namespace {

constexpr const char* kVariable = "OPENBLAS_CORETYPE";

// What a core type's kernels are written for.
enum class Instructions { sse, avx, avx2, avx512 };

// Those for anything newer are not here: they need no help.
const std::map<std::string, Instructions, std::less<>> kSlower = {
    {"Prescott", Instructions::sse},   {"Core2", Instructions::sse},      {"Penryn", Instructions::sse},
    {"Dunnington", Instructions::sse}, {"Nehalem", Instructions::sse},    {"Atom", Instructions::sse},
    {"Nano", Instructions::sse},       {"Opteron", Instructions::sse},    {"Opteron_SSE3", Instructions::sse},
    {"Barcelona", Instructions::sse},  {"Bobcat", Instructions::sse},     {"Sandybridge", Instructions::avx},
    {"Bulldozer", Instructions::avx},  {"Piledriver", Instructions::avx}, {"Steamroller", Instructions::avx},
    {"Excavator", Instructions::avx2}, {"Haswell", Instructions::avx2},   {"Zen", Instructions::avx2}};

// The version in "OpenBLAS 0.3.21 ..."; zeros where there is none.
std::array<int, 3> version_of(const std::string& config) {
  std::array<int, 3> version{};
  const char* at = config.c_str() + std::min(config.size(), std::strlen("OpenBLAS "));
  for (int& number : version) {
    at = std::from_chars(at, config.c_str() + config.size(), number).ptr;
    if (*at == '.') ++at;
  }
  return version;
}

// Before 0.3.21, what Debian and others build on processors without AVX-512 multiplies wrongly with its kernels for
// them (OpenBLAS's issues 2986 and 3454).
bool avx512_is_right(const BlasLibrary& library) { return version_of(library.config) >= std::array{0, 3, 21}; }

struct CoreType {
  Instructions needs;
  const char* name;
};

// Cooperlake and SapphireRapids add only products of bfloat16 to SkylakeX, and 0.3.21 does not take them from the
// environment; Zen is Haswell.
CoreType best_core(const CpuFeatures& features, const BlasLibrary& library) {
  if (features.avx512 && avx512_is_right(library)) return {Instructions::avx512, "SkylakeX"};
  if (features.avx2 && features.fma) return {Instructions::avx2, "Haswell"};
  if (features.avx) return {Instructions::avx, "Sandybridge"};
  return {Instructions::sse, "Nehalem"};
}

BlasLibrary library_at_hand() { return {openblas_get_config(), openblas_get_corename()}; }

std::string setting() {
  const char* text = std::getenv(kVariable);
  return text ? text : "";
}

}  // namespace

CpuFeatures cpu_features() {
#if defined(__x86_64__)
  return {.avx = __builtin_cpu_supports("avx") != 0,
          .avx2 = __builtin_cpu_supports("avx2") != 0,
          .fma = __builtin_cpu_supports("fma") != 0,
          .avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vl")};
#else
  return {};
#endif
}

std::optional<std::string> faster_blas_core(const CpuFeatures& features, const BlasLibrary& library) {
  const auto chosen = kSlower.find(library.core);
  const CoreType best = best_core(features, library);
  const bool has_others = library.config.find("DYNAMIC_ARCH") != std::string::npos;
  if (!has_others || chosen == kSlower.end() || chosen->second >= best.needs) return std::nullopt;
  return best.name;
}

void restart_with_faster_blas_core(char** argv) {
  const auto core = faster_blas_core(cpu_features(), library_at_hand());
  if (!core || !setting().empty()) return;
  std::error_code unreadable;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unreadable);
  ::setenv(kVariable, core->c_str(), 1);
  ::execv(program.c_str(), argv);
  print_stderr(fmt::format("lrc: warning: can't start again with {}={}: {}\n", kVariable, *core, std::strerror(errno)));
  ::unsetenv(kVariable);
}

void log_blas_core() {
  const BlasLibrary library = library_at_hand();
  const auto faster = faster_blas_core(cpu_features(), library);
  if (!faster) return log_info("BLAS: kernels for " + library.core);
  log_warning(
      fmt::format("BLAS: kernels for {}, though this processor can run those for {}, which are faster; {} is "
                  "\"{}\"",
                  library.core, *faster, kVariable, setting()));
}

}  // namespace lrc
