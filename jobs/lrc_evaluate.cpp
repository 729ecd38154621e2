// lrc_evaluate: perplexity of an original or a quantized model directory.
#include "lrc/core/log.hpp"
#include "lrc/linalg/blas_core.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/mpi/session.hpp"
#include "lrc/pipeline/evaluation_run.hpp"

int main(int argc, char** argv) {
  using namespace lrc;
  restart_with_faster_blas_core(argv);
  return run_with_mpi(argc, argv, [&] {
    single_threaded_blas();
    const Communicator world;
    set_log_enabled(world.is_root());
    EvaluateOptions options;
    OptionTable table = option_table(options);
    auto outcome = OptionTable::Outcome::run;
    world.agree([&] {
      outcome = table.parse(argc, argv, world.is_root());
      if (outcome == OptionTable::Outcome::run) check(options);
    });
    if (outcome == OptionTable::Outcome::run) evaluate(world, options);
  });
}
