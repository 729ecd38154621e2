#include "lrc/linalg/hadamard_walsh.hpp"

#include <bit>
#include <cassert>
#include <cstring>

namespace lrc {
namespace {

constexpr Index kBase = 8;

template <class Scalar>
using Lanes [[gnu::vector_size(kBase * sizeof(Scalar))]] = Scalar;

// The three stages within eight neighbours, where butterflies would shuffle within a vector: as a product with the
// 8×8 matrix, each value times a row of signs. As a plain loop over lanes GCC makes it eight times slower.
template <class Scalar>
void transform_base(Scalar* values) {
  constexpr Lanes<Scalar> signs[kBase] = {{1, 1, 1, 1, 1, 1, 1, 1},     {1, -1, 1, -1, 1, -1, 1, -1},
                                          {1, 1, -1, -1, 1, 1, -1, -1}, {1, -1, -1, 1, 1, -1, -1, 1},
                                          {1, 1, 1, 1, -1, -1, -1, -1}, {1, -1, 1, -1, -1, 1, -1, 1},
                                          {1, 1, -1, -1, -1, -1, 1, 1}, {1, -1, -1, 1, -1, 1, 1, -1}};
  Lanes<Scalar> sums{};
  for (Index i = 0; i < kBase; ++i) sums += values[i] * signs[i];
  std::memcpy(values, &sums, sizeof sums);
}

// One stage: butterflies between values `stride` apart.
template <class Scalar>
void radix_two(Scalar* values, Index n, Index stride) {
  for (Index block = 0; block < n; block += 2 * stride) {
    Scalar *a = values + block, *b = a + stride;
#pragma GCC ivdep
    for (Index i = 0; i < stride; ++i) {
      const Scalar x = a[i], y = b[i];
      a[i] = x + y;
      b[i] = x - y;
    }
  }
}

// Two stages in one pass, those of `stride` and 2·stride: memory is what limits them. The stretches do not overlap,
// which GCC cannot know (ivdep).
template <class Scalar>
void radix_four(Scalar* values, Index n, Index stride) {
  for (Index block = 0; block < n; block += 4 * stride) {
    Scalar *a = values + block, *b = a + stride;
    Scalar *c = b + stride, *d = c + stride;
#pragma GCC ivdep
    for (Index i = 0; i < stride; ++i) {
      const Scalar sum_ab = a[i] + b[i], difference_ab = a[i] - b[i];
      const Scalar sum_cd = c[i] + d[i], difference_cd = c[i] - d[i];
      a[i] = sum_ab + sum_cd;
      b[i] = difference_ab + difference_cd;
      c[i] = sum_ab - sum_cd;
      d[i] = difference_ab - difference_cd;
    }
  }
}

template <class Scalar>
void transform(Scalar* values, Index n) {
  assert(n >= 1 && std::has_single_bit(static_cast<std::uint64_t>(n)));
  Index stride = 1;
  if (n >= kBase) {
    for (Index block = 0; block < n; block += kBase) transform_base(values + block);
    stride = kBase;
  }
  for (; 4 * stride <= n; stride *= 4) radix_four(values, n, stride);
  if (stride < n) radix_two(values, n, stride);
}

}  // namespace

void walsh_hadamard(float* values, Index n) { transform(values, n); }
void walsh_hadamard(double* values, Index n) { transform(values, n); }

}  // namespace lrc
