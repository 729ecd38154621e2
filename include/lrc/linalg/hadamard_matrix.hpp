// Hadamard matrices, built and not tabulated: entries ±1, H Hᵀ = n I. Sylvester's have order 2^m; Paley's come from a
// field of q elements (R. E. A. C. Paley, "On orthogonal matrices", 1933): order q + 1 for q ≡ 3 (mod 4), order
// 2(q + 1) for q ≡ 1 (mod 4). The Kronecker product of two is one again.
#pragma once

#include <string>
#include <vector>

#include "lrc/linalg/hadamard_field.hpp"

namespace lrc {

/// The largest order that is built as one dense matrix.
inline constexpr Index kLargestDenseOrder = 4096;

/// Sylvester's matrix (order×order): (−1)^(bits set in both i and j). Precondition: order is a power of two.
SignMatrix sylvester_matrix(Index order);

/// Whether Paley has a matrix of this order, and it need not be Sylvester's.
bool has_paley_matrix(Index order);

/// Paley's matrix (order×order). Precondition: has_paley_matrix(order).
SignMatrix paley_matrix(Index order);

/// "Paley I over GF(27)". Precondition: has_paley_matrix(order).
std::string paley_description(Index order);

/// The orders of Paley's matrices whose Kronecker product with each other and with a Sylvester matrix has order `order`
/// and is the cheapest to apply; empty for a power of two; nullopt where there is none with factors of up to
/// kLargestDenseOrder. Precondition: order >= 1.
std::optional<std::vector<Index>> paley_factors(Index order);

}  // namespace lrc
