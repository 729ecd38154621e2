#include "lrc/options/data_file.hpp"

namespace lrc {

void add_data_options(OptionTable& table, DataFile& data) {
  table
      .choice("data-kind", data.kind,
              {{"auto", std::nullopt},
               {"text", DataKind::text},
               {"jsonl", DataKind::json_lines},
               {"npy", DataKind::npy},
               {"h5", DataKind::hdf5}},
              "what the data are: text in UTF-8; jsonl: JSON objects, one a line, whose texts are joined by an empty "
              "line; npy, h5: token ids (h5: dataset `tokens`); auto: what the file holds")
      .path("text-key", data.text_key, "of jsonl: the key under which an object has its text");
}

DataKind kind_of(const DataFile& data) { return data.kind ? *data.kind : data_kind(data.path, data.text_key); }

}  // namespace lrc
