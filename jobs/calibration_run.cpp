#include "calibration_run.hpp"

#include <algorithm>

#include "lrc/export/exporter.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/hash.hpp"
#include "lrc/io/json.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/quantization/expand_moments.hpp"
#include "solve_records.hpp"

namespace lrc {
namespace {

constexpr const char* kReportFile = "lrc_report.json";

// Enough solves in a window that the last ones to finish leave few ranks idle.
constexpr Index kTasksPerRank = 8;

double directory_bytes(const std::filesystem::path& directory) {
  double bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  }
  return bytes;
}

// Order of growth of a solve: the factorizations on the input side and the products with the weight.
double solve_cost(const LinearLayout& linear) {
  const auto in = static_cast<double>(linear.cols), out = static_cast<double>(linear.rows);
  return in * in * in + 4 * in * in * out;
}

}  // namespace

CalibrationRun::CalibrationRun(const Communicator& world, CalibrateOptions options, const OptionTable& table)
    : world_(world),
      options_(std::move(options)),
      pool_(thread_count(world, options_.threads)),
      effective_options_(table.effective()),
      fingerprint_(deciding_options(table)) {}

void CalibrationRun::run() {
  open_inputs();
  if (output_is_done())
    return log_info(fmt::format("{} is already there, made by this very run: nothing to do", options_.output));
  open_checkpoint();
  calibrate_and_solve();
  export_model();
  log_info(fmt::format("done: {}", options_.output));
}

void CalibrationRun::open_inputs() {
  PhaseTimer timer(report_, "check inputs");
  world_.agree([&] { stored_ = std::make_unique<StoredModel>(options_.model); });
  world_.agree([&] {
    if (stored_->quantized()) throw InputError(options_.model, "the model is quantized already; take the original");
    if (options_.sequence_length > stored_->config().max_positions) {
      throw InputError("--sequence-length", fmt::format("{} is more than the model's {} positions",
                                                        options_.sequence_length, stored_->config().max_positions));
    }
  });
  sequences_ = load_sequences(world_, source_of(options_.calibration), options_.calibration, *stored_,
                              options_.sequences, options_.sequence_length);
  if (unit_count(sequences_) < world_.size()) {
    log_warning(fmt::format("{} ranks, but only {} units of work of {} sequences each: the others only solve",
                            world_.size(), unit_count(sequences_), sequences_per_unit(sequences_.length)));
  }
  fingerprint_["model"] = check_and_hash_weights(world_, *stored_);
  for (const TensorInfo& info : stored_->tensors().tensors()) timer.add_bytes(static_cast<double>(bytes_of(info)));
  fingerprint_["tokens"] = hash_bytes(std::as_bytes(std::span(sequences_.tokens)));
  fingerprint_["lrc version"] = version_text();
  fingerprint_["blas"] = blas_description();
  model_ = stored_.get();
  if (options_.rotation_kind() != RotationKind::none) {
    rotated_ =
        std::make_unique<RotatedModel>(*stored_, options_.rotation_kind(), static_cast<std::uint64_t>(options_.seed));
    model_ = rotated_.get();
    log_info("rotation: " + rotated_->description());
  }
}

bool CalibrationRun::output_is_done() {
  bool done = false;
  world_.agree([&] {
    if (!std::filesystem::exists(options_.output)) return;
    const std::filesystem::path report = std::filesystem::path(options_.output) / kReportFile;
    done = std::filesystem::exists(report) &&
           read_json_object(report).value("fingerprint", nlohmann::json()) == nlohmann::json(fingerprint_);
    if (!done)
      throw InputError("--output",
                       fmt::format("{} exists and is not the result of this run; name another directory or remove it",
                                   options_.output));
  });
  world_.barrier();
  return done;
}

void CalibrationRun::open_checkpoint() {
  world_.agree([&] {
    if (!world_.is_root()) return;
    checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(options_.checkpoint, fingerprint_, options_.restart));
    for (const std::string& warning : checkpoint_->warnings()) log_warning(warning);
    if (const Index committed = checkpoint_->committed_solves(); committed > 0) {
      log_info(fmt::format("{}: {} solves are committed already", options_.checkpoint, committed));
    }
  });
  world_.agree([&] {
    if (!world_.is_root())
      checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::attach(options_.checkpoint, world_.rank()));
  });
}

