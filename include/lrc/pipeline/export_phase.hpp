// The committed solves as a model directory with its report, which comes to its place when it is whole.
#pragma once

#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/export/exporter.hpp"
#include "lrc/pipeline/problem.hpp"
#include "lrc/pipeline/ranks.hpp"
#include "lrc/pipeline/run_log.hpp"

namespace lrc {

class ExportPhase {
 public:
  ExportPhase(Ranks ranks, const Problem& problem, Checkpoint& store, RunLog log)
      : ranks_(ranks), problem_(problem), store_(store), log_(log) {}

  /// `facts` of the run go to the report, before what is known of the linears. Collective.
  void run(const nlohmann::ordered_json& facts);

 private:
  Exporter exporter(const std::filesystem::path& directory);
  void write_share(const Exporter& exporter);
  void write_report(const nlohmann::ordered_json& facts, const std::filesystem::path& directory) const;

  Ranks ranks_;
  const Problem& problem_;
  Checkpoint& store_;
  RunLog log_;
  /// What the report says of stacks, by their names: records are large, and read once for it and for the weights.
  nlohmann::ordered_json solved_ = nlohmann::ordered_json::object();
};

}  // namespace lrc
