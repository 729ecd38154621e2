#include "lrc/pipeline/export_phase.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/export/exporter.hpp"
#include "lrc/io/directory.hpp"
#include "lrc/io/file.hpp"
#include "lrc/pipeline/stored_records.hpp"

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

void for_each_stack(const RunContext& run, const std::function<void(const GroupLayout&, const LinearStack&)>& visit) {
  for (Index block = 0; block < run.model.config().blocks; ++block) {
    const BlockLayout layout = block_layout(run.model.config(), block);
    for (const GroupLayout& group : layout.groups) {
      for (const LinearStack& stack : stacks_of(group, run.options.stack_groups)) visit(group, stack);
    }
  }
}

// All that is stored of a stack: codes, scales, factors, and, where inputs are centred, W μ, and μ with the group's
// first stack.
double bits_of(const RunContext& run, const GroupLayout& group, const LinearStack& stack) {
  constexpr double kBiasBits = 16, kMeanBits = 16, kSizeBits = 32;
  const CalibrateOptions& options = run.options;
  const Index inputs = group.inputs(), rank = options.rank(stack, inputs);
  const auto factor_bits = options.factor_bits;
  double bits = stored_bits(stack.rows, inputs, static_cast<int>(options.weight_bits), options.grid().groups(inputs),
                            rank, factor_bits) +
                factor_scale_bits(rank, factor_bits);
  const std::size_t parts = part_rows(group, stack).size();
  if (rank > 0 && parts > 1) bits += kSizeBits * static_cast<double>(parts);
  if (options.center_activations) bits += kBiasBits * static_cast<double>(stack.rows);
  if (options.center_activations && stack.first == 0) bits += kMeanBits * static_cast<double>(inputs);
  return bits;
}

}  // namespace

QuantizedFormat format_of(const RunContext& run) {
  const CalibrateOptions& options = run.options;
  double bits = 0, weights = 0;
  bool corrected = false;
  for_each_stack(run, [&](const GroupLayout& group, const LinearStack& stack) {
    bits += bits_of(run, group, stack);
    weights += static_cast<double>(stack.rows) * static_cast<double>(group.inputs());
    corrected = corrected || options.rank(stack, group.inputs()) > 0;
  });
  QuantizedFormat format{.method = options.method_name(),
                         .weight_bits = static_cast<int>(options.weight_bits),
                         .weight_group_size = options.weight_group_size,
                         .activations = options.quantizer(),
                         .online_rotation = options.rotation == RotationKind::full,
                         .rotated_heads = options.rotate_heads,
                         .has_adapter = corrected && !options.is_native(),
                         .native = options.is_native(),
                         .stacked = options.stack_groups,
                         .centered = options.center_activations,
                         .residual = options.residual_activations,
                         .bits_per_weight = bits / weights};
  format.stock = has_stock_words(format, run.model.config());
  return format;
}

namespace {

SolvedStack to_solved(const SolveRecord& record) {
  const auto vector_of = [](const StoredMatrix<float>& row) {
    return VectorF(Eigen::Map<const VectorF>(row.values.data(), static_cast<Index>(row.values.size())));
  };
  return {to_result(record), vector_of(record.mean), vector_of(record.center_bias)};
}

}  // namespace

SolvedStack solved_stack(const RunContext& run, const std::string& name) {
  return to_solved(run.checkpoint.load_solve(name));
}

namespace {

// What the report says of stacks, by their names: records are large, and read once for it and for the weights.
using StackFacts = nlohmann::ordered_json;

// Notes the facts of the solves that it reads.
Exporter exporter_of(const RunContext& run, const fs::path& directory, StackFacts& facts) {
  return {{.original = run.stored,
           .model = run.model,
           .format = format_of(run),
           .kept_dtype = run.kept_dtype,
           .rotations = run.rotated ? &run.rotated->online_rotations() : nullptr,
           .rank = [&run](const LinearStack& stack, Index d_in) { return run.options.rank(stack, d_in); },
           .factor_bits = run.options.factor_bits,
           .adapter_dtype = run.options.factor_dtype(),
           .solved =
               [&run, &facts](const std::string& stack) {
                 const SolveRecord record = run.checkpoint.load_solve(stack);
                 facts[stack] = record.facts;
                 return to_solved(record);
               }},
          directory};
}

// Each rank its share; rank 0 what is small, too. Not collective.
void write_share(const RunContext& run, const Exporter& exporter) {
  const double share = static_cast<double>(run.world.size()) / static_cast<double>(exporter.shards());
  for (Index shard = run.world.rank(); shard < exporter.shards(); shard += run.world.size()) {
    check_interruption();
    exporter.write_shard(shard);
    run.progress.advance("export", share, fmt::format("file {} of {}", shard + 1, exporter.shards()));
  }
  if (!run.world.is_root()) return;
  exporter.write_adapter();
  exporter.write_low_rank();
  exporter.write_rest();
}

// On root those of all ranks. Collective.
StackFacts gathered(const Communicator& world, const StackFacts& mine) {
  StackFacts all;
  for (const std::string& part : world.gather(mine.dump())) all.update(StackFacts::parse(part));
  return all;
}

void write_report(const RunContext& run, const nlohmann::ordered_json& facts, const StackFacts& solved,
                  const fs::path& directory) {
  RunReport report = run.report;  // the run may go on from here where a record is damaged
  for (const auto& [key, value] : facts.items()) report.set(key, value);
  report.set("bits_per_weight", format_of(run).bits_per_weight);
  for_each_stack(run, [&](const GroupLayout& group, const LinearStack& stack) {
    for (std::size_t i = stack.first; i < stack.first + stack.count; ++i) {
      const LinearLayout& linear = group.linears[i];
      nlohmann::ordered_json entry = {
          {"name", linear.name}, {"shape", {linear.rows, linear.cols}}, {"rank", run.options.rank(stack, linear.cols)}};
      if (stack.count > 1) entry["stack"] = stack.name;
      const GridShape grid = run.options.solve_grid(stack, linear.cols);  // of the ranks that solved it
      entry["grid"] = {grid.rows, grid.cols};
      nlohmann::ordered_json of_solve = solved.at(stack.name);
      entry.update(of_solve.at("losses").at(i - stack.first));
      of_solve.erase("losses");
      entry.update(of_solve);
      report.add_linear(entry);
    }
  });
  write_atomically(directory / kReportFile, report.text());
}

}  // namespace

void export_output(const RunContext& run, const nlohmann::ordered_json& facts) {
  const OutputPlace place(run.options.output);
  const fs::path workshop = run.world.broadcast(place.workshop().string());  // of root, who makes it
  StackFacts solved = StackFacts::object();
  {
    PhaseTimer timer(run.report, "export");
    enter_phase("export");
    run.world.agree([&] {
      if (!run.world.is_root()) return;
      if (!place.is_free())
        throw Error(
            fmt::format("{} holds something that was not there when the run began; make it empty, and run again",
                        run.options.output));
      remove_path(workshop);
      make_directories(workshop);
    });
    run.world.agree([&] { write_share(run, exporter_of(run, workshop, solved)); });
    if (run.world.is_root()) timer.add_bytes(directory_bytes(workshop));
  }
  solved = gathered(run.world, solved);
  run.world.agree([&] {
    if (!run.world.is_root()) return;
    write_report(run, facts, solved, workshop);
    place.finish();
  });
}

}  // namespace lrc
