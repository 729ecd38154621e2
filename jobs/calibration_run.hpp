// The main job, from checked options to the exported model: what runs when, on which rank.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "calibrate_options.hpp"
#include "lrc/calibration/shard.hpp"
#include "lrc/checkpoint/checkpoint.hpp"
#include "lrc/core/log.hpp"
#include "lrc/model/stored_model.hpp"
#include "lrc/report/run_report.hpp"
#include "lrc/scheduling/queue.hpp"
#include "run_inputs.hpp"

namespace lrc {

class CalibrationRun {
 public:
  CalibrationRun(const Communicator& world, CalibrateOptions options, const OptionTable& table);

  /// Checks all inputs, then calibrates, solves and exports what is not committed yet.
  void run();

 private:
  /// One solve of the work queue.
  struct SolveTask {
    Index block;
    GroupRole role;
    std::size_t linear;  // in its group
    LinearLayout layout;
  };

  void open_inputs();
  bool output_is_done();
  void open_checkpoint();
  void plan();
  void calibrate_and_solve();
  Index window_size() const;
  Index blocks_to_forward() const;
  bool has_unmeasured(Index block) const;
  void forward_window(Shard& shard, Index first, Index end);
  double store_moments(std::vector<MomentSums> sums);
  void solve_window(Index first, Index end);
  void solve(const SolveTask& task);
  void drop_moments(Index first, Index end);
  QuantizedFormat format() const;
  void export_model();
  void write_report(const std::filesystem::path& directory);

  const Communicator& world_;
  CalibrateOptions options_;
  ThreadPool pool_;
  nlohmann::ordered_json effective_options_;
  std::unique_ptr<StoredModel> stored_;
  std::unique_ptr<RotatedModel> rotated_;  // empty where nothing is rotated
  const Model* model_ = nullptr;           // the one of the two that is calibrated
  Sequences sequences_;
  nlohmann::ordered_json fingerprint_;  // of all that decides about the output's bytes
  std::unique_ptr<Checkpoint> checkpoint_;
  std::vector<SolveTask> pending_;    // not committed when the run began
  std::set<std::string> unmeasured_;  // groups whose moments a pending solve needs
  RunReport report_;
};

}  // namespace lrc
