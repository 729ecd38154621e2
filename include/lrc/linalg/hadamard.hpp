// Orthogonal transforms that spread every coordinate over all others: x ← x H, where the entries of H are ±1/√order
// wherever a Hadamard matrix of the order can be built; and the random signs that go before them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lrc/core/execution.hpp"
#include "lrc/linalg/matrix.hpp"

namespace lrc {

/// H = (D₁ ⊗ … ⊗ D_f ⊗ S)/√order: S is Sylvester's matrix, so that a power of two is the plain Walsh–Hadamard
/// transform; the D are Paley's matrices. Where no such product has the order, H is the orthogonal DCT-II of the odd
/// part ⊗ S. Every row is transformed on its own, by operations that depend on nothing but the order.
class HadamardTransform {
 public:
  /// Precondition: order >= 1. Throws InputError where a dense factor would exceed kLargestDenseOrder.
  explicit HadamardTransform(Index order);

  Index order() const noexcept { return order_; }

  /// The construction, for the log: "Paley I over GF(27) ⊗ Sylvester 512".
  const std::string& description() const noexcept { return description_; }

  /// x ← x H for each row x of `rows` (any number × order).
  void apply(ViewF rows) const;
  void apply(ViewD rows) const;

  /// x ← x Hᵀ for each row: undoes apply.
  void apply_transposed(ViewF rows) const;
  void apply_transposed(ViewD rows) const;

  /// H itself (order×order), from its definition.
  MatrixD dense() const;

 private:
  // D (order×order) with D Dᵀ = order·I, in both precisions; it acts on entries `stride` apart.
  struct Factor {
    MatrixD exact;
    MatrixF rounded;
    Index stride;
  };
  enum class Side { plain, transposed };

  void add_factor(const MatrixD& matrix, const std::string& description);
  template <class View>
  void transform(View& rows, Side side) const;

  Index order_;
  Index sylvester_order_;
  std::vector<Factor> factors_;
  std::string description_;
};

/// transform.apply(rows) and apply_transposed(rows) on the threads of `exec`; the same bits.
void apply_rows(Execution& exec, const HadamardTransform& transform, ViewF rows);
void apply_rows_transposed(Execution& exec, const HadamardTransform& transform, ViewF rows);

/// W ← Hᵀ W: each column of `matrix` (order × any number) is transformed.
void rotate_columns(const HadamardTransform& transform, ViewF matrix);
void rotate_columns(const HadamardTransform& transform, ViewD matrix);

/// n signs, +1 or −1. The i-th depends on (seed, stream, i) alone, on every platform: it is the top bit (set: −1) of
/// the i-th output of RandomBits(seed, stream).
VectorD random_signs(Index n, std::uint64_t seed, std::uint64_t stream);

}  // namespace lrc
