#include "lrc/checkpoint/record_files.hpp"

#include "lrc/core/error.hpp"
#include "lrc/core/json_text.hpp"
#include "lrc/io/hdf5.hpp"
#include "lrc/io/json.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

template <class Matrix>
void write_matrix(Hdf5Writer& writer, const std::string& name, const Matrix& matrix) {
  writer.write(name, {matrix.rows(), matrix.cols()},
               std::span<const typename Matrix::Scalar>(matrix.data(), static_cast<std::size_t>(matrix.size())));
}

template <class Matrix>
Matrix read_matrix(const Hdf5Reader& reader, const std::string& name, const fs::path& file) {
  const std::vector<Index> sizes = reader.dimensions(name);
  if (sizes.size() != 2) throw Error(fmt::format("{}: dataset '{}' is not a matrix", file.string(), name));
  const auto values = reader.read<typename Matrix::Scalar>(name);
  return Eigen::Map<const Matrix>(values.data(), sizes[0], sizes[1]);
}

// Nothing where it is empty.
template <class Matrix>
void write_if_any(Hdf5Writer& writer, const std::string& name, const Matrix& matrix) {
  if (matrix.size() > 0) write_matrix(writer, name, matrix);
}

template <class Matrix>
Matrix read_if_any(const Hdf5Reader& reader, const std::string& name, const fs::path& file) {
  return reader.has(name) ? read_matrix<Matrix>(reader, name, file) : Matrix();
}

// A vector is a matrix of one row.
void write_row(Hdf5Writer& writer, const std::string& name, const VectorF& vector) {
  write_if_any(writer, name, MatrixF(vector.transpose()));
}

VectorF read_row(const Hdf5Reader& reader, const std::string& name, const fs::path& file) {
  return read_if_any<MatrixF>(reader, name, file).reshaped();
}

void write_codes(Hdf5Writer& writer, const std::string& name, const StoredFactor& factor) {
  write_if_any(writer, name + "_codes", factor.codes);
  write_if_any(writer, name + "_scales", factor.scales);
}

// `values`: the name of its values, the codes are those of `name`.
StoredFactor read_factor(const Hdf5Reader& reader, const std::string& values, const std::string& name,
                         const fs::path& file) {
  return {read_if_any<MatrixF>(reader, values, file), read_if_any<MatrixI8>(reader, name + "_codes", file),
          read_if_any<MatrixF>(reader, name + "_scales", file)};
}

// The name and whatever is small, as JSON.
void write_facts(Hdf5Writer& writer, const std::string& name, const nlohmann::ordered_json& facts) {
  writer.write_text("facts", json_text(nlohmann::ordered_json{{"name", name}, {"facts", facts}}));
}

nlohmann::ordered_json read_facts(const Hdf5Reader& reader, const fs::path& file) {
  parse_json_object(file.string(), reader.read_text("facts"));  // refuses what is not one
  return nlohmann::ordered_json::parse(reader.read_text("facts"));
}

}  // namespace

void write_record(const fs::path& file, const SolveRecord& record) {
  const QuantizedStack& stack = record.stack;
  Hdf5Writer writer(file);
  write_facts(writer, record.name, record.facts);
  write_matrix(writer, "codes", stack.codes);
  write_matrix(writer, "scales", stack.scales);
  write_if_any(writer, "zero_points", stack.zero_points);
  write_matrix(writer, "u", stack.u.values);
  write_matrix(writer, "v", stack.v.values);
  write_codes(writer, "u", stack.u);
  write_codes(writer, "v", stack.v);
  write_if_any(writer, "u_sizes", stack.u_sizes);
  write_row(writer, "mean", stack.mean);
  write_row(writer, "center_bias", stack.center_bias);
  write_row(writer, "input_range", stack.input_range);
  writer.close();
}

void write_record(const fs::path& file, const SummedMoments& moments, const InputTransform& transform) {
  Hdf5Writer writer(file, DatasetKind::plain);
  write_facts(writer, file.stem().string(), {{"tokens", moments.tokens}, {"borrowed", moments.borrowed}});
  write_row(writer, "mean", transform.mean);
  write_if_any(writer, "directions", transform.directions.values);
  write_codes(writer, "direction", transform.directions);
  write_row(writer, "range", transform.range);
  write_row(writer, "target_mean", transform.target_mean);
  write_matrix(writer, "xx", moments.xx);
  write_matrix(writer, "xy", moments.xy);
  write_matrix(writer, "yy", moments.yy);
  write_if_any(writer, "drift", moments.drift);
  writer.close();
}

void write_record(const fs::path& file, const MatrixF& hidden) {
  Hdf5Writer writer(file, DatasetKind::plain);
  write_matrix(writer, "hidden", hidden);
  writer.close();
}

void write_record(const fs::path& file, const LearningState& learning) {
  Hdf5Writer writer(file, DatasetKind::plain);
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const auto& [name, matrix] : learning) names.push_back(name);
  write_facts(writer, file.stem().string(), {{"matrices", names}});
  for (const auto& [name, matrix] : learning) write_matrix(writer, name, matrix);
  writer.close();
}

SolveRecord read_solve(const fs::path& file) {
  const Hdf5Reader reader(file);
  const nlohmann::ordered_json header = read_facts(reader, file);
  return {.name = header.at("name").get<std::string>(),
          .stack = {.codes = read_matrix<MatrixI8>(reader, "codes", file),
                    .scales = read_matrix<MatrixF>(reader, "scales", file),
                    .zero_points = read_if_any<MatrixI8>(reader, "zero_points", file),
                    .u = read_factor(reader, "u", "u", file),
                    .v = read_factor(reader, "v", "v", file),
                    .u_sizes = read_if_any<MatrixF>(reader, "u_sizes", file),
                    .mean = read_row(reader, "mean", file),
                    .center_bias = read_row(reader, "center_bias", file),
                    .input_range = read_row(reader, "input_range", file)},
          .facts = header.at("facts")};
}

MomentsRecord read_moments(const fs::path& file) {
  const Hdf5Reader reader(file);
  const nlohmann::ordered_json header = read_facts(reader, file);
  return {.moments = {.tokens = header.at("facts").at("tokens").get<Index>(),
                      .xx = read_matrix<MatrixF>(reader, "xx", file),
                      .xy = read_matrix<MatrixF>(reader, "xy", file),
                      .yy = read_matrix<MatrixF>(reader, "yy", file),
                      .borrowed = header.at("facts").at("borrowed").get<Index>(),
                      .drift = read_if_any<MatrixF>(reader, "drift", file)},
          .transform = {.mean = read_row(reader, "mean", file),
                        .directions = read_factor(reader, "directions", "direction", file),
                        .range = read_row(reader, "range", file),
                        .target_mean = read_row(reader, "target_mean", file)}};
}

LearningState read_learning(const fs::path& file) {
  const Hdf5Reader reader(file);
  const nlohmann::ordered_json header = read_facts(reader, file);
  LearningState learning;
  for (const auto& name : header.at("facts").at("matrices"))
    learning.push_back({name, read_matrix<MatrixF>(reader, name, file)});
  return learning;
}

MatrixF read_hidden(const fs::path& file) { return read_matrix<MatrixF>(Hdf5Reader(file), "hidden", file); }

}  // namespace lrc
