// The demo models: what is trained has something to lose, where random weights can only guess.
#pragma once

#include <functional>

#include "odd_input.hpp"
#include "stored_tensors.hpp"

namespace lrc {

/// Perplexities of the first eight windows of 16 tokens of their evaluation.npy, by transformers 5.23.
constexpr double kDemoLlama = 60.5982059, kDemoMixtral = 39.651089;

/// `model` of models/ with its evaluation.npy as data, calibrated with these options (separated by spaces). W4A4 may
/// cost it 12 %.
OddInput trained(const std::string& name, const std::string& model, double perplexity, const std::string& options = "");

/// With its tensors changed.
OddInput with_tensors(OddInput input, const std::function<void(StoredTensors&)>& change);

}  // namespace lrc
