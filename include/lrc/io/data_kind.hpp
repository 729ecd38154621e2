// What a file of calibration or evaluation data is, told by what it holds.
#pragma once

#include <filesystem>
#include <string>

#include "lrc/io/file.hpp"

namespace lrc {

enum class DataKind { text, json_lines, npy, hdf5 };

/// By the first bytes; JSON lines by a first line that is an object with a string under `text_key`. Where these could
/// be any text, a name that ends in .npy, .h5, .jsonl, .ndjson or .json decides. Throws InputError for what is none of
/// the kinds, as demand_text does.
DataKind data_kind(const std::filesystem::path& file, const std::string& text_key);

/// Of a .npy or .h5 file, by its first bytes.
bool is_npy(const InputFile& file);
bool is_hdf5(const InputFile& file);

/// Throws InputError where the file starts like one of a known binary kind, or is text of another encoding than UTF-8,
/// saying which and how to convert it.
void demand_text(const InputFile& file);

}  // namespace lrc
