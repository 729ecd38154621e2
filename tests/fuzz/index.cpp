// model.safetensors.index.json over two files of one tensor each.
#include "fuzz.hpp"
#include "lrc/io/safetensors.hpp"

namespace {

void write_tensor(const std::string& file, const std::string& name) {
  lrc::SafetensorsWriter writer(lrc::fuzz_directory() / file, {{.name = name, .dtype = lrc::Dtype::f32, .shape = {1}}});
  writer.write(std::vector<float>{1.0F});
  writer.commit();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  write_tensor("a.safetensors", "x");
  write_tensor("b.safetensors", "y");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("model.safetensors.index.json", data, size, [](const std::filesystem::path& file) {
    const lrc::TensorDirectory tensors(file.parent_path());
    for (const lrc::TensorInfo& info : tensors.tensors()) {
      std::vector<float> value(1);
      tensors.read(info, value);
    }
  });
  return 0;
}
