// How large a correction is, and what it costs.
#pragma once

#include "lrc/core/types.hpp"

namespace lrc {

enum class RankRule {
  params,  ///< k = p·d_out·d_in/(d_out + d_in): a fraction p of the parameters
  dim,     ///< k = p·min(d_out, d_in)
};

/// The rank for a fraction p, rounded down: a budget is never exceeded. At most min(d_out, d_in). Precondition: p ≥ 0.
Index rank_of(RankRule rule, double fraction, Index d_out, Index d_in);

/// Bits a quantized linear stores: codes, one 16-bit scale per row and group, U and V. `groups` as in WeightGrid.
double stored_bits(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits);

/// stored_bits over d_out·d_in.
double bits_per_weight(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits);

}  // namespace lrc
