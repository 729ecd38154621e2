// Situations that a hostile or damaged input brings lrc_calibrate into.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace lrc {

/// A directory with a good model (DIRECTORY/model, one block), a tokenizer, good token files (tokens.npy, text.txt), of
/// which `spoil` makes something to be refused.
struct Situation {
  std::string name;                                         ///< unique
  std::vector<std::string> named;                           ///< what the message must hold
  std::function<void(const std::filesystem::path&)> spoil;  ///< gets DIRECTORY
  std::string calibration = "tokens.npy";                   ///< in DIRECTORY
};
using Situations = std::vector<Situation>;

/// Writes what the situations start from.
void write_good_inputs(const std::filesystem::path& directory);

/// What a file can be instead of a regular one: missing, a directory, a pipe, a device, a link to nowhere or to itself.
Situations odd_files(const std::string& file, const std::string& calibration = "tokens.npy");

Situations config_situations();
Situations config_text_situations();
Situations quantization_config_situations();
Situations safetensors_header_situations();
Situations safetensors_data_situations();
Situations index_situations();
Situations model_directory_situations();
Situations npy_situations();
Situations hdf5_situations();
Situations hdf5_bytes_situations();
Situations text_situations();
Situations tokenizer_json_situations();
Situations tokenizer_model_situations();

/// "HEADER LENGTH, HEADER, DATA", as safetensors files are.
std::string safetensors(const std::string& header, const std::string& data);

/// `text` with `from`, which it holds, replaced by `to` once.
std::string replaced(std::string text, const std::string& from, const std::string& to);

std::string repeated(const std::string& text, std::size_t times);

/// A tokenizer.json for the good model's vocabulary of 64.
std::string good_tokenizer();

void append(Situations& all, Situations more);

}  // namespace lrc
