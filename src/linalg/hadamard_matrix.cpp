#include "lrc/linalg/hadamard_matrix.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace lrc {
namespace {

// What one more pass over a row costs, in multiply-adds per element.
constexpr Index kPassCost = 16;

bool is_power_of_two(Index n) { return std::has_single_bit(static_cast<std::uint64_t>(n)); }

std::optional<PrimePower> field_with_residue(Index q, Index residue) {
  return q % 4 == residue ? prime_power(q) : std::nullopt;
}
std::optional<PrimePower> paley_one_field(Index order) { return field_with_residue(order - 1, 3); }
std::optional<PrimePower> paley_two_field(Index order) {
  return order % 4 == 0 ? field_with_residue(order / 2 - 1, 1) : std::nullopt;
}

// Q with a border: a first row of ones, a first column of `column`, 0 in the corner.
SignMatrix bordered(const SignMatrix& q, std::int8_t column) {
  SignMatrix matrix = SignMatrix::Zero(q.rows() + 1, q.cols() + 1);
  matrix.row(0).tail(q.cols()).setOnes();
  matrix.col(0).tail(q.rows()).setConstant(column);
  matrix.bottomRightCorner(q.rows(), q.cols()) = q;
  return matrix;
}

SignMatrix paley_one(PrimePower q) {
  SignMatrix matrix = bordered(jacobsthal_matrix(q), -1);
  matrix.diagonal().setOnes();
  return matrix;
}

// Each entry c of the symmetric conference matrix becomes c·[1 1; 1 −1], each 0 becomes [1 −1; −1 −1].
SignMatrix paley_two(PrimePower q) {
  const SignMatrix conference = bordered(jacobsthal_matrix(q), 1);
  SignMatrix matrix(2 * conference.rows(), 2 * conference.cols());
  for (Index i = 0; i < conference.rows(); ++i) {
    for (Index j = 0; j < conference.cols(); ++j) {
      const std::int8_t c = conference(i, j);
      const auto plus = static_cast<std::int8_t>(i == j ? 1 : c), minus = static_cast<std::int8_t>(i == j ? -1 : c);
      matrix.block<2, 2>(2 * i, 2 * j) << plus, minus, minus, static_cast<std::int8_t>(-plus);
    }
  }
  return matrix;
}

Index cost(const std::vector<Index>& factors) {
  Index sum = 0;
  for (const Index factor : factors) sum += factor + kPassCost;
  return sum;
}

// The cheapest factors of `order` that are at least `smallest`, in ascending order.
std::optional<std::vector<Index>> cheapest_factors(Index order, Index smallest) {
  if (is_power_of_two(order)) return std::vector<Index>{};
  std::optional<std::vector<Index>> best;
  for (Index factor = smallest; factor <= std::min(order, kLargestDenseOrder); factor += 4) {
    if (order % factor != 0 || !has_paley_matrix(factor)) continue;
    std::optional<std::vector<Index>> factors = cheapest_factors(order / factor, factor);
    if (!factors) continue;
    factors->insert(factors->begin(), factor);
    if (!best || cost(*factors) < cost(*best)) best = std::move(factors);
  }
  return best;
}

}  // namespace

SignMatrix sylvester_matrix(Index order) {
  assert(order >= 1 && is_power_of_two(order));
  SignMatrix matrix(order, order);
  for (Index i = 0; i < order; ++i) {
    for (Index j = 0; j < order; ++j) matrix(i, j) = std::popcount(static_cast<std::uint64_t>(i & j)) % 2 == 0 ? 1 : -1;
  }
  return matrix;
}

bool has_paley_matrix(Index order) {
  return !is_power_of_two(order) && (paley_one_field(order) || paley_two_field(order));
}

SignMatrix paley_matrix(Index order) {
  assert(has_paley_matrix(order));
  if (const auto q = paley_one_field(order)) return paley_one(*q);
  return paley_two(*paley_two_field(order));
}

std::string paley_description(Index order) {
  assert(has_paley_matrix(order));
  return paley_one_field(order) ? fmt::format("Paley I over GF({})", order - 1)
                                : fmt::format("Paley II over GF({})", order / 2 - 1);
}

std::optional<std::vector<Index>> paley_factors(Index order) {
  assert(order >= 1);
  constexpr Index kSmallestPaleyOrder = 12;
  return cheapest_factors(order, kSmallestPaleyOrder);
}

}  // namespace lrc
