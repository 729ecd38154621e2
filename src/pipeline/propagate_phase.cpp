#include "lrc/pipeline/propagate_phase.hpp"

#include <algorithm>

#include "lrc/calibration/two_streams.hpp"
#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/export/solved_group.hpp"
#include "lrc/pipeline/calibration_pass.hpp"
#include "lrc/pipeline/export_phase.hpp"
#include "lrc/pipeline/prepare_phase.hpp"
#include "lrc/pipeline/shared_commits.hpp"
#include "lrc/pipeline/solve_phase.hpp"
#include "lrc/pipeline/work_costs.hpp"

namespace lrc {
namespace {

using Clock = std::chrono::steady_clock;

class Propagation {
 public:
  Propagation(const RunContext& run, const WorkPlan& plan) : run_(run), plan_(plan), format_(format_of(run)) {
    run_.world.agree(
        [&] { streams_ = std::make_unique<TwoStreams>(run_.world, run_.exec, run_.model, run_.sequences, drifts()); });
  }

  void pass_block(Index index);

 private:
  bool drifts() const { return run_.options.target_blend > 0; }
  void check_time() const;
  std::vector<SolveTask> tasks() const;
  bool is_unmeasured(const std::vector<SolveTask>& tasks) const;
  void measure();
  void help_starved(std::vector<GroupSums>& sums) const;
  void put_solved_groups();
  void drop_stage() const;

  const RunContext& run_;
  const WorkPlan& plan_;
  QuantizedFormat format_;
  std::unique_ptr<TwoStreams> streams_;
  Index index_ = 0;
  BlockLayout layout_;
  Block original_, quantized_;  // the second one has the original groups where none are solved yet
  int next_owner_ = 0;          // of a group's moments
  double slowest_block_ = 0;    // seconds
};

void Propagation::pass_block(Index index) {
  constexpr double kOfABlock = 1.0 / kStages.size();
  const auto start = Clock::now();
  index_ = index;
  layout_ = block_layout(run_.model.config(), index);
  enter_phase("propagate: read a block");
  run_.world.agree([&] {
    check_time();
    original_ = quantized_ = {};  // not three at once
    return_free_memory();
    original_ = run_.model.block(index);
    quantized_ = original_;
    streams_->begin(original_);
  });
  for (std::size_t stage = 0; stage < kStages.size(); ++stage) {
    const std::vector<SolveTask> left = tasks();
    const std::string name = stage_name(streams_->stage());
    enter_phase(name + ": forward");
    if (is_unmeasured(left)) measure();
    share_commits(run_.world, run_.checkpoint);
    const std::string detail =
        fmt::format("block {} of {}, stage {} of {}", index + 1, run_.model.config().blocks, stage + 1, kStages.size());
    run_.progress.advance(using_sums_of("calibrate"), kOfABlock, detail);
    enter_phase(name + ": solve");
    if (!left.empty()) solve_all(run_, left, detail);
    share_commits(run_.world, run_.checkpoint);
    enter_phase(name + ": forward");
    const PhaseTimer timer(run_.report, "calibrate");
    run_.world.agree([&] {
      check_interruption();
      put_solved_groups();
      if (run_.world.is_root()) drop_stage();
      streams_->pass(original_, quantized_);
    });
    run_.progress.advance("calibrate", kOfABlock, detail);
  }
  run_.world.agree([&] { run_.checkpoint.make_durable(); });
  const std::chrono::duration<double> seconds = Clock::now() - start;
  slowest_block_ = std::max(slowest_block_, seconds.count());
}

void Propagation::check_time() const {
  if (run_.world.is_root() && seconds_left() < slowest_block_) {
    throw Interrupted(
        "the next block would not be done before the time limit; what is committed stays: run again to go on");
  }
}

// What is left to solve in this stage.
std::vector<SolveTask> Propagation::tasks() const {
  std::vector<SolveTask> left;
  for (const SolveTask& task : plan_.solves) {
    if (task.block == index_ && task.group.role == streams_->stage()) left.push_back(task);
  }
  return left;
}

bool Propagation::is_unmeasured(const std::vector<SolveTask>& tasks) const {
  return std::any_of(tasks.begin(), tasks.end(), [&](const SolveTask& task) {
    const auto at = plan_.unmeasured.lower_bound({task.group.name, 0});
    return at != plan_.unmeasured.end() && at->first == task.group.name;
  });
}

void Propagation::measure() {
  const PhaseTimer timer(run_.report, "calibrate");
  Statistics statistics = run_.options.statistics();
  statistics.prepared = true;  // the whole moments of a group are wanted on one rank, to find what it is to answer for
  std::vector<GroupSums> sums;
  run_.world.agree([&] { sums = streams_->begin_sums(quantized_, statistics); });
  help_starved(sums);
  run_.world.agree([&] {
    for (GroupSums& group : sums) {
      if (drifts()) group.begin_drift();
    }
    streams_->sum(original_, quantized_, sums);
  });
  enter_phase(stage_name(streams_->stage()) + ": use sums");
  prepare_groups(run_, index_, sums, next_owner_, [&](const std::string& group, const PreparedMoments& prepared) {
    store_prepared(run_, plan_, group, prepared);
  });
  next_owner_ = (next_owner_ + static_cast<int>(sums.size())) % run_.world.size();
}

void Propagation::help_starved(std::vector<GroupSums>& sums) const {
  std::vector<Index> tokens = streams_->routed_tokens();
  if (tokens.empty()) return;
  run_.world.sum_in_place(tokens);
  std::vector<ExpertGroup> groups;
  for (std::size_t expert = 0; expert < sums.size(); ++expert)
    groups.push_back({sums[expert], streams_->stage(), tokens[expert]});
  help_starved_experts(run_, index_, groups);
}

void Propagation::put_solved_groups() {
  for (LinearGroup* group : stage_groups(quantized_, streams_->stage())) {
    const GroupLayout& layout = group_layout(layout_, group->name);
    *group = solved_group(std::move(*group), layout, format_,
                          {.biases = run_.kept_dtype, .adapter = run_.options.factor_dtype()},
                          [&](const std::string& stack) { return solved_stack(run_, stack); });
  }
}

void Propagation::drop_stage() const {
  for (const GroupLayout& group : layout_.groups) {
    if (group.role == streams_->stage()) drop_moments(run_, group);
  }
}

}  // namespace

void propagate(const RunContext& run, const WorkPlan& plan) {
  if (plan.solves.empty()) return;
  Propagation propagation(run, plan);
  const Index end = plan.solves.back().block + 1;
  expect_pass(run, "calibrate", {end, end});
  for (Index block = 0; block < end; ++block) propagation.pass_block(block);
}

}  // namespace lrc
