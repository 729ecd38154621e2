#include "lrc/pipeline/run_inputs.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "lrc/core/log.hpp"
#include "lrc/io/hash.hpp"
#include "lrc/io/text_source.hpp"
#include "lrc/io/tokens.hpp"
#include "lrc/tokenizer/token_stream.hpp"

namespace lrc {
namespace {

int allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// `most` = 0: all. The bytes of the file are what a whole text is measured by: about those of its text.
std::vector<std::int32_t> tokenize(const std::string& file, TextSource& text, const StoredModel& model, Index most) {
  const auto tokenizer = load_tokenizer(model.directory());
  const auto file_bytes = static_cast<double>(std::filesystem::file_size(file));
  const double total = most > 0 ? static_cast<double>(most) : file_bytes;
  Progress progress("tokenize", total);
  const auto show = [&](std::size_t bytes, std::size_t ids) {
    const auto done = static_cast<double>(most > 0 ? ids : bytes);
    progress.update(std::min(done, total), fmt::format("{} of {}", bytes_text(static_cast<double>(bytes)),
                                                       bytes_text(std::max(file_bytes, static_cast<double>(bytes)))));
  };
  return encode_stream(*tokenizer, text, {.most = static_cast<std::size_t>(most), .progress = show});
}

// `most` = 0: all.
std::vector<std::int32_t> read_stream(const DataFile& data, const StoredModel& model, Index most) {
  const DataKind kind = kind_of(data);
  if (!is_text(kind)) return read_tokens(data.path, most);
  const bool lines = kind == DataKind::json_lines;
  log_info(fmt::format("{}: {}", data.path, lines ? "JSON lines, text under '" + data.text_key + "'" : "plain text"));
  const auto text = lines ? open_json_lines(data.path, data.text_key) : open_plain_text(data.path);
  return tokenize(data.path, *text, model, most);
}

void check_tokens(const std::string& file, const std::vector<std::int32_t>& tokens, Index vocabulary) {
  const auto bad =
      std::find_if(tokens.begin(), tokens.end(), [&](std::int32_t token) { return token < 0 || token >= vocabulary; });
  if (bad == tokens.end()) return;
  throw InputError(
      file,
      fmt::format(
          "token {} at position {} is not in the model's vocabulary of {}; the tokens were made by another tokenizer",
          *bad, bad - tokens.begin(), vocabulary));
}

Sequences cut(const std::string& file, std::vector<std::int32_t> stream, Index count, Index length) {
  const Index there = static_cast<Index>(stream.size()) / length;
  if (there < std::max<Index>(count, 1)) {
    throw InputError(
        file,
        fmt::format(
            "holds {} tokens, enough for {} sequences of {}, but {} are asked for (--sequences, --sequence-length)",
            stream.size(), there, length, std::max<Index>(count, 1)));
  }
  if (count == 0) count = there;
  stream.resize(static_cast<std::size_t>(count * length));
  stream.shrink_to_fit();  // the file may hold far more
  return {count, length, std::move(stream)};
}

// A line "NAME HASH", of the numbers, however they are stored. The tensor is read as one long column, since a row of
// the first dimension of fused experts is a whole expert: this comes before anybody knows whether --memory will do.
std::string hash_and_check(const StoredModel& model, const TensorInfo& info) {
  TensorInfo column = info;
  column.shape = {info.elements()};
  Hasher hasher;
  std::vector<float> values;
  for (Index first = 0; first < info.elements(); first += kCheckedAtOnce) {
    const Index count = std::min(kCheckedAtOnce, info.elements() - first);
    values.resize(static_cast<std::size_t>(count));
    model.tensors().read_rows(column, first, count, values);  // refuses NaN and infinities
    hasher.add(std::as_bytes(std::span(values)));
  }
  return fmt::format("{} {}\n", info.name, hasher.text());
}

}  // namespace

int thread_count(const Communicator& world, Index wanted) {
  const int local = ranks_on_this_host(world);
  if (wanted > 0) return narrow<int>(wanted);
  const int cores = static_cast<int>(std::thread::hardware_concurrency()), allowed = allowed_cores();
  if (allowed < cores / local && std::getenv("OMPI_COMM_WORLD_SIZE") && !std::getenv("SLURM_JOB_ID")) {
    log_warning(
        fmt::format("mpirun binds each rank to {} of the {} cores that it could have: give mpirun --bind-to none",
                    allowed, cores / local));
  }
  return std::max(1, std::min(allowed, cores / local));
}

Sequences load_sequences(const Communicator& world, const DataFile& data, const StoredModel& model, Index count,
                         Index length) {
  Sequences sequences;
  world.agree([&] {
    if (length > model.config().max_positions)
      throw InputError("--sequence-length",
                       fmt::format("{} is more than the model's {} positions", length, model.config().max_positions));
    if (!world.is_root()) return;
    std::vector<std::int32_t> stream = read_stream(data, model, count * length);
    check_tokens(data.path, stream, model.config().vocabulary_size);
    sequences = cut(data.path, std::move(stream), count, length);
  });
  sequences.tokens.resize(static_cast<std::size_t>(world.broadcast(std::ssize(sequences.tokens))));
  world.broadcast_in_place(std::span(sequences.tokens));
  sequences.length = length;
  sequences.count = static_cast<Index>(sequences.tokens.size()) / length;
  return sequences;
}

std::string check_and_hash_weights(const Communicator& world, const StoredModel& model) {
  std::string mine;  // a line a tensor of this rank's share
  world.agree([&] {
    const std::vector<TensorInfo> all = model.needed();
    for (std::size_t i = static_cast<std::size_t>(world.rank()); i < all.size();
         i += static_cast<std::size_t>(world.size())) {
      mine += hash_and_check(model, all[i]);
    }
  });
  std::vector<std::string> lines;
  for (const std::string& part : world.gather(mine)) {
    for (std::size_t at = 0; at < part.size(); at = part.find('\n', at) + 1)
      lines.push_back(part.substr(at, part.find('\n', at) - at));
  }
  std::sort(lines.begin(), lines.end());
  std::string all;
  for (const std::string& line : lines) all += line + '\n';
  return world.broadcast(hash_bytes(std::as_bytes(std::span(all))));
}

}  // namespace lrc
