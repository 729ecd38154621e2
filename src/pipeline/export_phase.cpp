#include "lrc/pipeline/export_phase.hpp"

#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/io/directory.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/output_place.hpp"
#include "lrc/pipeline/output_format.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

double directory_bytes(const fs::path& directory) {
  double bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  }
  return bytes;
}

// On root those of all ranks. Collective.
nlohmann::ordered_json gathered(const Communicator& world, const nlohmann::ordered_json& mine) {
  nlohmann::ordered_json all;
  for (const std::string& part : world.gather(mine.dump())) all.update(nlohmann::ordered_json::parse(part));
  return all;
}

// Of a linear, the `i`-th of its stack, by the facts of the stack's solve.
nlohmann::ordered_json entry_of(const CalibrateOptions& options, const SolveTask& task, std::size_t i,
                                nlohmann::ordered_json of_solve) {
  const LinearLayout& linear = task.group.linears[task.stack.first + i];
  nlohmann::ordered_json entry = {
      {"name", linear.name}, {"shape", {linear.rows, linear.cols}}, {"rank", options.rank(task.stack, linear.cols)}};
  if (task.stack.count > 1) entry["stack"] = task.stack.name;
  const GridShape grid = options.solve_grid(task.stack, linear.cols);  // of the ranks that solved it
  entry["grid"] = {grid.rows, grid.cols};
  entry.update(of_solve.at("losses").at(i));
  of_solve.erase("losses");
  entry.update(of_solve);
  return entry;
}

}  // namespace

void ExportPhase::run(const nlohmann::ordered_json& facts) {
  const Communicator& world = ranks_.world;
  const OutputPlace place(problem_.options.output);
  const fs::path workshop = world.broadcast(place.workshop().string());  // of root, who makes it
  {
    PhaseTimer timer(log_.report, "export");
    enter_phase("export");
    world.agree([&] {
      if (!world.is_root()) return;
      if (!place.is_free())
        throw Error(
            fmt::format("{} holds something that was not there when the run began; make it empty, and run again",
                        problem_.options.output));
      remove_path(workshop);
      make_directories(workshop);
    });
    world.agree([&] { write_share(exporter(workshop)); });
    if (world.is_root()) timer.add_bytes(directory_bytes(workshop));
  }
  solved_ = gathered(world, solved_);
  world.agree([&] {
    if (!world.is_root()) return;
    write_report(facts, workshop);
    place.finish();
  });
}

Exporter ExportPhase::exporter(const fs::path& directory) {
  return {{.original = problem_.stored,
           .model = problem_.model,
           .format = format_of(problem_),
           .kept_dtype = problem_.kept_dtype,
           .rotations = problem_.rotated ? &problem_.rotated->online_rotations() : nullptr,
           .rank = [this](const LinearStack& stack, Index d_in) { return problem_.options.rank(stack, d_in); },
           .factor_bits = problem_.options.factor_bits,
           .adapter_dtype = problem_.options.factor_dtype(),
           .solved =
               [this](const std::string& stack) {
                 SolveRecord record = store_.load_solve(stack);
                 solved_[stack] = record.facts;
                 return std::move(record.stack);
               }},
          directory};
}

// Each rank its share; rank 0 what is small, too. Not collective.
void ExportPhase::write_share(const Exporter& exporter) {
  const Communicator& world = ranks_.world;
  const double share = static_cast<double>(world.size()) / static_cast<double>(exporter.shards());
  for (Index shard = world.rank(); shard < exporter.shards(); shard += world.size()) {
    check_interruption();
    exporter.write_shard(shard);
    log_.progress.advance("export", share, fmt::format("file {} of {}", shard + 1, exporter.shards()));
  }
  if (!world.is_root()) return;
  exporter.write_adapter();
  exporter.write_low_rank();
  exporter.write_rest();
}

void ExportPhase::write_report(const nlohmann::ordered_json& facts, const fs::path& directory) const {
  RunReport report = log_.report;  // the run may go on from here where a record is damaged
  for (const auto& [key, value] : facts.items()) report.set(key, value);
  report.set("bits_per_weight", format_of(problem_).bits_per_weight);
  for_each_solve(problem_, [&](const SolveTask& task) {
    for (std::size_t i = 0; i < task.stack.count; ++i)
      report.add_linear(entry_of(problem_.options, task, i, solved_.at(task.stack.name)));
  });
  write_atomically(directory / kReportFile, report.text());
}

}  // namespace lrc
