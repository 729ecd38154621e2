#include "lrc/options/data_file.hpp"

namespace lrc {

void add_data_options(OptionTable& table, DataFile& data) {
  table
      .choice("data-kind", data.kind, {"auto", "text", "jsonl", "npy", "h5"},
              "what the data are: text in UTF-8; jsonl: JSON objects, one a line, whose texts are joined by an empty "
              "line; npy, h5: token ids (h5: dataset `tokens`); auto: what the file holds")
      .path("text-key", data.text_key, "of jsonl: the key under which an object has its text");
}

DataKind kind_of(const DataFile& data) {
  if (data.kind == "auto") return data_kind(data.path, data.text_key);
  if (data.kind == "npy") return DataKind::npy;
  if (data.kind == "h5") return DataKind::hdf5;
  return data.kind == "jsonl" ? DataKind::json_lines : DataKind::text;
}

}  // namespace lrc
