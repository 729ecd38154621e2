// The fast Walsh–Hadamard transform, which multiplies by Sylvester's matrix with log2(n) additions per element.
#pragma once

#include "lrc/core/types.hpp"

namespace lrc {

/// Multiplies the n values by Sylvester's matrix of order n (natural order, not normalised), in place.
/// The same values give the same bits wherever they stand. Precondition: n is a power of two.
void walsh_hadamard(float* values, Index n);
void walsh_hadamard(double* values, Index n);

}  // namespace lrc
