// Token ids in an .h5 file. HDF5 itself may crash, in a child process; what calls it may not.
#include <hdf5.h>

#include <ctime>

#include "fuzz.hpp"
#include "lrc/io/tokens.hpp"

// HDF5 reads a block with a wrong checksum again and again, and sleeps between: not here, where most are wrong.
extern "C" int nanosleep(const timespec*, timespec*) { return 0; }

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  H5open();  // once, not in every child
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lrc::refuses("tokens.h5", data, size, [](const auto& file) { lrc::read_tokens(file); });
  return 0;
}
