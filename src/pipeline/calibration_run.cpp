#include "lrc/pipeline/calibration_run.hpp"

#include <algorithm>

#include "lrc/checkpoint/owner.hpp"
#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/io/hash.hpp"
#include "lrc/io/json.hpp"
#include "lrc/io/output_place.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "lrc/options/rules.hpp"
#include "lrc/pipeline/export_phase.hpp"
#include "lrc/pipeline/fingerprint.hpp"
#include "lrc/pipeline/kept_dtype.hpp"
#include "lrc/pipeline/learn_phase.hpp"
#include "lrc/pipeline/measure_phase.hpp"
#include "lrc/pipeline/shared_commits.hpp"
#include "lrc/pipeline/solve_phase.hpp"
#include "lrc/pipeline/unread_tensors.hpp"
#include "lrc/pipeline/work_costs.hpp"
#include "lrc/plan/space_plan.hpp"

namespace lrc {

CalibrationRun::CalibrationRun(const Communicator& world, CalibrateOptions options, const OptionTable& table)
    : world_(world),
      options_(std::move(options)),
      exec_(thread_count(world, options_.threads)),
      effective_options_(table.effective()),
      fingerprint_(deciding_options(table)) {}

void CalibrationRun::run() {
  set_time_limit(options_);
  check_places();
  log_blas_core();
  open_inputs();
  if (output_is_done()) return leave_state(RunState::done);
  plan_memory();
  open_checkpoint();
  try {
    if (output_is_done())
      return leave_state(RunState::done);  // another job may have finished it while this one waited for the checkpoint
    work_past_damage();
    log_info(fmt::format("done: {}", options_.output));
  } catch (const AgreedError& error) {
    if (error.code() != ExitCode::interrupted) leave_state(RunState::failed);
    throw;
  }
  leave_state(RunState::done);
}

// Before any work. Root looks: what the others see of the file system may be older.
void CalibrationRun::check_places() const {
  world_.agree([&] {
    if (!world_.is_root()) return;
    demand_places(options_.output, options_.checkpoint);
    demand_checkpoint_or_nothing(options_.checkpoint);
  });
}

void CalibrationRun::open_inputs() {
  PhaseTimer timer(report_, "check inputs");
  enter_phase("check inputs");
  world_.agree([&] { stored_ = std::make_unique<StoredModel>(options_.model); });
  world_.agree([&] {
    if (stored_->quantized()) throw InputError(options_.model, "the model is quantized already; take the original");
    if (world_.is_root()) demand_space(options_, stored_->config(), world_.size());
  });
  warn_of_unread_tensors(world_, *stored_);
  sequences_ = load_sequences(world_, options_.data, *stored_, options_.sequences, options_.sequence_length);
  warn_of_few_tokens();
  if (unit_count(sequences_) < world_.size()) {
    log_warning(fmt::format("{} ranks, but only {} units of work of {} sequences each: the others only solve",
                            world_.size(), unit_count(sequences_), sequences_per_unit(sequences_.length)));
  }
  fingerprint_["model"] = check_and_hash_weights(world_, *stored_);
  for (const TensorInfo& info : stored_->needed()) timer.add_bytes(static_cast<double>(bytes_of(info)));
  for (const auto& [name, hash] : hash_copied_files(world_, *stored_)) fingerprint_[name] = hash;
  fingerprint_["tokens"] = hash_bytes(std::as_bytes(std::span(sequences_.tokens)));
  fingerprint_["lrc version"] = version_text();
  fingerprint_["blas"] = blas_of_all(world_, options_.allow_mixed);
  equalized_ = equalized(world_, *stored_);
}

void CalibrationRun::warn_of_few_tokens() const {
  const Index tokens = sequences_.count * sequences_.length;
  Index inputs = 0;  // of the widest linear
  for (const GroupLayout& group : block_layout(stored_->config(), 0).groups())
    inputs = std::max(inputs, group.inputs());
  if (tokens < inputs)
    log_warning(
        fmt::format("{} calibration tokens tell little of linears with {} inputs, whose moments are singular: "
                    "take more (--sequences, --sequence-length)",
                    tokens, inputs));
}

// All ranks plan alike, for the one with the least memory.
void CalibrationRun::plan_memory() {
  const bool given = options_.memory > 0;
  const double mine = given ? options_.memory : memory_of_a_rank(ranks_on_this_host(world_));
  const double limit = -world_.max(-mine);
  world_.agree([&] {
    check_rules(options_, stored_->config());
    demand_teams(stored_->config(), options_, world_.size());
    memory_ = MemoryPlan({.model = stored_->config(),
                          .options = options_,
                          .sequences = sequences_.count,
                          .ranks = world_.size(),
                          .threads = exec_.threads()},
                         limit, given);
    memory_.demand();
  });
  log_info(fmt::format("memory: up to {} of {} a rank{}", bytes_text(memory_.peak()), bytes_text(limit),
                       memory_.by_panels().empty() ? "" : "; some moments are summed panel by panel"));
}

bool CalibrationRun::output_is_done() {
  bool done = false;
  world_.agree([&] {
    if (!world_.is_root()) return;
    const OutputPlace place(options_.output);
    const std::filesystem::path report = place.report();
    done = !report.empty() &&
           read_json_object(report).value("fingerprint", nlohmann::json()) == nlohmann::json(fingerprint_);
    if (done) place.finish();  // it may have been interrupted
    if (!done && !place.is_free()) refuse_output(options_.output);
  });
  done = world_.broadcast(Index{done}) != 0;
  if (done) log_info(fmt::format("{} is already there, made by this very run: nothing to do", options_.output));
  return done;
}

// A requeued Slurm job has the arguments of its first start, which has restarted already.
bool CalibrationRun::restarts() const {
  const std::string requeues = this_owner().restarts;
  if (!options_.restart || requeues.empty() || requeues == "0") return options_.restart;
  log_info("--restart: not again, this Slurm job is requeued and goes on");
  return false;
}

void CalibrationRun::open_checkpoint() {
  world_.agree([&] {
    if (!world_.is_root()) return;
    CheckpointOptions how{.restart = restarts()};
    if (options_.allow_mixed) how.may_differ = {"blas", "lrc version"};
    checkpoint_ = std::make_unique<Checkpoint>(Checkpoint::open(options_.checkpoint, fingerprint_, how));
    for (const std::string& warning : checkpoint_->take_warnings()) log_warning(warning);
    if (const Index committed = checkpoint_->committed_solves(); committed > 0) {
      log_info(fmt::format("{}: {} solves are committed already", options_.checkpoint, committed));
    }
  });
  attach_others(world_, checkpoint_, options_.checkpoint);
}

// Records are hashed when they are used. Where one is damaged, all others are looked at, and the run goes on as one
// that is resumed; a disk that damages more meanwhile ends it.
void CalibrationRun::work_past_damage() {
  try {
    return work();
  } catch (const AgreedError& error) {
    if (error.code() == ExitCode::interrupted || world_.max(checkpoint_->meets_damage() ? 1 : 0) == 0) throw;
    log_warning(fmt::format("{}; what is damaged is made again", error.what()));
  }
  set_all_damage_aside(world_, *checkpoint_);
  work();
}

// A model on top of a model on top of a model.
const Model& CalibrationRun::prepared_model(RunLog log) {
  const Model* model = stored_.get();
  if (equalized_) model = equalized_.get();
  if (options_.smooth > 0) {
    smoothed_ = smoothed({world_, exec_}, options_, *model, sequences_, *checkpoint_, log);
    model = smoothed_.get();
  }
  if (options_.rotation != RotationKind::none) {
    rotated_ = std::make_unique<RotatedModel>(*model, options_.rotation, options_.rotate_heads,
                                              static_cast<std::uint64_t>(options_.seed));
    log_info("rotation: " + rotated_->description());
    model = rotated_.get();
  }
  return *model;
}

void CalibrationRun::work() {
  RunProgress progress;
  // Which follows from sizes, and these are those of any model on top of the stored one.
  const Problem sizes{options_, sequences_, *stored_, nullptr, *stored_, stored_->config().dtype.value()};
  expect_work(progress, sizes, world_.size(), *checkpoint_);
  const Model& model = prepared_model({report_, progress});
  const Problem problem{options_, sequences_, *stored_, rotated_.get(), model, kept_dtype(world_, model)};
  const WorkPlan plan = WorkPlan::of(problem, *checkpoint_);
  world_.agree([&] {
    if (world_.is_root()) drop_needless_moments(*checkpoint_, problem, plan);
  });
  if (options_.learns()) {
    LearnPhase({world_, exec_}, problem, *checkpoint_, {report_, progress}, plan).run();
  } else {
    measure_and_solve(problem, plan, {report_, progress});
  }
  if (world_.is_root()) checkpoint_->drop_hidden_before(problem.blocks());
  share_commits(world_, *checkpoint_);
  peak_ = world_.max(peak_memory());
  ExportPhase({world_, exec_}, problem, *checkpoint_, {report_, progress}).run(facts());
}

void CalibrationRun::measure_and_solve(const Problem& problem, const WorkPlan& plan, RunLog log) {
  SolvePhase solve({world_, exec_}, problem, *checkpoint_, log, plan);
  MeasurePhase measure({world_, exec_}, problem, *checkpoint_, log, plan, memory_, solve);
  if (options_.propagates()) return measure.run(problem.blocks());  // which solves stage by stage
  const Index window = window_size(options_, problem.model.config(), world_.size());
  for (Index first = 0; first < problem.blocks(); first += window) {
    const Index end = std::min(first + window, problem.blocks());
    measure.run(end);
    share_commits(world_, *checkpoint_);
    solve.run(first, end);
  }
}

nlohmann::ordered_json CalibrationRun::memory_facts() const {
  nlohmann::ordered_json facts = {{"planned_bytes", memory_.peak()}, {"peak_bytes", peak_}};
  for (const PhaseMemory& phase : memory_.phases()) {
    for (const MemoryTerm& term : phase.terms) facts[phase.phase][term.name] = term.bytes;
  }
  return facts;
}

nlohmann::ordered_json CalibrationRun::facts() const {
  return {{"program", "lrc_calibrate"},       {"version", version_text()},
          {"method", options_.method_name()}, {"options", effective_options_},
          {"fingerprint", fingerprint_},      {"ranks", world_.size()},
          {"threads", exec_.threads()},       {"resumes", checkpoint_->earlier_openings()},
          {"memory", memory_facts()}};
}

// For job scripts; a full disk must not hide the error at hand.
void CalibrationRun::leave_state(RunState state) const {
  if (!world_.is_root() || !std::filesystem::exists(options_.checkpoint)) return;
  try {
    write_state(options_.checkpoint, state);
  } catch (const Error& error) {
    log_warning(error.what());
  }
}

}  // namespace lrc