// What is left, seen once, before anything of this run is committed, so that all ranks see the same.
void CalibrationRun::plan() {
  for (Index block = 0; block < model_->config().blocks; ++block) {
    const BlockLayout layout = block_layout(model_->config(), block);
    for (const GroupRole role : kGroupRoles) {
      const GroupLayout& group = layout.group(role);
      bool solved = true;
      for (std::size_t i = 0; i < group.linears.size(); ++i) {
        if (checkpoint_->is_committed(group.linears[i].name)) continue;
        solved = false;
        pending_.push_back({block, role, i, group.linears[i]});
      }
      if (!solved && !checkpoint_->has_moments(group.name)) unmeasured_.insert(group.name);
    }
  }
  world_.barrier();
}

void CalibrationRun::calibrate_and_solve() {
  plan();
  const Index blocks = model_->config().blocks, window = window_size();
  const Index measured_blocks = blocks_to_forward();
  std::unique_ptr<Shard> shard;
  if (measured_blocks > 0) shard = std::make_unique<Shard>(world_, pool_, *model_, sequences_);
  for (Index first = 0; first < blocks; first += window) {
    const Index end = std::min(first + window, blocks);
    if (first < measured_blocks) forward_window(*shard, first, std::min(end, measured_blocks));
    world_.barrier();  // all moments of the window are stored before any is read
    solve_window(first, end);
  }
}

Index CalibrationRun::window_size() const {
  const Index blocks = model_->config().blocks;
  Index solves_per_block = 0;
  for (const GroupLayout& group : block_layout(model_->config(), 0).groups)
    solves_per_block += static_cast<Index>(group.linears.size());
  return std::clamp<Index>(ceil_div(kTasksPerRank * world_.size(), solves_per_block), 1, blocks);
}

// Blocks up to the last one that has a group to be measured.
Index CalibrationRun::blocks_to_forward() const {
  Index count = 0;
  for (Index block = 0; block < model_->config().blocks; ++block) {
    for (const GroupLayout& group : block_layout(model_->config(), block).groups) {
      if (unmeasured_.contains(group.name)) count = block + 1;
    }
  }
  return count;
}

void CalibrationRun::forward_window(Shard& shard, Index first, Index end) {
  PhaseTimer timer(report_, "calibrate");
  const auto units = static_cast<double>(std::max<Index>(1, shard.units()));
  Progress progress("calibrate", static_cast<double>(end - first) * units);
  for (Index index = first; index < end; ++index) {
    const std::string detail = fmt::format("block {} of {}", index + 1, model_->config().blocks);
    double done = static_cast<double>(index - first) * units;
    const Block block = model_->block(index);
    if (!has_unmeasured(index)) {
      shard.forward(block);
    } else {
      timer.add_bytes(store_moments(shard.forward_and_sum(block, options_.moment_kind(), options_.quantizer(),
                                                          [&] { progress.update(++done, detail); })));
    }
    progress.update(static_cast<double>(index + 1 - first) * units, detail);
  }
}

bool CalibrationRun::has_unmeasured(Index block) const {
  const BlockLayout layout = block_layout(model_->config(), block);
  return std::any_of(layout.groups.begin(), layout.groups.end(),
                     [&](const GroupLayout& group) { return unmeasured_.contains(group.name); });
}

// Each group's sums go to one rank, in turn, which stores them for whoever will solve. Returns the bytes this rank
// stored.
double CalibrationRun::store_moments(std::vector<MomentSums> sums) {
  double bytes = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!unmeasured_.contains(sums[i].group())) continue;
    const int owner = static_cast<int>(i) % world_.size();
    sums[i].reduce(world_, owner);
    if (world_.rank() != owner) continue;
    const SummedMoments moments = sums[i].result();
    checkpoint_->commit(to_record(sums[i].group(), moments));
    bytes += static_cast<double>(sizeof(float)) *
             static_cast<double>(moments.xx.size() + moments.xy.size() + moments.yy.size());
  }
  return bytes;
}

void CalibrationRun::solve_window(Index first, Index end) {
  std::vector<SolveTask> window;
  std::vector<Task> tasks;
  for (const SolveTask& task : pending_) {
    if (task.block < first || task.block >= end) continue;
    window.push_back(task);
    tasks.push_back({task.layout.name, solve_cost(task.layout)});
  }
  if (tasks.empty()) return;
  const PhaseTimer timer(report_, "solve");
  double all = 0;
  for (const Task& task : tasks) all += task.cost;
  Progress progress("solve", all);
  const QueueUse use = run_queue(
      world_, tasks, [&](std::size_t i) { solve(window[i]); },
      [&](std::size_t taken, double cost) {
        progress.update(cost, fmt::format("blocks {} to {}, {} of {} solves", first + 1, end, taken, tasks.size()));
      });
  progress.update(all, fmt::format("blocks {} to {}, all {} solves", first + 1, end, tasks.size()));
  report_.add_phase("solve: busy on rank 0", use.busy_seconds);
  if (world_.is_root()) drop_moments(first, end);
}

