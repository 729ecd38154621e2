#include "lrc/pipeline/evaluation_run.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "lrc/core/json_text.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/evaluation/perplexity.hpp"
#include "lrc/io/file.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "lrc/pipeline/run_inputs.hpp"
#include "lrc/pipeline/unread_tensors.hpp"

namespace lrc {
namespace {

// Bits of an original weight where the model is not quantized.
double bits_per_weight(const StoredModel& model) {
  return model.quantized() ? model.quantized()->bits_per_weight
                           : 8.0 * static_cast<double>(size_of(model.config().dtype.value()));
}

nlohmann::ordered_json result_json(const StoredModel& model, const Perplexity& result) {
  return {{"perplexity", result.value()},          {"tokens", result.tokens},
          {"nll", result.negative_log_likelihood}, {"bits_per_weight", bits_per_weight(model)},
          {"model", model.directory().string()},   {"method", model.quantized() ? model.quantized()->method : "full"}};
}

// What is asked for as text must be text, so that a mistake doesn't become a perplexity.
DataFile checked_data(const Communicator& world, const EvaluateOptions& options) {
  DataFile data = options.data;
  const bool as_text = !options.text.empty();
  data.path = as_text ? options.text : options.tokens;
  world.agree([&] {
    if (world.is_root() && is_text(kind_of(data)) != as_text)
      throw InputError(data.path, as_text ? "holds token ids: give it as --tokens" : "is text: give it as --text");
  });
  return data;
}

}  // namespace

void evaluate(const Communicator& world, const EvaluateOptions& options) {
  log_blas_core();
  enter_phase("check inputs");
  Execution exec(thread_count(world, options.threads));
  std::unique_ptr<StoredModel> model;
  world.agree([&] { model = std::make_unique<StoredModel>(options.model); });
  warn_of_unread_tensors(world, *model);
  const Sequences windows =
      load_sequences(world, checked_data(world, options), *model, options.sequences, options.sequence_length);
  const Index blocks = model->config().blocks;
  Perplexity result;
  enter_phase("evaluate");
  {
    Progress progress("evaluate", static_cast<double>(blocks) + 1);
    result = evaluate_perplexity(world, exec, *model, windows, [&](Index block) {
      progress.update(static_cast<double>(block) + 1, fmt::format("block {} of {}", block + 1, blocks));
    });
    progress.update(static_cast<double>(blocks) + 1,
                    fmt::format("{} windows of {} tokens", windows.count, windows.length));
  }
  if (!world.is_root()) return;
  fmt::print("perplexity {:.4f} ({} tokens, {:.4f} nats each, {:.2f} bits per weight)\n", result.value(), result.tokens,
             result.negative_log_likelihood / static_cast<double>(result.tokens), bits_per_weight(*model));
  if (std::fflush(stdout) != 0) throw CallError("write", "stdout does not take the result");
  if (!options.json.empty()) write_atomically(options.json, json_text(result_json(*model, result), 1) + "\n");
}

}  // namespace lrc
