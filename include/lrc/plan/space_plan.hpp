// What a run will need of its disks, as far as its sizes say.
#pragma once

#include "lrc/options/calibrate_options.hpp"

namespace lrc {

/// Bytes that lie there at the end of a run, but for headers and small files. All solves and the output are there
/// at once.
struct SpacePlan {
  double output = 0;
  double solves = 0;   ///< as they are written
  double packed = 0;   ///< the same at their bits, to which a compressing file system may bring them
  double passing = 0;  ///< moments of a window of blocks, and hidden states; as a rule
};
SpacePlan space_plan(const CalibrateOptions& options, const ModelConfig& model, int ranks);

/// How many blocks make enough solves that the last ones to finish leave few ranks idle: their moments are kept at
/// once.
Index window_size(const CalibrateOptions& options, const ModelConfig& model, int ranks);

/// Throws InputError where the output and the solves can't fit in what is free, with what is there of them already;
/// warns where they may not.
void demand_space(const CalibrateOptions& options, const ModelConfig& model, int ranks);

}  // namespace lrc
