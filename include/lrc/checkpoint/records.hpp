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

/// A factor of a correction in 8 bits: codes (rows×k) times the scale (1×k) of their column; empty in 16 bits.
struct StoredCodes {
  StoredMatrix<std::int8_t> codes{};
  StoredMatrix<float> scales{};
};

/// What prepares a group's inputs to be quantized. Empty where nothing does.
struct StoredPreparation {
  StoredMatrix<float> mean{};        ///< 1×d_in
  StoredMatrix<float> directions{};  ///< d_in×k, of residual activations
  StoredCodes direction_codes{};
  StoredMatrix<float> target_mean{};  ///< 1×d_in: what the bias answers for where that is not the mean; or empty
};

/// The finished solve of one linear, or of several that share V.
struct SolveRecord {
  std::string name;
  StoredMatrix<std::int8_t> codes;  ///< d_out×d_in
  StoredMatrix<float> scales;       ///< d_out×groups
  StoredMatrix<float> u;            ///< d_out×rank
  StoredMatrix<float> v;            ///< d_in×rank
  nlohmann::ordered_json facts;     ///< for the report: losses of each linear, damping, iterations, seconds, ...
  StoredCodes u_codes{}, v_codes{};
  StoredMatrix<float> u_sizes{};      ///< 1×parts of a stack: u is stored divided by them; or empty
  StoredMatrix<float> mean{};         ///< 1×d_in, taken off the inputs; or empty
  StoredMatrix<float> center_bias{};  ///< 1×d_out: what that takes off the outputs
};

/// Names a panel of rows of the summed moments of one group of linears, which are kept until its solves are in.
struct MomentsKey {
  std::string group;
  Index panel = 0;
};

struct MomentsRecord {
  Index tokens = 0, borrowed = 0;  ///< as in SummedMoments (lrc/linalg/moments.hpp)
  StoredMatrix<float> xx, xy, yy;
  StoredPreparation preparation{};  ///< in the first panel
  StoredMatrix<float> drift{};      ///< or empty
};

/// The same on its way to the file, without a copy: they are large.
struct MomentsToStore {
  Index tokens = 0, borrowed = 0;
  MatrixToStore xx, xy, yy;
  StoredPreparation preparation{};
  MatrixToStore drift{};
};

/// Names hidden states: a unit of sequences (sequences.hpp), as it enters a block.
struct HiddenKey {
  Index block = 0, unit = 0;
};
/// The unit number of the probe, which tells the scales of the sums.
constexpr Index kProbeUnit = -1;

}  // namespace lrc
