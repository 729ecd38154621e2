// What a checkpoint holds, as plain data.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "lrc/core/types.hpp"

namespace lrc {

/// A matrix as it lies in a file: rows×cols, row-major.
template <class Element>
struct StoredMatrix {
  Index rows = 0, cols = 0;
  std::vector<Element> values;
};

/// A matrix to be written, where it lies in memory: rows×cols, row-major.
struct MatrixToStore {
  Index rows = 0, cols = 0;
  std::span<const float> values;
};

/// The finished solve of one linear.
struct SolveRecord {
  std::string name;
  StoredMatrix<std::int8_t> codes;  ///< d_out×d_in
  StoredMatrix<float> scales;       ///< d_out×groups
  StoredMatrix<float> u;            ///< d_out×rank
  StoredMatrix<float> v;            ///< d_in×rank
  nlohmann::ordered_json facts;     ///< for the report: relative_loss, damping, iterations, seconds, ...
};

/// Names a panel of rows of the summed moments of one group of linears, which are kept until its solves are in.
struct MomentsKey {
  std::string group;
  Index panel = 0;
};

struct MomentsRecord {
  Index tokens = 0, borrowed = 0;  ///< as in SummedMoments (lrc/linalg/moments.hpp)
  StoredMatrix<float> xx, xy, yy;
};

/// The same on its way to the file, without a copy: they are large.
struct MomentsToStore {
  Index tokens = 0, borrowed = 0;
  MatrixToStore xx, xy, yy;
};

/// Names hidden states: a unit of sequences (sequences.hpp), as it enters a block.
struct HiddenKey {
  Index block = 0, unit = 0;
};
/// The unit number of the probe, which tells the scales of the sums.
constexpr Index kProbeUnit = -1;

}  // namespace lrc
