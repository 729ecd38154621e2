#include "lrc/plan/memory_limit.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace lrc {
namespace fs = std::filesystem;
namespace {

constexpr double kMiB = 1024.0 * 1024.0, kNoLimit = std::numeric_limits<double>::infinity();

double number_in(const fs::path& file) {
  double number = 0;
  return std::ifstream(file) >> number ? number : kNoLimit;  // "max" is no number
}

// From the group at `path` up to the root of the hierarchy that is mounted at `mount`. Where a container sees only part
// of it, the groups of the path are not there, and count for nothing.
double limit_of_groups(const fs::path& mount, fs::path path) {
  double limit = kNoLimit;
  while (true) {
    const fs::path group = mount / path.relative_path();
    for (const char* name : {"memory.max", "memory.high", "memory.limit_in_bytes"})
      limit = std::min(limit, number_in(group / name));
    if (path.relative_path().empty()) return limit;
    path = path.parent_path();
  }
}

// cgroups(7): lines "NUMBER:CONTROLLERS:PATH"; version 2 has number 0 and no controllers.
double limit_of_groups(const fs::path& root) {
  const fs::path mounts = root / "sys/fs/cgroup";
  double limit = std::min(limit_of_groups(mounts, "/"), limit_of_groups(mounts / "memory", "/"));
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t colon = line.find(':'), second = line.find(':', colon + 1);
    if (colon == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(colon + 1, second - colon - 1) + ",",
                      path = line.substr(second + 1);
    if (controllers == ",,") limit = std::min(limit, limit_of_groups(mounts, path));
    if (controllers.find(",memory,") != std::string::npos)
      limit = std::min(limit, limit_of_groups(mounts / "memory", path));
  }
  return limit;
}

double environment_number(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::atof(text) : 0;
}

// sbatch(1): in MiB; 0 or nothing where the job has all of the node's.
double granted_by_slurm() {
  const double of_node = environment_number("SLURM_MEM_PER_NODE");
  const double of_cpus = environment_number("SLURM_MEM_PER_CPU") * environment_number("SLURM_CPUS_ON_NODE");
  return std::min(of_node > 0 ? of_node * kMiB : kNoLimit, of_cpus > 0 ? of_cpus * kMiB : kNoLimit);
}

}  // namespace

double memory_of_job(const fs::path& root) {
  const double host = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return std::min({host, limit_of_groups(root), granted_by_slurm()});
}

}  // namespace lrc
