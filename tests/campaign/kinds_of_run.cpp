#include "kinds_of_run.hpp"

#include <fmt/core.h>

#include "lrc/core/error.hpp"
#include "tiny_model.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

std::vector<Operation> recorded(const fs::path& trace, const fs::path& directory) {
  std::FILE* file = std::fopen(trace.c_str(), "rb");
  demand(file != nullptr, "the operations of the undisturbed run were not recorded");
  std::vector<Operation> operations = read_operations(file);
  std::fclose(file);
  for (Operation& operation : operations) {
    for (std::string* path : {&operation.path, &operation.other}) {
      if (!path->empty()) *path = fs::path(*path).lexically_relative(directory).string();
    }
  }
  return operations;
}

// Into work/undisturbed, of the model in `model`.
KindOfRun make_kind(const fs::path& work, const fs::path& model, const std::vector<std::string>& options) {
  const fs::path directory = work / "undisturbed";
  KindOfRun kind{.arguments = {"--model", model.string(), "--calibration", (model / "tokens.npy").string(),
                               "--sequences", "160", "--sequence-length", "48", "--threads", "1"},
                 .operations = {},
                 .reads = {},
                 .expected = {}};
  kind.arguments.insert(kind.arguments.end(), options.begin(), options.end());
  const fs::path trace = work / "trace";
  fs::remove_all(directory);
  fs::create_directories(directory);
  fs::remove(trace);
  Job job(launch(kind, directory, {"LRC_FAULT_TRACE=" + trace.string()}), work / "log");
  demand(job.wait(kLimit) == 0, "the undisturbed run failed: " + job.output());
  for (Operation& operation : recorded(trace, directory))
    (operation.kind == OperationKind::read ? kind.reads : kind.operations).push_back(std::move(operation));
  demand(kind.operations.size() > 100 && kind.reads.size() > 100,
         "the operations of the undisturbed run were not recorded");
  kind.expected = digest(directory / "out");
  fs::remove_all(directory);
  return kind;
}

}  // namespace

std::vector<KindOfRun> all_kinds(const fs::path& work) {
  const auto model = [&](const std::string& family, Index blocks) {
    fs::path directory = work / fmt::format("{}{}", family, blocks);
    write_tiny_model(directory, blocks, family);
    write_tiny_tokens(directory / "tokens.npy", 8192);
    return directory;
  };
  std::vector<KindOfRun> kinds;
  for (const Index blocks : {1, 2}) {
    for (const char* method : {"rtn", "gptq", "svd", "lrc"})
      kinds.push_back(make_kind(work, model("llama", blocks),
                                {"--method", method, "--moments", blocks == 1 ? "exact" : "diagonal"}));
  }
  const std::vector<std::string> beyond{"--rank-fraction",   "0.4",    "--stack-groups",         "on",
                                        "--factor-bits",     "8",      "--residual-activations", "on",
                                        "--activation-clip", "fitted", "--center-activations",   "on"};
  kinds.push_back(make_kind(work, model("mixtral", 1), beyond));
  kinds.push_back(make_kind(work, model("llama", 2), beyond));
  // Stage by stage through the quantized model.
  for (const char* family : {"llama", "mixtral"})
    kinds.push_back(make_kind(work, model(family, 2), {"--rank-fraction", "0.4", "--propagate", "quantized"}));
  // Block by block, by steps.
  kinds.push_back(
      make_kind(work, model("mixtral", 2), {"--method", "lrq", "--lrq-rank", "0.25", "--learn-steps", "20"}));
  return kinds;
}

Launch launch(const KindOfRun& kind, const fs::path& directory, std::vector<std::string> faults) {
  Launch result{.ranks = 0, .arguments = kind.arguments, .environment = std::move(faults)};
  result.arguments.insert(result.arguments.end(), {"--output", (directory / "out").string()});
  if (!result.environment.empty()) {
    result.environment.emplace_back("LD_PRELOAD=" LRC_FILE_FAULTS);
    result.environment.emplace_back("LRC_FAULT_ROOT=" + directory.string());
  }
  // One rank needs no daemon of MPI's, and a directory of its own for MPI's files.
  const fs::path session = directory.string() + ".mpi";
  fs::create_directories(session);
  result.environment.emplace_back("OMPI_MCA_ess_singleton_isolated=1");
  result.environment.emplace_back("OMPI_MCA_orte_tmpdir_base=" + session.string());
  return result;
}

void demand(bool holds, const std::string& what) {
  if (!holds) throw Error(what);
}

}  // namespace lrc
