// The options of lrc_evaluate.
#pragma once

#include <string>

#include "lrc/options/data_file.hpp"

namespace lrc {

struct EvaluateOptions {
  std::string model, text, tokens, json;
  DataFile data;  // its path is that of `text` or `tokens`
  Index sequences = 0, sequence_length = 2048, threads = 0;
};

/// The table that fills `options`, which must outlive it.
OptionTable option_table(EvaluateOptions& options);

/// InputError where what is needed is missing, or does not go together.
void check(const EvaluateOptions& options);

}  // namespace lrc
