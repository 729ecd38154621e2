#include "lrc/checkpoint/record_files.hpp"

#include "lrc/core/error.hpp"
#include "lrc/core/json_text.hpp"
#include "lrc/io/hdf5.hpp"
#include "lrc/io/json.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

template <class Element>
void write_matrix(Hdf5Writer& writer, const std::string& name, const StoredMatrix<Element>& matrix) {
  writer.write(name, {matrix.rows, matrix.cols}, std::span<const Element>(matrix.values));
}

void write_matrix(Hdf5Writer& writer, const std::string& name, const MatrixToStore& matrix) {
  writer.write(name, {matrix.rows, matrix.cols}, matrix.values);
}

template <class Element>
StoredMatrix<Element> read_matrix(const Hdf5Reader& reader, const std::string& name, const fs::path& file) {
  const std::vector<Index> sizes = reader.dimensions(name);
  if (sizes.size() != 2) throw Error(fmt::format("{}: dataset '{}' is not a matrix", file.string(), name));
  return {sizes[0], sizes[1], reader.read<Element>(name)};
}

// Nothing where it is empty.
template <class Element>
void write_if_any(Hdf5Writer& writer, const std::string& name, const StoredMatrix<Element>& matrix) {
  if (!matrix.values.empty()) write_matrix(writer, name, matrix);
}

template <class Element>
StoredMatrix<Element> read_if_any(const Hdf5Reader& reader, const std::string& name, const fs::path& file) {
  return reader.has(name) ? read_matrix<Element>(reader, name, file) : StoredMatrix<Element>{};
}

void write_codes(Hdf5Writer& writer, const std::string& name, const StoredCodes& codes) {
  write_if_any(writer, name + "_codes", codes.codes);
  write_if_any(writer, name + "_scales", codes.scales);
}

StoredCodes read_codes(const Hdf5Reader& reader, const std::string& name, const fs::path& file) {
  return {read_if_any<std::int8_t>(reader, name + "_codes", file), read_if_any<float>(reader, name + "_scales", file)};
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
  Hdf5Writer writer(file);
  write_facts(writer, record.name, record.facts);
  write_matrix(writer, "codes", record.codes);
  write_matrix(writer, "scales", record.scales);
  write_matrix(writer, "u", record.u);
  write_matrix(writer, "v", record.v);
  write_codes(writer, "u", record.u_codes);
  write_codes(writer, "v", record.v_codes);
  write_if_any(writer, "u_sizes", record.u_sizes);
  write_if_any(writer, "mean", record.mean);
  write_if_any(writer, "center_bias", record.center_bias);
  writer.close();
}

void write_record(const fs::path& file, const MomentsToStore& moments) {
  Hdf5Writer writer(file, DatasetKind::plain);
  write_facts(writer, file.stem().string(), {{"tokens", moments.tokens}, {"borrowed", moments.borrowed}});
  write_if_any(writer, "mean", moments.preparation.mean);
  write_if_any(writer, "directions", moments.preparation.directions);
  write_codes(writer, "direction", moments.preparation.direction_codes);
  write_if_any(writer, "target_mean", moments.preparation.target_mean);
  write_matrix(writer, "xx", moments.xx);
  write_matrix(writer, "xy", moments.xy);
  write_matrix(writer, "yy", moments.yy);
  if (!moments.drift.values.empty()) write_matrix(writer, "drift", moments.drift);
  writer.close();
}

void write_record(const fs::path& file, const MatrixToStore& hidden) {
  Hdf5Writer writer(file, DatasetKind::plain);
  write_matrix(writer, "hidden", hidden);
  writer.close();
}

SolveRecord read_solve(const fs::path& file) {
  const Hdf5Reader reader(file);
  const nlohmann::ordered_json header = read_facts(reader, file);
  return {.name = header.at("name").get<std::string>(),
          .codes = read_matrix<std::int8_t>(reader, "codes", file),
          .scales = read_matrix<float>(reader, "scales", file),
          .u = read_matrix<float>(reader, "u", file),
          .v = read_matrix<float>(reader, "v", file),
          .facts = header.at("facts"),
          .u_codes = read_codes(reader, "u", file),
          .v_codes = read_codes(reader, "v", file),
          .u_sizes = read_if_any<float>(reader, "u_sizes", file),
          .mean = read_if_any<float>(reader, "mean", file),
          .center_bias = read_if_any<float>(reader, "center_bias", file)};
}

MomentsRecord read_moments(const fs::path& file) {
  const Hdf5Reader reader(file);
  const nlohmann::ordered_json header = read_facts(reader, file);
  return {.tokens = header.at("facts").at("tokens").get<Index>(),
          .borrowed = header.at("facts").at("borrowed").get<Index>(),
          .xx = read_matrix<float>(reader, "xx", file),
          .xy = read_matrix<float>(reader, "xy", file),
          .yy = read_matrix<float>(reader, "yy", file),
          .preparation = {.mean = read_if_any<float>(reader, "mean", file),
                          .directions = read_if_any<float>(reader, "directions", file),
                          .direction_codes = read_codes(reader, "direction", file),
                          .target_mean = read_if_any<float>(reader, "target_mean", file)},
          .drift = read_if_any<float>(reader, "drift", file)};
}

StoredMatrix<float> read_hidden(const fs::path& file) { return read_matrix<float>(Hdf5Reader(file), "hidden", file); }

}  // namespace lrc
