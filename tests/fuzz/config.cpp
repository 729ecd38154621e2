// config.json: the model's sizes, and what lrc writes there itself.
#include "lrc/model/config.hpp"

#include "fuzz.hpp"
#include "lrc/model/format/quantized_format.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("config.json", data, size,
               [](const std::filesystem::path& file) { lrc::read_model_config(file.parent_path()); });
  lrc::refuses("config.json", data, size,
               [](const std::filesystem::path& file) { lrc::read_quantized_format(file.parent_path()); });
  return 0;
}
