// What the process is at, so that a lack of memory can be named.
#pragma once

#include <exception>
#include <map>
#include <string>

namespace lrc {

/// Which rank of the job this process is; 0 before.
void set_rank(int rank);

/// From now on the process is in this phase. The names are those of the memory plan, as far as it has them.
void enter_phase(const std::string& phase);

/// What phases were planned to need, as a message says it; by their names.
void set_planned_memory(std::map<std::string, std::string> of_phases);

/// what() of the error; of std::bad_alloc: rank, phase, what was planned for it, and what to do.
std::string text_of(const std::exception& error);

}  // namespace lrc
