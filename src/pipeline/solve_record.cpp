#include "lrc/pipeline/solve_record.hpp"

namespace lrc {
namespace {

// {relative_loss, uncorrected_loss} of each linear.
nlohmann::ordered_json linear_losses(const SolveResult& result, const std::vector<Index>& linears) {
  nlohmann::ordered_json losses = nlohmann::ordered_json::array();
  const RowLosses uncorrected{.lost = result.uncorrected, .power = result.losses.power};
  Index first = 0;
  for (const Index rows : linears) {
    nlohmann::ordered_json one = {{"relative_loss", result.losses.relative(first, rows)}};
    if (uncorrected.lost.size() > 0) one["uncorrected_loss"] = uncorrected.relative(first, rows);
    losses.push_back(one);
    first += rows;
  }
  return losses;
}

}  // namespace

SolveRecord to_record(const std::string& name, SolveResult result, const std::vector<Index>& linears, Index tokens,
                      Index borrowed, double seconds) {
  nlohmann::ordered_json facts = {{"losses", linear_losses(result, linears)},
                                  {"by_rounding", result.by_rounding},
                                  {"damping", result.damping},
                                  {"iterations", result.iterations_done},
                                  {"tokens", tokens},
                                  {"borrowed_tokens", borrowed},
                                  {"seconds", seconds}};
  return {.name = name, .stack = std::move(result), .facts = std::move(facts)};
}

}  // namespace lrc
