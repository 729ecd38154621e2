// Runs on tiny models, undisturbed and with faults in their file operations.
#pragma once

#include "operation_trace.hpp"
#include "runs.hpp"

namespace lrc {

/// For a run to end; none should need it.
constexpr std::chrono::milliseconds kLimit{120'000};

/// One kind of run, undisturbed: what it does to its files, and what it writes.
struct KindOfRun {
  std::vector<std::string> arguments;
  std::vector<Operation> operations;  ///< that change something; paths relative to the directory of the run
  std::vector<Operation> reads;
  std::map<std::string, std::string> expected;
};

/// A kind of its own for each method, with one block and with two, and all that is beyond the paper, on a Llama and on
/// a Mixtral. Writes models and directories below `work`.
std::vector<KindOfRun> all_kinds(const std::filesystem::path& work);

/// A run into DIRECTORY/out on one rank. `faults` are settings of file_faults.cpp; none: nothing fails.
Launch launch(const KindOfRun& kind, const std::filesystem::path& directory, std::vector<std::string> faults = {});

/// Throws Error(what) unless `holds`.
void demand(bool holds, const std::string& what);

}  // namespace lrc
