// low_rank.safetensors: what is laid down in model/format/low_rank_file.hpp.
#include "lrc/export/exporter.hpp"
#include "lrc/io/directory.hpp"

namespace lrc {
namespace {

// A tensor and how it is written once the solve of its stack is there.
struct Entry {
  TensorInfo info;
  std::function<void(SafetensorsWriter&, const QuantizedStack&)> write;
};

std::span<const float> span_of(const auto& values) { return {values.data(), static_cast<std::size_t>(values.size())}; }

Entry floats(const std::string& name, Dtype dtype, std::vector<Index> shape,
             std::function<MatrixF(const QuantizedStack&)> of) {
  return {{.name = name, .dtype = dtype, .shape = std::move(shape), .file = {}},
          [of = std::move(of)](SafetensorsWriter& writer, const QuantizedStack& stack) {
            writer.write(span_of(of(stack)));
          }};
}

Entry codes(const std::string& name, std::vector<Index> shape, StoredFactor QuantizedStack::*of) {
  return {{.name = name, .dtype = Dtype::i8, .shape = std::move(shape), .file = {}},
          [of](SafetensorsWriter& writer, const QuantizedStack& stack) {
            const MatrixI8& matrix = (stack.*of).codes;
            writer.write_bytes(std::as_bytes(std::span(matrix.data(), static_cast<std::size_t>(matrix.size()))));
          }};
}

// U divided by the sizes of the stack's parts: exact, since these are powers of two.
MatrixF at_one_size(const QuantizedStack& result, const std::vector<Index>& parts) {
  MatrixF u = result.u.values;
  Index first = 0;
  for (Index i = 0; i < result.u_sizes.size(); ++i) {
    const Index rows = parts.at(static_cast<std::size_t>(i));
    u.middleRows(first, rows) /= result.u_sizes(0, i);
    first += rows;
  }
  return u;
}

void add_factors(std::vector<Entry>& entries, const GroupLayout& group, const LinearStack& of, Index rank, int bits) {
  const std::string& stack = of.name;
  const Index rows = of.rows, inputs = group.inputs();
  const std::vector<Index> parts = part_rows(group, of);
  if (parts.size() > 1) {
    entries.push_back(
        floats(stack + ".u_size", Dtype::f32, {std::ssize(parts)}, [](const QuantizedStack& s) { return s.u_sizes; }));
  }
  if (bits == 16) {
    entries.push_back(floats(stack + ".u", Dtype::f16, {rows, rank},
                             [parts](const QuantizedStack& s) { return at_one_size(s, parts); }));
    entries.push_back(
        floats(stack + ".v", Dtype::f16, {inputs, rank}, [](const QuantizedStack& s) { return s.v.values; }));
    return;
  }
  entries.push_back(codes(stack + ".u", {rows, rank}, &QuantizedStack::u));
  entries.push_back(
      floats(stack + ".u_scale", Dtype::bf16, {rank}, [](const QuantizedStack& s) { return s.u.scales; }));
  entries.push_back(codes(stack + ".v", {inputs, rank}, &QuantizedStack::v));
  entries.push_back(
      floats(stack + ".v_scale", Dtype::bf16, {rank}, [](const QuantizedStack& s) { return s.v.scales; }));
}

}  // namespace

void Exporter::write_low_rank() const {
  if (!source_.format.native) return;
  const ModelConfig& config = source_.model.config();
  std::vector<std::pair<std::string, std::vector<Entry>>> all;  // of every stack
  std::vector<TensorInfo> infos;
  for (Index block = 0; block < config.blocks; ++block) {
    const BlockLayout layout = block_layout(config, block);
    for (const GroupLayout& group : layout.groups()) {
      for (const LinearStack& stack : stacks_of(group, source_.format.stacked)) {
        std::vector<Entry> entries;
        const Index rank = source_.rank(stack, group.inputs());
        if (rank > 0) add_factors(entries, group, stack, rank, source_.factor_bits);
        if (source_.format.centered) {
          entries.push_back(floats(stack.name + ".center_bias", Dtype::f16, {stack.rows},
                                   [](const QuantizedStack& s) { return MatrixF(s.center_bias); }));
        }
        if (source_.format.centered && stack.first == 0) {
          entries.push_back(floats(group.name + ".mean", Dtype::f16, {group.inputs()},
                                   [](const QuantizedStack& s) { return MatrixF(s.mean); }));
        }
        for (const Entry& entry : entries) infos.push_back(entry.info);
        all.emplace_back(stack.name, std::move(entries));
      }
    }
  }
  SafetensorsWriter writer(directory_ / kLowRankFile, infos);
  for (const auto& [stack, entries] : all) {
    if (entries.empty()) continue;
    const QuantizedStack solved = source_.solved(stack);
    for (const Entry& entry : entries) entry.write(writer, solved);
  }
  writer.commit();
  sync_directory(directory_);
}

}  // namespace lrc
