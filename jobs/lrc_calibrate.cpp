// lrc_calibrate: calibration data and a model in, the quantized model with its low-rank corrections out.
#include "lrc/core/log.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/mpi/session.hpp"
#include "lrc/options/presets.hpp"
#include "lrc/options/rules.hpp"
#include "lrc/pipeline/calibration_run.hpp"

int main(int argc, char** argv) {
  using namespace lrc;
  restart_with_faster_blas_core(argv);
  return run_with_mpi(argc, argv, [&] {
    single_threaded_blas();
    const Communicator world;
    set_log_enabled(world.is_root());
    CalibrateOptions options;
    OptionTable table = option_table(options);
    describe_presets(table);
    auto outcome = OptionTable::Outcome::run;
    world.agree([&] {
      outcome = table.parse(argc, argv, world.is_root());
      if (outcome != OptionTable::Outcome::run) return;
      apply_presets(table, options);
      check_rules(table, options);
      complete(options);
    });
    if (outcome == OptionTable::Outcome::run) CalibrationRun(world, options, table).run();
  });
}
