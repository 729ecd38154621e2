#include "lrc/export/exporter.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <set>

#include "lrc/core/json_text.hpp"
#include "lrc/export/solved_group.hpp"
#include "lrc/io/directory.hpp"
#include "lrc/io/json.hpp"
#include "lrc/io/packing.hpp"

namespace lrc {
namespace {

constexpr std::uint64_t kLargestShard = 5'000'000'000;
constexpr Index kTableRows = 4096;  // of the embedding or lm_head, at a time

std::uint64_t bytes_of(const std::vector<TensorInfo>& tensors) {
  return std::accumulate(tensors.begin(), tensors.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const TensorInfo& info) { return sum + lrc::bytes_of(info); });
}

std::span<const float> span_of(const MatrixF& matrix) {
  return {matrix.data(), static_cast<std::size_t>(matrix.size())};
}
std::span<const float> span_of(const VectorF& vector) {
  return {vector.data(), static_cast<std::size_t>(vector.size())};
}

const char* name_in_torch(Dtype dtype) {
  return dtype == Dtype::f32 ? "float32" : dtype == Dtype::f16 ? "float16" : "bfloat16";
}

WeightGrid grid_of(const QuantizedFormat& format) {
  return {.bits = format.weight_bits, .group_size = format.weight_group_size, .zero_points = format.weight_zero_points};
}

void write_words(SafetensorsWriter& writer, const std::vector<std::int32_t>& words) {
  writer.write_bytes(std::as_bytes(std::span(words)));
}

TensorInfo tensor(std::string name, Dtype dtype, std::vector<Index> shape) {
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .file = {}};
}

}  // namespace

void require_fit(const QuantizedStack& solved, const LinearStack& stack, Index inputs, const QuantizedFormat& format) {
  if (solved.codes.rows() != stack.rows || solved.codes.cols() != inputs)
    throw Error(fmt::format("{}: the committed solve is {}×{}, but the linear is {}×{}", stack.name,
                            solved.codes.rows(), solved.codes.cols(), stack.rows, inputs));
  const MatrixI8& zeros = solved.zero_points;
  const WeightGrid grid = grid_of(format);
  const Index rows = grid.zero_points ? stack.rows : 0, groups = grid.zero_points ? grid.groups(inputs) : 0;
  if (zeros.rows() != rows || zeros.cols() != groups)
    throw Error(fmt::format("{}: the committed solve has {}×{} zero points, but the format has {}×{}", stack.name,
                            zeros.rows(), zeros.cols(), rows, groups));
  for (const std::int8_t zero : zeros.reshaped()) {
    if (zero < grid.lowest() || zero > grid.highest())
      throw Error(fmt::format("{}: the committed solve has the zero point {}, which is no code of {} bits", stack.name,
                              zero, grid.bits));
  }
}

Exporter::Exporter(ExportSource source, std::filesystem::path directory)
    : source_(std::move(source)),
      directory_(std::move(directory)),
      weights_(directory_ / weights_file(source_.format)) {
  std::uint64_t filled = kLargestShard;  // the first part opens the first shard
  const auto add = [&](Part part) {
    const std::uint64_t size = bytes_of(part.tensors);
    if (filled + size > kLargestShard) {
      shards_.emplace_back();
      filled = 0;
    }
    filled += size;
    shards_.back().push_back(std::move(part));
  };
  add(embedding_part());
  for (Index block = 0; block < source_.model.config().blocks; ++block) add(block_part(block));
  add(head_part());
}

std::string Exporter::shard_name(Index shard) const {
  const std::string stem = weights_.stem();
  return shards() == 1 ? stem + ".safetensors"
                       : fmt::format("{}-{:05}-of-{:05}.safetensors", stem, shard + 1, shards());
}

void Exporter::write_shard(Index shard) const {
  const std::vector<Part>& parts = shards_.at(static_cast<std::size_t>(shard));
  std::vector<TensorInfo> tensors;
  for (const Part& part : parts) tensors.insert(tensors.end(), part.tensors.begin(), part.tensors.end());
  make_directories(weights_.parent_path());
  SafetensorsWriter writer(weights_.parent_path() / shard_name(shard), std::move(tensors));
  for (const Part& part : parts) part.write(writer);
  writer.commit();
}

void Exporter::write_table(SafetensorsWriter& writer, const std::function<MatrixF(Index, Index)>& rows) const {
  const Index vocabulary = source_.model.config().vocabulary_size;
  for (Index first = 0; first < vocabulary; first += kTableRows)
    writer.write(span_of(rows(first, std::min(kTableRows, vocabulary - first))));
}

