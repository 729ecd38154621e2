// Finite fields, as far as Paley's Hadamard matrices need them.
#pragma once

#include <Eigen/Core>
#include <optional>

#include "lrc/core/types.hpp"

namespace lrc {

/// Entries in {−1, 0, 1}.
using SignMatrix = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// q = prime^exponent.
struct PrimePower {
  Index prime = 0;
  Index exponent = 0;
};

/// `q` as the power of a prime, where it is one.
std::optional<PrimePower> prime_power(Index q);

/// The Jacobsthal matrix Q (q×q) of the field GF(q): Q[a][b] = χ(a − b), where χ is 1 for nonzero squares, −1 for
/// nonsquares and 0 for 0. Q Qᵀ = q I − J and Q J = 0; Q is symmetric for q ≡ 1 (mod 4), else skew.
/// Precondition: q.prime is an odd prime.
SignMatrix jacobsthal_matrix(PrimePower q);

}  // namespace lrc
