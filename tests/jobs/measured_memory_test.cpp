// The plan of a rank's memory is kept, and a run which would not do is refused.
#include "program.hpp"

namespace lrc {
namespace {

TEST(Memory, ARunThatWouldNotDoIsRefusedByTheLargestTerm) {
  const TemporaryDirectory directory;
  const auto refused = [&](const std::string& memory, const std::string& named) {
    const Outcome outcome = run_program(
        "lrc_calibrate", "--model " + demo_directory() + " --calibration " + demo_directory() +
                             "/calibration.npy --sequences 128 --sequence-length 256 --threads 1 --output " +
                             (directory / "out").string() + " --memory " + memory);
    EXPECT_EQ(outcome.exit_code, 2) << outcome.output;
    EXPECT_NE(outcome.output.find("lrc: error: --memory: "), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find("most of it for '" + named), std::string::npos) << outcome.output;
    EXPECT_FALSE(std::filesystem::exists(directory / "out.checkpoint")) << "work was begun";
  };
  refused("100M", "kept inputs");
}

class MeasuredMemory : public testing::TestWithParam<std::string> {};

TEST_P(MeasuredMemory, IsAtMostWhatWasPlannedAndNotFarBelow) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs memory of its own";
#endif
  const TemporaryDirectory directory;
  const std::string model = demo_directory(GetParam().substr(0, GetParam().find(' ')));
  const std::string options = GetParam().substr(GetParam().find(' '));
  const Outcome outcome = run_program("lrc_calibrate",
                                      "--model " + model + " --calibration " + model +
                                          "/calibration.npy --sequence-length 256 --threads 1" + " --output " +
                                          (directory / "out").string() + options,
                                      2);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const nlohmann::json memory = json_file(directory / "out" / "lrc_report.json")["memory"];
  const double planned = memory["planned_bytes"], peak = memory["peak_bytes"];
  EXPECT_LE(peak, planned) << memory.dump(1);
  constexpr double kProgram = 64.0 * 1024 * 1024;  // at most, of which a small model uses part
  EXPECT_LE(planned, 1.4 * peak + kProgram) << memory.dump(1);
}

INSTANTIATE_TEST_SUITE_P(
    Runs, MeasuredMemory,
    testing::Values("demo-llama --sequences 64",
                    "demo-llama --sequences 64 --moments exact --stack-groups off --residual-activations off",
                    "demo-llama --sequences 64 --method gptq --propagate quantized",
                    "demo-mixtral --sequences 32 --method lrq --lrq-rank 0.25 --learn-steps 4",
                    "demo-mixtral --sequences 32 --paper --min-expert-tokens 4000",
                    "demo-mixtral --sequences 32 --min-expert-tokens 4000 --moments exact --propagate quantized"));

}  // namespace
}  // namespace lrc
