// lrc_evaluate: perplexity of an original or a quantized model directory.
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lrc/core/json_text.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/options.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/evaluation/perplexity.hpp"
#include "lrc/io/file.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/mpi/session.hpp"
#include "run_inputs.hpp"
#include "unread_tensors.hpp"

namespace {

using namespace lrc;

struct Options {
  std::string model, text, tokens, json;
  DataFile data;  // its path is that of `text` or `tokens`
  Index sequences = 0, sequence_length = 2048, threads = 0;
};

OptionTable option_table(Options& o) {
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

void check(const Options& o) {
  if (o.model.empty()) throw InputError("--model", "is missing; see lrc_evaluate --help");
  if (o.text.empty() == o.tokens.empty())
    throw InputError("--text, --tokens", "one of the two is needed, and only one");
  const std::filesystem::path directory = std::filesystem::path(o.json).parent_path();
  if (!directory.empty() && !std::filesystem::is_directory(directory))
    throw InputError("--json", fmt::format("the directory {} of {} does not exist", directory.string(), o.json));
}

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
DataFile checked_data(const Communicator& world, const Options& options) {
  DataFile data = options.data;
  const bool as_text = !options.text.empty();
  data.path = as_text ? options.text : options.tokens;
  world.agree([&] {
    if (world.is_root() && is_text(kind_of(data)) != as_text)
      throw InputError(data.path, as_text ? "holds token ids: give it as --tokens" : "is text: give it as --text");
  });
  return data;
}

void evaluate(const Communicator& world, const Options& options) {
  log_blas_core();
  enter_phase("check inputs");
  ThreadPool pool(thread_count(world, options.threads));
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
    result = evaluate_perplexity(world, pool, *model, windows, [&](Index block) {
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

}  // namespace

int main(int argc, char** argv) {
  restart_with_faster_blas_core(argv);
  return run_with_mpi(argc, argv, [&] {
    single_threaded_blas();
    const Communicator world;
    set_log_enabled(world.is_root());
    Options options;
    OptionTable table = option_table(options);
    auto outcome = OptionTable::Outcome::run;
    world.agree([&] {
      outcome = table.parse(argc, argv, world.is_root());
      if (outcome == OptionTable::Outcome::run) check(options);
    });
    if (outcome == OptionTable::Outcome::run) evaluate(world, options);
  });
}
