// The moments of a group of linears: over the tokens that reach it, and, for an expert that few tokens reach, over all.
#pragma once

#include <optional>
#include <vector>

#include "lrc/calibration/moment_sums.hpp"

namespace lrc {

/// An expert's moments over n tokens say little about its d_in inputs where n is not well above d_in: up to d_in they
/// are singular, and at 2·d_in the inverse is still twice what it should be on average. So up to `enough` tokens, the
/// moments of all N tokens of the block, as this expert would see them, are added with the weight (enough − n)/N.
class GroupSums {
 public:
  /// `enough`: tokens that do without help; 0 = any number.
  GroupSums(MomentSums routed, Index enough) : routed_(std::move(routed)), enough_(enough) {}

  const std::string& group() const { return routed_.group(); }

  /// The tokens that reach the group, and, where it needs them, all tokens.
  MomentSums& routed() { return routed_; }
  MomentSums& all() { return *all_; }

  Index enough() const { return enough_; }
  bool needs_all(Index tokens) const { return tokens < enough_; }
  void want_all() { all_ = routed_.empty_like(); }
  bool wants_all() const { return all_.has_value(); }

  /// As MomentSums::reduce and result.
  void reduce(const Communicator& world, int owner);
  SummedMoments result() const;

 private:
  MomentSums routed_;
  Index enough_;
  std::optional<MomentSums> all_;
};

}  // namespace lrc
