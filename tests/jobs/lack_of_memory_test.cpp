// A run that gets less memory than it was planned to need ends, and says what for.
#include "program.hpp"

namespace lrc {
namespace {

// Of address space: room for the program and its libraries, and for OpenBLAS's buffer or the kept inputs, but not both.
TEST(LackOfMemory, IsNamed) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs memory of its own";
#endif
  const TemporaryDirectory directory;
  const Outcome outcome = run_command("ulimit -v 400000; timeout 60 " LRC_BIN_DIR "/lrc_calibrate " +
                                      small_run(directory / "out", "--threads 1"));
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  for (const char* part : {"out of memory on rank 0 in the phase 'calibrate: forward', which was planned to need ",
                           ", kept inputs ", "most of it for '"})
    EXPECT_NE(outcome.output.find(part), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace lrc
