// A committed solve of a checkpoint. A file is hashed before HDF5 opens it: any other bytes must be refused.
#include "lrc/checkpoint/checkpoint.hpp"

#include "fuzz.hpp"

namespace {

std::string committed_bytes;
lrc::CommittedFiles committed;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const lrc::MatrixF one = lrc::MatrixF::Ones(1, 1);
  lrc::Checkpoint checkpoint = lrc::Checkpoint::open(lrc::fuzz_directory() / "c", {{"method", "lrc"}});
  checkpoint.commit(lrc::SolveRecord{
      .name = "a", .stack = {.codes = lrc::MatrixI8::Constant(1, 1, 7), .scales = one, .u = {one}, .v = {one}}});
  committed = checkpoint.committed();
  committed_bytes = lrc::file_bytes(lrc::fuzz_directory() / "c/solves/a.h5");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bool refused = lrc::refuses("c/solves/a.h5", data, size, [](const std::filesystem::path&) {
    lrc::Checkpoint::attach(lrc::fuzz_directory() / "c", 1, committed).load_solve("a");
  });
  const bool damaged = committed_bytes != std::string_view(reinterpret_cast<const char*>(data), size);
  if (refused != damaged) __builtin_trap();
  return 0;
}
