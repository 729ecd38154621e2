#include "export_phase.hpp"

#include <algorithm>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/export/exporter.hpp"
#include "lrc/io/directory.hpp"
#include "lrc/io/file.hpp"
#include "stored_records.hpp"

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

void for_each_linear(const Model& model, const std::function<void(const LinearLayout&)>& visit) {
  for (Index block = 0; block < model.config().blocks; ++block) {
    const BlockLayout layout = block_layout(model.config(), block);
    for (const GroupLayout& group : layout.groups) std::for_each(group.linears.begin(), group.linears.end(), visit);
  }
}

QuantizedFormat format_of(const RunContext& run) {
  const CalibrateOptions& options = run.options;
  double bits = 0, weights = 0;
  for_each_linear(run.model, [&](const LinearLayout& linear) {
    bits +=
        stored_bits(linear.rows, linear.cols, static_cast<int>(options.weight_bits), options.grid().groups(linear.cols),
                    options.rank(linear.rows, linear.cols), static_cast<int>(options.factor_bits));
    weights += static_cast<double>(linear.rows * linear.cols);
  });
  const Method method = options.solve_method();
  return {.method = options.method,
          .weight_bits = static_cast<int>(options.weight_bits),
          .weight_group_size = options.weight_group_size,
          .activations = options.quantizer(),
          .online_rotation = options.rotation_kind() == RotationKind::full,
          .has_adapter = method == Method::lrc || method == Method::svd,
          .bits_per_weight = bits / weights};
}

Exporter exporter_of(const RunContext& run, const fs::path& directory) {
  return {{.original = run.stored,
           .model = run.model,
           .format = format_of(run),
           .online_rotation = run.rotated ? run.rotated->online_rotation() : nullptr,
           .rank = [&run](const LinearLayout& linear) { return run.options.rank(linear.rows, linear.cols); },
           .solved = [&run](const std::string& linear) { return to_result(run.checkpoint.load_solve(linear)); }},
          directory};
}

// Each rank its share; rank 0 what is small, too. Not collective.
void write_share(const RunContext& run, const Exporter& exporter) {
  Progress progress("export", static_cast<double>(exporter.shards()));
  for (Index shard = run.world.rank(); shard < exporter.shards(); shard += run.world.size()) {
    check_interruption();
    exporter.write_shard(shard);
    progress.update(static_cast<double>(std::min<Index>(shard + run.world.size(), exporter.shards())),
                    fmt::format("file {} of {}", shard + 1, exporter.shards()));
  }
  if (!run.world.is_root()) return;
  exporter.write_adapter();
  exporter.write_rest();
}

void write_report(const RunContext& run, const nlohmann::ordered_json& facts, const fs::path& directory) {
  RunReport& report = run.report;
  for (const auto& [key, value] : facts.items()) report.set(key, value);
  report.set("bits_per_weight", format_of(run).bits_per_weight);
  for_each_linear(run.model, [&](const LinearLayout& linear) {
    nlohmann::ordered_json entry = {{"name", linear.name},
                                    {"shape", {linear.rows, linear.cols}},
                                    {"rank", run.options.rank(linear.rows, linear.cols)}};
    entry.update(run.checkpoint.load_solve(linear.name).facts);
    report.add_linear(entry);
  });
  write_atomically(directory / kReportFile, report.text());
}

}  // namespace

void export_output(const RunContext& run, const nlohmann::ordered_json& facts) {
  const fs::path partial = run.options.output + ".partial";
  {
    PhaseTimer timer(run.report, "export");
    run.world.agree([&] {
      if (!run.world.is_root()) return;
      remove_path(partial);
      make_directories(partial);
    });
    run.world.agree([&] { write_share(run, exporter_of(run, partial)); });
    if (run.world.is_root()) timer.add_bytes(directory_bytes(partial));
  }
  run.world.agree([&] {
    if (!run.world.is_root()) return;
    write_report(run, facts, partial);
    rename_durably(partial, run.options.output);
  });
}

}  // namespace lrc
