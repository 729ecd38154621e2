// The memory that a job may use on this host.
#pragma once

#include <filesystem>

namespace lrc {

/// Bytes: the least of the host's memory, what the control groups of this process allow (version 1 or 2, from its own
/// up to the root of what is mounted), and what Slurm granted on the node (SLURM_MEM_PER_NODE or SLURM_MEM_PER_CPU,
/// which hold also where no control group does). `root` is where /proc and /sys are looked for.
double memory_of_job(const std::filesystem::path& root = "/");

}  // namespace lrc
