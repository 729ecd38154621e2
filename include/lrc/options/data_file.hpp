// The options that say what a program calibrates on or evaluates.
#pragma once

#include <optional>
#include <string>

#include "lrc/core/options.hpp"
#include "lrc/io/data_kind.hpp"

namespace lrc {

/// Text, which the model's own tokenizer makes tokens of, or token ids.
struct DataFile {
  std::string path;
  std::optional<DataKind> kind{};  ///< none: what the file holds
  std::string text_key = "text";   ///< where a JSON line has its text
};

/// --data-kind and --text-key.
void add_data_options(OptionTable& table, DataFile& data);

/// Looks into the file where `data.kind` does not say.
DataKind kind_of(const DataFile& data);

constexpr bool is_text(DataKind kind) { return kind == DataKind::text || kind == DataKind::json_lines; }

}  // namespace lrc
