// What the plan of memory is made of: the sizes of a run, and of what several phases hold. All in bytes, but where it
// says otherwise.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lrc/options/calibrate_options.hpp"

namespace lrc {

struct MemoryTerm {
  std::string name;
  double bytes;
};

/// Of a block, how many experts see so few tokens that the moments of all are summed for them, too.
using StarvedExperts = std::map<GroupRole, Index>;

/// What the sizes of a run follow from.
struct MemoryInputs {
  ModelConfig model;
  CalibrateOptions options;
  Index sequences = 0;
  int ranks = 1, threads = 1;
  std::set<GroupRole> by_panels{};  ///< groups whose moments are summed panel by panel
  StarvedExperts starved{};         ///< of the block that has most
};

namespace memory {

inline constexpr double kByte = 1, kFloat = sizeof(float), kDouble = sizeof(double), kMiB = 1024.0 * 1024.0;
inline constexpr double kReduced = 32 * kMiB;      ///< at a time: MPI takes as much again
inline constexpr double kStoredPanel = 64 * kMiB;  ///< of moments, at most

inline double real(Index value) { return static_cast<double>(value); }

/// Tokens of the run, of a unit of work, and of the rank that has most.
struct Tokens {
  double all, unit, shard;
};
Tokens tokens_of(const MemoryInputs& in);
/// How much of a rank's tokens reach a group: all, or an expert's share of them, which over all experts is exact.
double share_of_tokens(const ModelConfig& model, const GroupLayout& group);

/// Reading and rotating a group's weights: all as floats, and what rotating the largest takes.
double reading(const GroupLayout& group);
/// The same of the largest linear of a block, beside weights that are there already.
double rotating(const MemoryInputs& in);
/// Weights of a block, as floats.
double block_weights(const MemoryInputs& in);

/// Of one stream of tokens, or of two.
MemoryTerm hidden_states(const MemoryInputs& in, int streams);
MemoryTerm activations(const MemoryInputs& in);

std::vector<MemoryTerm> joined(std::vector<MemoryTerm> terms, const std::vector<MemoryTerm>& more);

}  // namespace memory
}  // namespace lrc
