// The moments of a group of linears: over the tokens that reach it, and, for an expert that few tokens reach, over all.
#pragma once

#include <optional>
#include <vector>

#include "lrc/calibration/input_range.hpp"
#include "lrc/calibration/moment_sums.hpp"
#include "lrc/model/block.hpp"
#include "lrc/model/forward/activation_quantizer.hpp"
#include "lrc/model/preparation.hpp"

namespace lrc {

/// Whether a group's inputs are summed as they come; or kept (tokens×d_in floats) and summed panel by panel, where the
/// sums of all its channels would not fit a rank (the sums are the same); or summed and kept for a second pass.
enum class Summing { at_once, by_panels, twice };

/// This rank's sums over one set of tokens.
class TokenSums {
 public:
  TokenSums(std::string group, MomentKind kind, ActivationQuantizer quantizer, FixedPointScales scales,
            Summing summing);

  /// A unit's inputs of the group: tokens×d_in.
  void add(Execution& exec, const ConstViewF& inputs);
  /// What holds the sums of these rows, if not of all. Replaces what was there for others.
  MomentSums& of(Execution& exec, RowRange rows);
  MomentSums& now() { return *sums_; }
  const MomentSums& now() const { return *sums_; }

  /// Of kept inputs, for a grid that is fixed: the range of the prepared ones; and the grid that follows from it.
  void include_prepared(Execution& exec, const Preparation& preparation, InputRange& range) const;
  void fix_grid(const ActivationGrid& grid) { quantizer_.grid = grid; }

  /// The second pass: the sums of the prepared inputs. `kind` is cross or diagonals.
  MomentSums second(Execution& exec, MomentKind kind, const Preparation& preparation) const;

  /// Nothing yet, for what the inputs fall short of: of the kind drift.
  MomentSums empty_drift() const { return {group_, MomentKind::drift, scales_}; }

  TokenSums empty_like() const { return {group_, kind_, quantizer_, scales_, summing_}; }
  const std::string& group() const { return group_; }
  Index inputs() const { return scales_.channels(); }

 private:
  void add_to_sums(Execution& exec, const ConstViewF& inputs);

  std::string group_;
  MomentKind kind_;
  ActivationQuantizer quantizer_;
  FixedPointScales scales_;
  Summing summing_;
  std::vector<MatrixF> kept_;  // by_panels: a unit's tokens×d_in each
  std::optional<MomentSums> sums_;
};

/// An expert's moments over n tokens say little about its d_in inputs where n is not well above d_in: up to d_in they
/// are singular, and at 2·d_in the inverse is still twice what it should be on average. So up to `enough` tokens, the
/// moments of all N tokens of the block, as this expert would see them, are added with the weight (enough − n)/N.
class GroupSums {
 public:
  /// `enough`: tokens that do without help; 0 = any number. `role` and `expert` say which group of its block it is.
  GroupSums(TokenSums routed, Index enough, GroupRole role = GroupRole::qkv, Index expert = kNoExpert)
      : routed_(std::move(routed)), enough_(enough), role_(role), expert_(expert) {}

  const std::string& group() const { return routed_.group(); }
  GroupRole role() const { return role_; }
  Index expert() const { return expert_; }
  MomentPanels panels() const { return {routed_.inputs()}; }

  /// The tokens that reach the group, and, where it needs them, all tokens.
  TokenSums& routed() { return routed_; }
  TokenSums& all() { return *all_; }

  Index enough() const { return enough_; }
  bool needs_all(Index tokens) const { return tokens < enough_; }
  void want_all() { all_ = routed_.empty_like(); }
  bool wants_all() const { return all_.has_value(); }

  /// Before the second pass, where the grid is fixed: the range of the prepared inputs of this rank, of all tokens
  /// where the group wants them; and the grid that follows from that of all ranks.
  InputRange prepared_range(Execution& exec, const Preparation& preparation) const;
  void fix_grid(const ActivationGrid& grid);

  /// The second pass. Then reduce_second(), and on `owner` second().
  void sum_second(Execution& exec, MomentKind kind, const Preparation& preparation);
  void reduce_second(const Communicator& world, int owner);
  SummedMoments second() const;

  /// Where these inputs X̂ come from the quantized model: by how much they fall short of the original's X̄, on the same
  /// tokens. A unit's drift = X̄ − X̂ and inputs = X̂, both tokens×d_in.
  void begin_drift();
  void add_drift(Execution& exec, const ConstViewF& drift, const ConstViewF& inputs);
  void add_drift_of_all(Execution& exec, const ConstViewF& drift, const ConstViewF& inputs);
  bool has_drift() const { return drift_routed_.has_value(); }
  /// Collective. Then on `owner`, with what an expert borrows: (X̄ − X̂) X̂ᵀ (d_in×d_in) and Σ (x̄ − x̂) (d_in).
  void reduce_drift(const Communicator& world, int owner);
  MatrixF drift() const;
  VectorD drift_sums() const;

  /// Σx, and how many tokens it counts, with what an expert borrows.
  VectorD input_sums() const;
  double weighted_tokens() const;

  /// A panel's way: this rank's sums; those of all ranks, on `owner` (collective); the moments, on `owner`.
  void sum(Execution& exec, Index panel);
  void reduce(const Communicator& world, int owner, Index panel);
  SummedMoments result(Index panel) const;
  SummedMoments result(RowRange rows) const;

 private:
  double background_weight() const;

  TokenSums routed_;
  Index enough_;
  GroupRole role_;
  Index expert_;
  std::optional<TokenSums> all_;
  std::optional<MomentSums> second_routed_, second_all_, drift_routed_, drift_all_;
};

/// Those of that group, which is one of them.
GroupSums& sums_of(std::vector<GroupSums>& sums, const std::string& group);

}  // namespace lrc
