// Token ids in a .npy file: all of them, and the first few.
#include "fuzz.hpp"
#include "lrc/io/tokens.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("tokens.npy", data, size, [](const auto& file) {
    lrc::read_tokens(file, 3);
    lrc::read_tokens(file);
  });
  return 0;
}
