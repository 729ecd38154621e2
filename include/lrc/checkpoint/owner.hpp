// Who holds a lease: enough to tell a dead owner from a living one, and to name it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lrc {

struct Owner {
  std::string host, job;   ///< job: Slurm's number, or empty
  std::string restarts;    ///< how often Slurm has started that job anew
  std::string boot, pids;  ///< the host's boot and its space of process numbers
  long process = 0;
  std::string process_start;  ///< in clock ticks since the boot: process numbers are used again
  double since = 0;           ///< when this was made, in seconds of the system's clock
};

/// This process.
Owner this_owner();

nlohmann::ordered_json to_json(const Owner& owner);
/// What isn't there or has another type is left empty.
Owner owner_from(const nlohmann::json& json);

/// "host n12, job 4711, process 99, for 3 min 20 s".
std::string describe(const Owner& owner);

/// Whether the owner is certainly not alive any more, as far as this process can know.
bool is_dead(const Owner& owner);

}  // namespace lrc