Exporter::Part Exporter::embedding_part() const {
  const ModelConfig& config = source_.model.config();
  return {{tensor(kEmbeddingTensor, source_.kept_dtype, {config.vocabulary_size, config.hidden_size})},
          [this, &config](SafetensorsWriter& writer) {
            write_table(writer, [&](Index first, Index rows) {
              std::vector<std::int32_t> ids(static_cast<std::size_t>(rows));
              std::iota(ids.begin(), ids.end(), narrow<std::int32_t>(first));
              MatrixF table(rows, config.hidden_size);
              source_.model.embed(ids, table);
              return table;
            });
          }};
}

Exporter::Part Exporter::head_part() const {
  const ModelConfig& config = source_.model.config();
  return {{tensor(kFinalNormTensor, source_.kept_dtype, {config.hidden_size}),
           tensor(kHeadTensor, source_.kept_dtype, {config.vocabulary_size, config.hidden_size})},
          [this](SafetensorsWriter& writer) {
            writer.write(span_of(source_.model.final_norm()));
            write_table(writer, [&](Index first, Index rows) { return source_.model.head_rows(first, rows); });
          }};
}

Exporter::Part Exporter::block_part(Index block) const {
  const BlockLayout layout = block_layout(source_.model.config(), block);
  return {block_tensors(layout),
          [this, block, layout](SafetensorsWriter& writer) { write_block(writer, block, layout); }};
}

std::vector<TensorInfo> Exporter::block_tensors(const BlockLayout& layout) const {
  const ModelConfig& config = source_.model.config();
  std::vector<TensorInfo> tensors{tensor(layout.attention_norm, source_.kept_dtype, {config.hidden_size}),
                                  tensor(layout.mlp_norm, source_.kept_dtype, {config.hidden_size})};
  for (const std::string& name : {layout.q_norm, layout.k_norm}) {
    if (!name.empty()) tensors.push_back(tensor(name, source_.kept_dtype, {config.head_dim}));
  }
  // A rounded router would send some tokens elsewhere than calibration did.
  if (layout.router)
    tensors.push_back(tensor(layout.router->name + ".weight", Dtype::f32, layout.router->stored.shape));
  for (const GroupLayout& group : layout.groups()) {
    for (const LinearLayout& linear : group.linears) {
      if (linear.bias) tensors.push_back(tensor(linear.name + ".bias", source_.kept_dtype, {linear.rows}));
      append_quantized(linear, tensors);
    }
  }
  return tensors;
}

void Exporter::append_quantized(const LinearLayout& linear, std::vector<TensorInfo>& tensors) const {
  const WeightGrid grid = grid_of(source_.format);
  const bool packed = source_.format.packed;
  const auto words = [&](Index codes) { return packed ? packed_words(codes, grid.bits) : codes; };
  const Dtype dtype = packed ? Dtype::i32 : Dtype::i8;
  const auto append = [&](const char* part, Dtype of, const std::vector<Index>& shape) {
    tensors.push_back(tensor(linear.name + part, of, shape));
  };
  append(packed ? ".weight_packed" : ".weight", dtype, {linear.rows, words(linear.cols)});
  append(".weight_scale", grid.zero_points ? Dtype::f32 : Dtype::bf16, {linear.rows, grid.groups(linear.cols)});
  if (grid.zero_points) append(".weight_zero_point", dtype, {words(linear.rows), grid.groups(linear.cols)});
  if (packed) append(".weight_shape", Dtype::i64, {2});
  if (!has_input_grids(source_.format)) return;
  append(".input_scale", Dtype::f32, {1});
  append(".input_zero_point", Dtype::i8, {1});
}

// In the order of block_tensors().
void Exporter::write_block(SafetensorsWriter& writer, Index block, const BlockLayout& layout) const {
  writer.write(span_of(source_.model.norm(block, GroupRole::qkv)));
  writer.write(span_of(source_.model.norm(block, GroupRole::gate_up)));
  for (const std::string& name : {layout.q_norm, layout.k_norm}) {
    if (!name.empty()) writer.write(span_of(source_.model.head_norm(name)));
  }
  if (layout.router) writer.write(span_of(source_.model.router(block)));
  for (const GroupLayout& group : layout.groups()) {
    const bool biased = std::any_of(group.linears.begin(), group.linears.end(), [](const auto& l) { return l.bias; });
    const LinearGroup read = biased ? source_.model.group(block, group) : LinearGroup();
    for (const LinearStack& stack : stacks_of(group, source_.format.stacked)) {
      const QuantizedStack solved = source_.solved(stack.name);
      require_fit(solved, stack, group.inputs(), source_.format);
      Index row = 0;  // of the stack
      for (std::size_t i = stack.first; i < stack.first + stack.count; ++i) {
        write_linear(writer, solved, row, biased ? read.linears[i].bias : VectorF(), group.linears[i]);
        row += group.linears[i].rows;
      }
    }
  }
}

