#include "lrc/options/evaluate_options.hpp"

#include <fmt/core.h>

#include <filesystem>

#include "lrc/core/error.hpp"

namespace lrc {

OptionTable option_table(EvaluateOptions& o) {
  OptionTable table("lrc_evaluate", "perplexity of an original or a quantized model");
  table.path("model", o.model, "Hugging Face directory, original or written by lrc_calibrate")
      .path("text", o.text, "text to evaluate, plain or JSON lines, tokenized by the model's tokenizer")
      .path("tokens", o.tokens, "token ids to evaluate, .npy or .h5");
  add_data_options(table, o.data);
  table.number("sequences", o.sequences, 0, Index{1} << 24, "windows to evaluate; 0 = all")
      .number("sequence-length", o.sequence_length, 2, Index{1} << 20, "tokens of a window")
      .path("json", o.json, "file to write the result to")
      .number("threads", o.threads, 0, 4096, "compute threads of each rank; 0 = cores / ranks of the host");
  return table;
}

void check(const EvaluateOptions& o) {
  if (o.model.empty()) throw InputError("--model", "is missing; see lrc_evaluate --help");
  if (o.text.empty() == o.tokens.empty())
    throw InputError("--text, --tokens", "one of the two is needed, and only one");
  const std::filesystem::path directory = std::filesystem::path(o.json).parent_path();
  if (!directory.empty() && !std::filesystem::is_directory(directory))
    throw InputError("--json", fmt::format("the directory {} of {} does not exist", directory.string(), o.json));
}

}  // namespace lrc
