// Token ids in a .npy file.
#include "fuzz.hpp"
#include "lrc/io/tokens.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("tokens.npy", data, size, lrc::read_tokens);
  return 0;
}
