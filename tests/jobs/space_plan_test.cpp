#include "lrc/plan/space_plan.hpp"

#include "lrc/model/config.hpp"
#include "program.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

double bytes_below(const fs::path& directory, const std::string& ending) {
  double bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.path().string().ends_with(ending)) bytes += static_cast<double>(entry.file_size());
  }
  return bytes;
}

// A run that fits is never refused, and one that does not is: the plan is what lies there in the end, but for headers.
TEST(SpacePlan, IsWhatLiesThereAtTheEnd) {
  const TemporaryDirectory directory;
  CalibrateOptions gptq, stacked;
  gptq.method = Method::gptq;
  gptq.weight_group_size = 32;
  gptq.weight_zero_points = true;
  stacked.stack_groups = true;
  stacked.factor_bits = 8;
  const std::string demo = demo_directory();
  const std::string run =
      "--model " + demo + " --calibration " + demo + "/calibration.npy --sequences 20 --sequence-length 64 --output ";
  const std::string plain =
      "--moments exact --center-activations off --residual-activations off --rotate-heads off --activation-group-size "
      "0 "
      "--activation-clip 0.9 --activation-scale absmax ";
  for (const auto& [words, options] :
       {std::pair{
            plain + "--stack-groups off --factor-bits 16 --method gptq --weight-group-size 32 --weight-zero-points on",
            gptq},
        {plain + "--stack-groups on --factor-bits 8", stacked}}) {
    const fs::path output = directory / "out", checkpoint = directory / "out.checkpoint";
    ASSERT_EQ(run_program("lrc_calibrate", run + output.string() + " " + words).exit_code, 0);
    const SpacePlan plan = space_plan(options, read_model_config(demo_directory()), 1);
    const double written = bytes_below(output, ".safetensors"), solves = bytes_below(checkpoint / "solves", ".h5");
    EXPECT_LE(plan.output, written) << words;
    EXPECT_GE(plan.output, 0.93 * written) << words;
    EXPECT_LE(plan.solves, solves) << words;
    EXPECT_GE(plan.solves, 0.8 * solves) << words;  // HDF5's own
    EXPECT_LE(plan.packed, plan.solves) << words;
    fs::remove_all(output);
    fs::remove_all(checkpoint);
  }
}

}  // namespace
}  // namespace lrc
