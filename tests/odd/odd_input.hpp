// Odd but good inputs: files as people bring them, each with the value that it must give.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace lrc {

/// A directory with a good model (DIRECTORY/model, two blocks), a tokenizer and data (tokens.npy, text.txt), which
/// `make` changes into something odd. lrc_evaluate must find the perplexity expected, and lrc_calibrate must do its
/// work.
struct OddInput {
  std::string name;                                        ///< unique
  std::function<void(const std::filesystem::path&)> make;  ///< gets DIRECTORY
  std::string data = "tokens.npy";                         ///< in DIRECTORY: what is evaluated and calibrated on
  std::string calibration = "";                            ///< in DIRECTORY: instead of `data` to calibrate on
  /// Of the odd model on the data, as transformers or arithmetic gives it (the case says which); 0: what the good model
  /// has on the good data of the same kind (tokens.npy, or text.txt where `is_text`).
  double perplexity = 0;
  /// Of a perplexity, relative, that W4A4 may cost or gain: on random weights 0.5; a wrong reading costs more.
  double quantized_losses = 0.5;
  bool is_text = false;                       ///< the data go through the tokenizer
  std::vector<std::string> options = {};      ///< of lrc_calibrate, beyond the usual; may say DIRECTORY
  std::vector<std::string> said = {};         ///< what the log of lrc_calibrate must hold
  std::vector<std::string> environment = {};  ///< NAME=VALUE, of both programs
  std::string output = "DIRECTORY/out";       ///< of lrc_calibrate, which runs in DIRECTORY; there it can be read
  std::function<void(const std::filesystem::path&)> end = {};  ///< gets DIRECTORY, after all, in any case
  // In options, environment and output the word DIRECTORY stands for its path.
  std::string directory_ending = "";  ///< of DIRECTORY's name
};
using OddInputs = std::vector<OddInput>;

OddInputs odd_model_files();
OddInputs odd_configs();
OddInputs odd_token_files();
OddInputs odd_texts();
OddInputs odd_command_lines();
OddInputs odd_places();
OddInputs odd_statistics();
OddInputs odd_scales();

}  // namespace lrc
