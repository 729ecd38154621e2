#include "lrc/linalg/hadamard_field.hpp"

#include <cassert>
#include <vector>

namespace lrc {
namespace {

// An element of GF(p^k) is a polynomial of degree < k over GF(p), written as a number in base p: the coefficient of
// x^i is the digit of p^i.
Index power_of(PrimePower q) {
  Index value = 1;
  for (Index i = 0; i < q.exponent; ++i) value *= q.prime;
  return value;
}

// a − factor·b, digit by digit.
Index subtract(Index prime, Index a, Index b, Index factor = 1) {
  Index difference = 0;
  for (Index place = 1; a > 0 || b > 0; place *= prime, a /= prime, b /= prime) {
    const Index digit = (a % prime + (prime - factor) * (b % prime)) % prime;
    difference += digit * place;
  }
  return difference;
}

// The powers x^0, x^1, ... modulo the monic polynomial x^k + `tail`, up to the first that is 0 or 1 again.
std::vector<Index> powers_of_x(PrimePower q, Index tail) {
  const Index size = power_of(q), top = size / q.prime;
  std::vector<Index> powers{1};
  while (true) {
    const Index a = powers.back();
    const Index next = subtract(q.prime, a % top * q.prime, tail, a / top);
    if (next <= 1 || static_cast<Index>(powers.size()) == size) return powers;
    powers.push_back(next);
  }
}

// χ of every element. Where x generates all q − 1 units, the field is found, and its squares are the even powers.
std::vector<std::int8_t> quadratic_character(PrimePower q) {
  const Index size = power_of(q);
  for (Index tail = 1; tail < size; ++tail) {
    const std::vector<Index> powers = powers_of_x(q, tail);
    if (static_cast<Index>(powers.size()) != size - 1) continue;
    std::vector<std::int8_t> character(size, 0);
    for (std::size_t e = 0; e < powers.size(); ++e) character[powers[e]] = e % 2 == 0 ? 1 : -1;
    return character;
  }
  throw Error(fmt::format("no primitive polynomial of degree {} over GF({})", q.exponent, q.prime));
}

}  // namespace

std::optional<PrimePower> prime_power(Index q) {
  if (q < 2) return std::nullopt;
  Index prime = 2;
  while (q % prime != 0 && prime * prime <= q) ++prime;
  if (q % prime != 0) prime = q;
  Index exponent = 0;
  for (; q % prime == 0; q /= prime) ++exponent;
  if (q != 1) return std::nullopt;
  return PrimePower{prime, exponent};
}

SignMatrix jacobsthal_matrix(PrimePower q) {
  assert(q.prime > 2 && q.exponent >= 1);
  const std::vector<std::int8_t> character = quadratic_character(q);
  const Index size = power_of(q);
  SignMatrix matrix(size, size);
  for (Index a = 0; a < size; ++a) {
    for (Index b = 0; b < size; ++b) matrix(a, b) = character[subtract(q.prime, a, b)];
  }
  return matrix;
}

}  // namespace lrc
