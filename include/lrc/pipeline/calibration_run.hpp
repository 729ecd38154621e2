// The main job, from checked options to the exported model: what runs when, on which rank.
#pragma once

#include <memory>

#include "lrc/pipeline/equalize_channels.hpp"
#include "lrc/pipeline/run_inputs.hpp"
#include "lrc/pipeline/run_log.hpp"
#include "lrc/pipeline/smooth_channels.hpp"
#include "lrc/pipeline/work_plan.hpp"
#include "lrc/plan/memory_plan.hpp"

namespace lrc {

class CalibrationRun {
 public:
  CalibrationRun(const Communicator& world, CalibrateOptions options, const OptionTable& table);

  /// Checks all inputs, then calibrates, solves and exports what is not committed yet. Collective.
  void run();

 private:
  void check_places() const;
  void open_inputs();
  void plan_memory();
  bool output_is_done();
  bool restarts() const;
  void warn_of_few_tokens() const;
  void open_checkpoint();
  void work_past_damage();
  void work();
  const Model& prepared_model(RunLog log);
  void measure_and_solve(const Problem& problem, const WorkPlan& plan, RunLog log);
  nlohmann::ordered_json memory_facts() const;
  nlohmann::ordered_json facts() const;
  void leave_state(RunState state) const;

  const Communicator& world_;
  CalibrateOptions options_;
  Execution exec_;
  nlohmann::ordered_json effective_options_;
  std::unique_ptr<StoredModel> stored_;
  std::unique_ptr<EqualizedModel> equalized_;  // where a channel is out of line
  std::unique_ptr<SmoothedModel> smoothed_;    // where it is asked for
  std::unique_ptr<RotatedModel> rotated_;      // empty where nothing is rotated
  Sequences sequences_;
  MemoryPlan memory_;
  double peak_ = 0;                     // bytes, of the rank that used most, before the export
  nlohmann::ordered_json fingerprint_;  // of all that decides about the output's bytes
  std::unique_ptr<Checkpoint> checkpoint_;
  RunReport report_;
};

}  // namespace lrc
