// A finished solve as it is committed.
#pragma once

#include "lrc/checkpoint/records.hpp"
#include "lrc/quantization/solve.hpp"

namespace lrc {

/// `linears`: rows of each linear of the stack, whose losses are told apart; `tokens`, `borrowed`: of the moments;
/// `seconds`: what it took.
SolveRecord to_record(const std::string& name, SolveResult result, const std::vector<Index>& linears, Index tokens,
                      Index borrowed, double seconds);

}  // namespace lrc