// The linear is the part of the solve from row `first` on.
void Exporter::write_linear(SafetensorsWriter& writer, const QuantizedStack& solved, Index first, const VectorF& bias,
                            const LinearLayout& layout) const {
  assert(first + layout.rows <= solved.codes.rows() && layout.cols == solved.codes.cols());
  if (layout.bias) writer.write(span_of(bias));
  const bool packed = source_.format.packed;
  const int bits = source_.format.weight_bits;
  const std::span codes(solved.codes.data() + first * layout.cols, static_cast<std::size_t>(layout.rows * layout.cols));
  if (packed)
    write_words(writer, pack_codes(codes, layout.rows, layout.cols, bits));
  else
    writer.write_bytes(std::as_bytes(codes));
  writer.write({solved.scales.data() + first * solved.scales.cols(),
                static_cast<std::size_t>(layout.rows * solved.scales.cols())});
  if (solved.zero_points.size() > 0) {
    const Index groups = solved.zero_points.cols();
    const std::span zeros(solved.zero_points.data() + first * groups, static_cast<std::size_t>(layout.rows * groups));
    if (packed)
      write_words(writer, pack_columns(zeros, layout.rows, groups, bits));
    else
      writer.write_bytes(std::as_bytes(zeros));
  }
  const std::array<std::int64_t, 2> shape{layout.rows, layout.cols};
  if (packed) writer.write_bytes(std::as_bytes(std::span(shape)));
  if (!has_input_grids(source_.format)) return;
  const ActivationGrid grid = input_grid(solved, source_.format);
  const auto zero_point = static_cast<std::int8_t>(grid.zero_point);
  writer.write({&grid.scale, 1});
  writer.write_bytes(std::as_bytes(std::span(&zero_point, 1)));
}

void Exporter::write_rest() const {
  write_config();
  copy_tokenizer();
  write_atomically(directory_ / "README.md", usage_text(source_.format));
  if (shards() > 1) write_index();
}

void Exporter::write_index() const {
  nlohmann::ordered_json map = nlohmann::ordered_json::object();
  std::uint64_t total = 0;
  for (Index shard = 0; shard < shards(); ++shard) {
    for (const Part& part : shards_[static_cast<std::size_t>(shard)]) {
      for (const TensorInfo& info : part.tensors) map[info.name] = shard_name(shard);
      total += bytes_of(part.tensors);
    }
  }
  const nlohmann::ordered_json index = {{"metadata", {{"total_size", total}}}, {"weight_map", map}};
  write_atomically(weights_.string() + ".index.json", json_text(index, 1) + "\n");
}

void Exporter::write_config() const {
  nlohmann::ordered_json config = read_json_of_python(source_.original.directory() / "config.json");
  config["tie_word_embeddings"] = false;  // lm_head holds the final norm and the rotation, the embedding does not
  config["quantization_config"] = quantization_config(source_.format);
  if (!config.contains("dtype")) config["torch_dtype"] = nullptr;  // the older name, unless only the newer one is there
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (config.contains(key)) config[key] = name_in_torch(source_.kept_dtype);
  }
  for (const std::filesystem::path& directory : std::set{directory_, weights_.parent_path()})
    write_atomically(directory / "config.json", json_text(config, 2) + "\n");
}

void Exporter::copy_tokenizer() const {
  for (const std::string& name : tokenizer_files(source_.original.directory()))
    write_atomically(directory_ / name, read_text(source_.original.directory() / name, std::uint64_t{1} << 30));
}

std::vector<std::string> tokenizer_files(const std::filesystem::path& model) {
  std::vector<std::string> there;
  for (const char* name :
       {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "chat_template.jinja", "generation_config.json"}) {
    if (std::filesystem::exists(model / name)) there.emplace_back(name);
  }
  return there;
}

}  // namespace lrc