void CalibrationRun::solve(const SolveTask& task) {
  const LinearLayout& linear = task.layout;
  const LinearGroup group = model_->group(task.block, task.role);
  const Moments moments = expand_moments(to_moments(checkpoint_->load_moments(group.name)));
  const MatrixD weight = group.linears[task.linear].weight.cast<double>();  // d_out×d_in
  const auto start = std::chrono::steady_clock::now();
  const SolveResult result = lrc::solve(pool_, options_.solve_method(), weight, moments,
                                        options_.solve_options(linear.name, linear.rows, linear.cols));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  checkpoint_->commit(to_record(linear.name, result, moments.tokens, seconds));
}

void CalibrationRun::drop_moments(Index first, Index end) {
  for (Index block = first; block < end; ++block) {
    for (const GroupLayout& group : block_layout(model_->config(), block).groups) checkpoint_->drop_moments(group.name);
  }
}

QuantizedFormat CalibrationRun::format() const {
  double bits = 0, weights = 0;
  for (Index block = 0; block < model_->config().blocks; ++block) {
    for (const GroupLayout& group : block_layout(model_->config(), block).groups) {
      for (const LinearLayout& linear : group.linears) {
        bits += stored_bits(linear.rows, linear.cols, static_cast<int>(options_.weight_bits),
                            options_.grid().groups(linear.cols), options_.rank(linear.rows, linear.cols),
                            static_cast<int>(options_.factor_bits));
        weights += static_cast<double>(linear.rows * linear.cols);
      }
    }
  }
  const Method method = options_.solve_method();
  return {.method = options_.method,
          .weight_bits = static_cast<int>(options_.weight_bits),
          .weight_group_size = options_.weight_group_size,
          .activations = options_.quantizer(),
          .online_rotation = options_.rotation_kind() == RotationKind::full,
          .has_adapter = method == Method::lrc || method == Method::svd,
          .bits_per_weight = bits / weights};
}

// Written beside the output and renamed when whole.
void CalibrationRun::export_model() {
  const std::filesystem::path partial = options_.output + ".partial";
  {
    PhaseTimer timer(report_, "export");
    world_.agree([&] {
      if (!world_.is_root()) return;
      remove_path(partial);
      make_directories(partial);
    });
    const Exporter exporter(
        {.original = *stored_,
         .model = *model_,
         .format = format(),
         .online_rotation = rotated_ ? rotated_->online_rotation() : nullptr,
         .rank = [this](const LinearLayout& linear) { return options_.rank(linear.rows, linear.cols); },
         .solved = [this](const std::string& linear) { return to_result(checkpoint_->load_solve(linear)); }},
        partial);
    Progress progress("export", static_cast<double>(exporter.shards()));
    for (Index shard = world_.rank(); shard < exporter.shards(); shard += world_.size()) {
      exporter.write_shard(shard);
      progress.update(static_cast<double>(std::min<Index>(shard + world_.size(), exporter.shards())),
                      fmt::format("file {} of {}", shard + 1, exporter.shards()));
    }
    if (world_.is_root()) {
      exporter.write_adapter();
      exporter.write_rest();
    }
    world_.barrier();
    if (world_.is_root()) timer.add_bytes(directory_bytes(partial));
  }
  if (!world_.is_root()) return;
  write_report(partial);
  rename_durably(partial, options_.output);
}

void CalibrationRun::write_report(const std::filesystem::path& directory) {
  report_.set("program", "lrc_calibrate");
  report_.set("version", version_text());
  report_.set("method", options_.method);
  report_.set("bits_per_weight", format().bits_per_weight);
  report_.set("options", effective_options_);
  report_.set("fingerprint", fingerprint_);
  report_.set("ranks", world_.size());
  report_.set("threads", pool_.threads());
  report_.set("resumes", checkpoint_->earlier_openings());
  for (Index block = 0; block < model_->config().blocks; ++block) {
    for (const GroupLayout& group : block_layout(model_->config(), block).groups) {
      for (const LinearLayout& linear : group.linears) {
        nlohmann::ordered_json entry = {{"name", linear.name},
                                        {"shape", {linear.rows, linear.cols}},
                                        {"rank", options_.rank(linear.rows, linear.cols)}};
        entry.update(checkpoint_->load_solve(linear.name).facts);
        report_.add_linear(entry);
      }
    }
  }
  write_atomically(directory / kReportFile, report_.text());
}

}  // namespace lrc
