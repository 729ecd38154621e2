// How large a correction is, and what it costs.
#pragma once

#include "lrc/core/types.hpp"

namespace lrc {

/// The rank for a fraction p of the parameters, k = p·d_out·d_in/(d_out + d_in), rounded down: a budget is never
/// exceeded. At most min(d_out, d_in). Precondition: p ≥ 0.
Index rank_of(double fraction, Index d_out, Index d_in);

/// A stack: linears that share their input, and so their V.
struct Stack {
  Index d_out = 0;  ///< of all its linears together
  Index d_in = 0;
  double other_bits = 0;  ///< what it stores besides codes, scales and factors (means, biases): the budget pays for it
};

/// The rank of a stack that pools the budgets of its linears, p·d_out·d_in sixteen-bit numbers each, as many ranks of
/// (d_out + d_in)·factor_bits and their factor_scale_bits as other_bits leave room for, rounded down, at most
/// min(d_out, d_in). Of one linear in 16 bits: rank_of. Preconditions: p ≥ 0, factor_bits > 0.
Index stack_rank(double fraction, const Stack& stack, int factor_bits);

/// The same for residual activations, whose rank d_out does not bound: at most ⌊7/8·d_in⌋, so that something is left to
/// quantize and H⊥ keeps its rank.
Index residual_rank(double fraction, const Stack& stack, int factor_bits);

/// Bits of the int8 factors' scales: one of 16 bits for each column of U and of V; none for factors in 16 bits.
double factor_scale_bits(Index rank, int factor_bits);

/// Bits that an asymmetric grid stores beyond a symmetric one: with each scale, which has 32 bits then, a zero point,
/// in whole words down a column (io/packing.hpp).
double zero_point_bits(Index d_out, Index groups, int weight_bits);

/// Bits a quantized linear stores: codes, in whole words of 32 bits a row (as io/packing.hpp does: of 3 bits ten fit a
/// word, and of 4 bits the last word of a row may have room left), one 16-bit scale per row and group, U and V without
/// factor_scale_bits. `groups` as in WeightGrid. A stack is a linear of its d_out.
double stored_bits(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits);

/// stored_bits over d_out·d_in.
double bits_per_weight(Index d_out, Index d_in, int weight_bits, Index groups, Index rank, int factor_bits);

}  // namespace lrc
