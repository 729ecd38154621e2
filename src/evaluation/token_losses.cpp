#include "lrc/evaluation/token_losses.hpp"

#include <algorithm>
#include <cmath>

#include "lrc/linalg/exponential.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/linalg/lanes.hpp"
#include "lrc/model/forward/layers.hpp"

namespace lrc {
namespace {

constexpr Index kVocabularySlice = 4096;

// log Σ exp(logit) over the slices seen so far, and the logit of the token that really follows.
struct Prediction {
  double largest = -INFINITY, sum = 0, target = 0;

  // Overwrites the logits.
  void add_slice(float* logits, Index size) {
    const float slice_largest = lane_max(logits, size);
    const double before = largest;
    largest = std::max(largest, static_cast<double>(slice_largest));
    for (Index i = 0; i < size; ++i) logits[i] = exponential(logits[i] - slice_largest);
    sum = sum * std::exp(before - largest) +
          static_cast<double>(lane_sum(logits, size)) * std::exp(static_cast<double>(slice_largest) - largest);
  }
  double loss() const { return largest + std::log(sum) - target; }
};

// One slice of the vocabulary, logits: tokens×slice, for all tokens of a unit.
void add_slice(Execution& exec, const Sequences& sequences, const Unit& unit, Index first, MatrixF& logits,
               std::vector<Prediction>& predictions) {
  const std::span<const std::int32_t> tokens = sequences.part(unit.first_sequence, unit.sequences);
  exec.for_each(unit.sequences, [&](Index sequence) {
    for (Index position = 0; position + 1 < sequences.length; ++position) {
      const Index row = sequence * sequences.length + position;
      const Index target = tokens[static_cast<std::size_t>(row + 1)] - first;
      Prediction& prediction = predictions[static_cast<std::size_t>(row)];
      if (target >= 0 && target < logits.cols()) prediction.target = static_cast<double>(logits(row, target));
      prediction.add_slice(&logits(row, 0), logits.cols());
    }
  });
}

MatrixD losses(const Sequences& sequences, const Unit& unit, const std::vector<Prediction>& predictions) {
  MatrixD result(unit.sequences, sequences.length - 1);
  for (Index sequence = 0; sequence < unit.sequences; ++sequence) {
    for (Index position = 0; position + 1 < sequences.length; ++position) {
      result(sequence, position) = predictions[static_cast<std::size_t>(sequence * sequences.length + position)].loss();
    }
  }
  return result;
}

}  // namespace

std::vector<MatrixD> token_losses(Execution& exec, const Model& model, const Sequences& sequences,
                                  std::vector<Unit>& units) {
  std::vector<std::vector<Prediction>> predictions;  // a unit: one a token
  const VectorF norm = model.final_norm();
  for (Unit& unit : units) {
    rms_norm(exec, unit.hidden, norm, model.config().rms_norm_eps, unit.hidden);
    predictions.emplace_back(static_cast<std::size_t>(unit.hidden.rows()));
  }
  const Index vocabulary = model.config().vocabulary_size;
  for (Index first = 0; first < vocabulary && !units.empty(); first += kVocabularySlice) {
    const MatrixF head = model.head_rows(first, std::min(kVocabularySlice, vocabulary - first));
    for (std::size_t u = 0; u < units.size(); ++u) {
      MatrixF logits(units[u].hidden.rows(), head.rows());  // tokens×slice
      gemm(exec, Op::none, Op::transpose, 1.0F, units[u].hidden, head, 0.0F, logits);
      add_slice(exec, sequences, units[u], first, logits, predictions[u]);
    }
  }
  std::vector<MatrixD> result;
  for (std::size_t u = 0; u < units.size(); ++u) result.push_back(losses(sequences, units[u], predictions[u]));
  return result;
}

}  // namespace lrc
