#include "lrc/model/format/stored_model.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <map>
#include <set>

#include "lrc/io/packing.hpp"
#include "lrc/model/families/family.hpp"
#include "lrc/model/format/model_directory.hpp"

namespace lrc {
namespace {

constexpr const char* kAdapterDirectory = "adapter";

std::string shape_text(const std::vector<Index>& shape) {
  std::string text;
  for (const Index size : shape) text += (text.empty() ? "" : "×") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

// `integers`: their dtype; none: numbers of floating point.
void check_tensor(const TensorInfo& info, const std::vector<Index>& shape, std::optional<Dtype> integers = {}) {
  if (info.shape != shape) {
    throw InputError(info.file.string(), fmt::format("tensor '{}' is {}, but config.json asks for {}", info.name,
                                                     shape_text(info.shape), shape_text(shape)));
  }
  if (integers ? info.dtype != *integers : !is_float(info.dtype)) {
    throw InputError(info.file.string(),
                     fmt::format("tensor '{}' has dtype {}; it may be {}", info.name, name_of(info.dtype),
                                 integers ? name_of(*integers) : "F64, F32, F16 or BF16"));
  }
}

// Buffers that checkpoints of these models used to have, and the shapes of packed weights: all are computed.
bool is_computed(const std::string& name) {
  return name.ends_with("rotary_emb.inv_freq") || name.ends_with(".weight_shape");
}

// The factors of a linear in a PEFT adapter: Vᵀ and U.
std::string lora_a(const LinearLayout& layout) { return "base_model.model." + layout.name + ".lora_A.weight"; }
std::string lora_b(const LinearLayout& layout) { return "base_model.model." + layout.name + ".lora_B.weight"; }

std::span<float> span_of(MatrixF& matrix) { return {matrix.data(), static_cast<std::size_t>(matrix.size())}; }

// What was written before weights had other places than model.safetensors is read as well.
TensorDirectory open_weights(const std::filesystem::path& directory, const std::optional<QuantizedFormat>& format) {
  if (!format || is_there(directory / "model.safetensors") || is_there(directory / "model.safetensors.index.json"))
    return TensorDirectory(directory);
  const std::filesystem::path file = directory / weights_file(*format);
  return TensorDirectory(file.parent_path(), file.filename());
}

}  // namespace

StoredModel::StoredModel(const std::filesystem::path& directory)
    : directory_(model_directory(directory)),
      config_(read_model_config(directory_)),
      format_(read_quantized_format(directory_)),
      tensors_(open_weights(directory_, format_)) {
  if (format_) rotations_ = online_rotations(config_, format_->rotated_heads, format_->online_rotation);
  if (format_ && format_->has_adapter) adapter_.emplace(directory_ / kAdapterDirectory, "adapter_model.safetensors");
  if (format_ && format_->native) low_rank_.emplace(directory_, *format_);
  if (const Family* family = find_family(config_.family); family->look_at_tensors)
    family->look_at_tensors([this](const std::string& name) { return find(name) != nullptr; }, config_);
  check_tensors();
  if (!config_.dtype) config_.dtype = embedding().dtype == Dtype::f64 ? Dtype::f32 : embedding().dtype;
}

const TensorInfo* StoredModel::find(const std::string& name) const {
  const std::string prefix = "model.";
  if (const TensorInfo* info = tensors_.find(name)) return info;
  if (const TensorInfo* info = tensors_.find(prefix + name)) return info;
  return name.starts_with(prefix) ? tensors_.find(name.substr(prefix.size())) : nullptr;
}

const TensorInfo& StoredModel::at(const std::string& name) const {
  const TensorInfo* info = find(name);
  return info ? *info : tensors_.at(name);  // which says what is missing
}

const TensorInfo& StoredModel::embedding() const {
  return at(config_.tied_embeddings && !find(kEmbeddingTensor) ? kHeadTensor : kEmbeddingTensor);
}

// One that is stored is used, whatever config.json says of tied embeddings.
const TensorInfo& StoredModel::head() const {
  return at(config_.tied_embeddings && !find(kHeadTensor) ? kEmbeddingTensor : kHeadTensor);
}

std::vector<TensorInfo> StoredModel::needed() const {
  std::vector<TensorInfo> all;
  for (const std::string& name : needed_) all.push_back(tensors_.at(name));
  return all;
}

std::vector<std::string> StoredModel::unread() const {
  std::vector<std::string> names;
  for (const TensorInfo& info : tensors_.tensors()) {
    if (!needed_.contains(info.name) && !is_computed(info.name)) names.push_back(info.name);
  }
  return names;
}

void StoredModel::need(const TensorInfo& info, const std::vector<Index>& shape, std::optional<Dtype> integers) {
  check_tensor(info, shape, integers);
  needed_.insert(info.name);
}

void StoredModel::check_tensors() {
  need(embedding(), {config_.vocabulary_size, config_.hidden_size});
  if (!find(kHeadTensor) && !config_.tied_embeddings) {
    throw InputError(
        directory_.string(),
        fmt::format("tensor '{}' is missing, and 'tie_word_embeddings' of config.json is not true", kHeadTensor));
  }
  need(head(), {config_.vocabulary_size, config_.hidden_size});
  need(kFinalNormTensor, {config_.hidden_size});
  for (Index index = 0; index < config_.blocks; ++index) check_block(block_layout(config_, index));
  if (adapter_) check_adapter();
  if (low_rank_) low_rank_->check(config_);
}

// A linear of rank 0 has no factors; nothing else may be missing, and nothing may be left over.
void StoredModel::check_adapter() const {
  std::set<std::string> known;
  for (Index index = 0; index < config_.blocks; ++index) {
    for (const GroupLayout& group : block_layout(config_, index).groups()) {
      for (const LinearLayout& linear : group.linears) {
        known.insert({lora_a(linear), lora_b(linear)});
        if (!adapter_->find(lora_a(linear)) && !adapter_->find(lora_b(linear))) continue;
        const TensorInfo& a = adapter_->at(lora_a(linear));
        const Index rank = a.shape.empty() ? 0 : a.shape[0];
        check_tensor(a, {rank, linear.cols});
        check_tensor(adapter_->at(lora_b(linear)), {linear.rows, rank});
      }
    }
  }
  adapter_->refuse_others(known);
}

void StoredModel::check_block(const BlockLayout& layout) {
  need(layout.attention_norm, {config_.hidden_size});
  need(layout.mlp_norm, {config_.hidden_size});
  for (const std::string& name : {layout.q_norm, layout.k_norm}) {
    if (!name.empty()) need(name, {config_.head_dim});
  }
  if (layout.router) need(layout.router->stored.tensor, layout.router->stored.shape);
  for (const GroupLayout& group : layout.groups()) {
    for (const LinearLayout& linear : group.linears) check_linear(linear);
  }
}

void StoredModel::check_linear(const LinearLayout& layout) {
  if (layout.bias) need(layout.name + ".bias", {layout.rows});
  if (!format_) return need(layout.stored.tensor, layout.stored.shape);
  const Index group = format_->weight_group_size == 0 ? layout.cols : format_->weight_group_size;
  const Index groups = ceil_div(layout.cols, group);
  const bool packed = format_->packed;
  const auto words = [&](Index codes) { return packed ? packed_words(codes, format_->weight_bits) : codes; };
  const Dtype dtype = packed ? Dtype::i32 : Dtype::i8;
  need(at(codes_name(layout)), {layout.rows, words(layout.cols)}, dtype);
  need(layout.name + ".weight_scale", {layout.rows, groups});
  if (format_->weight_zero_points) need(at(layout.name + ".weight_zero_point"), {words(layout.rows), groups}, dtype);
  if (has_input_grids(*format_)) check_input_grid(layout);
}

void StoredModel::check_input_grid(const LinearLayout& layout) {
  const TensorInfo &scale = at(layout.name + ".input_scale"), &zero_point = at(layout.name + ".input_zero_point");
  need(scale, {1});
  need(zero_point, {1}, Dtype::i8);
  const ActivationGrid grid = read_input_grid(layout);
  const float least = -std::ldexp(1.0F, format_->activations.bits - 1);  // code
  if (!(grid.scale > 0))
    throw InputError(scale.file.string(),
                     fmt::format("tensor '{}' holds {}; it must be above 0", scale.name, grid.scale));
  if (grid.zero_point < least || grid.zero_point >= -least)
    throw InputError(zero_point.file.string(),
                     fmt::format("tensor '{}' holds {}, which is no code of {} bits", zero_point.name, grid.zero_point,
                                 format_->activations.bits));
}

ActivationGrid StoredModel::read_input_grid(const LinearLayout& layout) const {
  ActivationGrid grid;
  std::int8_t zero_point = 0;
  tensors_.read(at(layout.name + ".input_scale"), {&grid.scale, 1});
  tensors_.read_bytes(at(layout.name + ".input_zero_point"), 0, std::as_writable_bytes(std::span(&zero_point, 1)));
  grid.zero_point = zero_point;
  return grid;
}

MatrixF StoredModel::read_matrix(const TensorDirectory& from, const TensorInfo& info) const {
  assert(info.shape.size() == 2);
  MatrixF matrix(info.shape[0], info.shape[1]);
  from.read(info, span_of(matrix));
  return matrix;
}

MatrixF StoredModel::read_rows(const LinearLayout& layout) const {
  TensorInfo info = at(layout.stored.tensor);
  info.shape = {info.elements() / layout.cols, layout.cols};
  MatrixF matrix(layout.rows, layout.cols);
  tensors_.read_rows(info, layout.stored.first, layout.rows, span_of(matrix));
  return matrix;
}

VectorF StoredModel::read_vector(const std::string& name) const {
  const TensorInfo& info = at(name);
  VectorF vector(info.shape.at(0));
  tensors_.read(info, {vector.data(), static_cast<std::size_t>(vector.size())});
  return vector;
}

Linear StoredModel::read_linear(const LinearLayout& layout) const {
  Linear linear{.name = layout.name, .weight = {}, .bias = {}, .u = {}, .v = {}};
  if (layout.bias) linear.bias = read_vector(layout.name + ".bias");
  if (format_) {
    linear.weight = read_quantized(layout);
    read_correction(layout, linear);
  } else {
    linear.weight = read_rows(layout);
  }
  return linear;
}

std::string StoredModel::codes_name(const LinearLayout& layout) const {
  return layout.name + (format_->packed ? ".weight_packed" : ".weight");
}

std::vector<std::int32_t> StoredModel::read_words(const TensorInfo& info) const {
  std::vector<std::int32_t> words(static_cast<std::size_t>(info.elements()));
  tensors_.read_int32(info, words);
  return words;
}

std::vector<std::int8_t> StoredModel::read_bytes(const TensorInfo& info) const {
  std::vector<std::int8_t> codes(static_cast<std::size_t>(info.elements()));
  tensors_.read_bytes(info, 0, std::as_writable_bytes(std::span(codes)));
  const int lowest = -(1 << (format_->weight_bits - 1));
  for (const std::int8_t code : codes) {
    if (code < lowest || code > -lowest - 1)
      throw InputError(info.file.string(), fmt::format("tensor '{}' holds {}, which is no code of {} bits", info.name,
                                                       code, format_->weight_bits));
  }
  return codes;
}

MatrixF StoredModel::read_quantized(const LinearLayout& layout) const {
  const MatrixF scales = read_matrix(tensors_, at(layout.name + ".weight_scale"));  // rows×groups
  const int bits = format_->weight_bits;
  const TensorInfo& stored = at(codes_name(layout));
  const std::vector<std::int8_t> codes = format_->packed
                                             ? unpack_codes(read_words(stored), layout.rows, layout.cols, bits)
                                             : read_bytes(stored);                   // rows×cols
  std::vector<std::int8_t> zero_points(static_cast<std::size_t>(scales.size()), 0);  // rows×groups
  if (format_->weight_zero_points) {
    const TensorInfo& zeros = at(layout.name + ".weight_zero_point");
    zero_points =
        format_->packed ? unpack_columns(read_words(zeros), layout.rows, scales.cols(), bits) : read_bytes(zeros);
  }
  const Index group = format_->weight_group_size == 0 ? layout.cols : format_->weight_group_size;
  MatrixF weight(layout.rows, layout.cols);
  for (Index r = 0; r < layout.rows; ++r) {
    const std::int8_t* row = codes.data() + r * layout.cols;
    for (Index first = 0; first < layout.cols; first += group) {
      const Index end = std::min(first + group, layout.cols);
      const float scale = scales(r, first / group);
      const int zero = zero_points[static_cast<std::size_t>(r * scales.cols() + first / group)];
      for (Index c = first; c < end; ++c) weight(r, c) = static_cast<float>(row[c] - zero) * scale;
    }
  }
  return weight;
}

void StoredModel::read_correction(const LinearLayout& layout, Linear& linear) const {
  const TensorInfo* a = adapter_ ? adapter_->find(lora_a(layout)) : nullptr;
  if (!a) return;
  linear.v = read_matrix(*adapter_, *a).transpose();
  linear.u = read_matrix(*adapter_, adapter_->at(lora_b(layout)));
}

LinearGroup StoredModel::group(Index, const GroupLayout& layout) const {
  LinearGroup group{.role = layout.role, .expert = layout.expert, .name = layout.name, .linears = {}};
  for (const LinearLayout& linear : layout.linears) group.linears.push_back(read_linear(linear));
  if (format_) group.quantizer = format_->activations;
  if (format_ && has_input_grids(*format_)) group.quantizer.grid = read_input_grid(layout.linears.front());
  if (low_rank_) low_rank_->complete(layout, group);
  group.rotation = rotations_.of(layout.role);
  return group;
}

VectorF StoredModel::norm(Index index, GroupRole reader) const {
  assert(reader == GroupRole::qkv || reader == GroupRole::gate_up);
  const BlockLayout layout = block_layout(config_, index);
  return read_vector(reader == GroupRole::qkv ? layout.attention_norm : layout.mlp_norm);
}

VectorF StoredModel::head_norm(const std::string& name) const { return name.empty() ? VectorF() : read_vector(name); }

MatrixF StoredModel::router(Index index) const {
  const BlockLayout layout = block_layout(config_, index);
  return layout.router ? read_rows(*layout.router) : MatrixF(0, config_.hidden_size);
}

void StoredModel::embed(std::span<const std::int32_t> tokens, ViewF hidden) const {
  assert(hidden.rows() == static_cast<Index>(tokens.size()) && hidden.cols() == config_.hidden_size);
  const TensorInfo& table = embedding();
  std::map<std::int32_t, Index> first_row;  // where in `hidden` a token's embedding was first put
  for (Index row = 0; row < hidden.rows(); ++row) {
    const std::int32_t token = tokens[static_cast<std::size_t>(row)];
    const auto [seen, is_new] = first_row.try_emplace(token, row);
    if (is_new) {
      tensors_.read_rows(table, token, 1, {&hidden(row, 0), static_cast<std::size_t>(hidden.cols())});
    } else {
      hidden.row(row) = hidden.row(seen->second);
    }
  }
}

VectorF StoredModel::final_norm() const { return read_vector(kFinalNormTensor); }

MatrixF StoredModel::head_rows(Index first, Index rows) const {
  MatrixF matrix(rows, config_.hidden_size);
  tensors_.read_rows(head(), first, rows, span_of(matrix));
  return matrix;
}

}  // namespace lrc
