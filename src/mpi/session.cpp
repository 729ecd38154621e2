#include "lrc/mpi/session.hpp"

#include <dlfcn.h>
#include <fmt/core.h>

#include <cstdlib>
#include <string>

#include "lrc/core/interrupt.hpp"
#include "lrc/core/log.hpp"
#include "lrc/core/phase.hpp"
#include "lrc/mpi/communicator.hpp"
#include "lrc/mpi/interruption_watch.hpp"

namespace lrc {
namespace {

int environment_number(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : 0;
}

// srun starts N copies that don't know of each other where its PMI and the MPI library's don't match.
void refuse_lonely_ranks(const Communicator& world) {
  const int tasks = environment_number("SLURM_STEP_NUM_TASKS");
  if (tasks > 1 && world.size() == 1 && environment_number("OMPI_COMM_WORLD_SIZE") == 0 &&
      std::getenv("SLURM_PROCID")) {
    throw Error(
        fmt::format("srun started {} tasks, but MPI sees only itself in each: srun's PMI and this MPI don't match. "
                    "Use mpirun inside the allocation, or srun --mpi=pmix",
                    tasks));
  }
}

// Open MPI 4's mpirun writes ten lines of its own below our message where ranks return something else than 0, but none
// where they abort and are quiet about it; its switch for that would be its --quiet, which also hides why a rank died.
[[noreturn]] void abort_quietly(ExitCode code) {
  if (auto* quiet = static_cast<bool*>(dlsym(RTLD_DEFAULT, "orte_execute_quiet"))) *quiet = true;
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::abort();
}

bool is_under_mpirun() { return std::getenv("OMPI_MCA_orte_hnp_uri") != nullptr; }

const char* word_for(ExitCode code) { return code == ExitCode::interrupted ? "stopped" : "error"; }

}  // namespace

void abort_job(const std::exception& error) {
  const auto* of_lrc = dynamic_cast<const Error*>(&error);
  const ExitCode code = of_lrc ? of_lrc->code() : ExitCode::failed;
  const int rank = Communicator().rank();
  for (const std::string& warning : take_kept_warnings())
    print_stderr(fmt::format("lrc: warning on rank {}: {}\n", rank, warning));
  print_stderr(fmt::format("lrc: {} on rank {}: {}\n", word_for(code), rank, text_of(error)));
  abort_quietly(code);
}

int run_with_mpi(int argc, char** argv, const std::function<void()>& body) {
  interrupt_on_signals();  // before MPI starts: mpirun may hang on a rank that a signal ends while it does
  int provided = 0;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided) != MPI_SUCCESS || provided < MPI_THREAD_MULTIPLE) {
    print_stderr("lrc: error: MPI does not start with MPI_THREAD_MULTIPLE, which the work queue needs\n");
    return static_cast<int>(ExitCode::failed);
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  ExitCode code = ExitCode::done;
  const Communicator world;
  set_rank(world.rank());
  try {
    refuse_lonely_ranks(world);
    const InterruptionWatch watch(world.handle());
    body();
  } catch (const AgreedError& error) {
    code = error.code();
    if (world.is_root()) print_stderr(fmt::format("lrc: {}: {}\n", word_for(code), error.what()));
  } catch (const Error& error) {
    if (world.size() > 1) abort_job(error);
    code = error.code();
    print_stderr(fmt::format("lrc: {}: {}\n", word_for(code), error.what()));
  } catch (const std::exception& error) {
    abort_job(error);
  }
  if (is_under_mpirun() && (code == ExitCode::failed || code == ExitCode::bad_input)) {
    world.barrier();  // the message is out
    abort_quietly(code);
  }
  MPI_Finalize();
  return static_cast<int>(code);
}

}  // namespace lrc
