// What a checkpoint holds.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lrc/linalg/moments.hpp"
#include "lrc/linalg/named_matrix.hpp"
#include "lrc/quantization/quantized_stack.hpp"

namespace lrc {

/// The finished solve of one linear, or of several that share V.
struct SolveRecord {
  std::string name;
  QuantizedStack stack;
  nlohmann::ordered_json facts{};  ///< for the report: losses of each linear, damping, iterations, seconds, ...
};

/// Names a panel of rows of the summed moments of one group of linears, which are kept until its solves are in.
struct MomentsKey {
  std::string group;
  Index panel = 0;
};

struct MomentsRecord {
  SummedMoments moments;
  InputTransform transform{};  ///< in the first panel
};

/// Names the state of what is learned of a linear, or of several, after a number of steps. What is known before any
/// block, and without steps, stands there, too: "smooth", the scales of the channels.
struct LearningKey {
  std::string name;
  Index step = 0;
};

/// Parameters and what the optimizer keeps of them.
using LearningState = std::vector<NamedMatrix>;

/// Names hidden states: a unit of sequences (sequences.hpp), as it enters a block.
struct HiddenKey {
  Index block = 0, unit = 0;
};
/// The unit number of the probe, which tells the scales of the sums.
constexpr Index kProbeUnit = -1;

}  // namespace lrc
