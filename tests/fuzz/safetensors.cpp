// A .safetensors file: its header, and all floats that it promises.
#include "lrc/io/safetensors.hpp"

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("model.safetensors", data, size, [](const std::filesystem::path& file) {
    const lrc::TensorDirectory tensors(file.parent_path());
    for (const lrc::TensorInfo& info : tensors.tensors()) {
      if (!lrc::is_float(info.dtype)) continue;
      std::vector<float> values(static_cast<std::size_t>(info.elements()));
      tensors.read(info, values);
    }
  });
  return 0;
}
