// Which kernels the programs run, and that they say it.
#include "lrc/linalg/blas_core.hpp"

#include <fmt/core.h>

#include "program.hpp"

namespace lrc {
namespace {

class BlasCoreOfProgram : public testing::Test {
 protected:
  Outcome evaluate(const std::string& environment, int ranks = 0) {
    const std::string launch = ranks == 0 ? "" : fmt::format("mpirun -n {} ", ranks);
    return run_command(
        fmt::format("env -u OPENBLAS_CORETYPE {0} {1} {2}/lrc_evaluate --model {3} --tokens {3}/evaluation.npy "
                    "--sequences 2 --sequence-length 16 --threads 1",
                    environment, launch, LRC_BIN_DIR, demo_directory()));
  }

  static void expect_said(const Outcome& outcome, const std::string& words) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    EXPECT_NE(outcome.output.find(words), std::string::npos) << "not said: " << words << "\n" << outcome.output;
  }

  const std::string unknown_processor_ = "LD_PRELOAD=" LRC_UNKNOWN_PROCESSOR;
  const std::optional<std::string> faster_ =
      faster_blas_core(cpu_features(), {"OpenBLAS 0.3.21 DYNAMIC_ARCH", "Prescott"});
};

TEST_F(BlasCoreOfProgram, IsTheFastestOnAProcessorThatTheLibraryDoesNotKnow) {
  if (!faster_) GTEST_SKIP() << "this processor has nothing newer than SSE";
  for (const int ranks : {0, 2})
    expect_said(evaluate(unknown_processor_, ranks), "BLAS: kernels for " + *faster_ + "\n");
}

TEST_F(BlasCoreOfProgram, IsTheUsersWhereOneIsSet) {
  expect_said(evaluate("OPENBLAS_CORETYPE=Nehalem"), "BLAS: kernels for Nehalem");
  if (faster_) expect_said(evaluate("OPENBLAS_CORETYPE=Nehalem"), "OPENBLAS_CORETYPE is \"Nehalem\"");
}

}  // namespace
}  // namespace lrc
