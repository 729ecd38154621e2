// One MPI session for a program: initialised once, finalised on the ordinary way out, and the only place where the
// program's errors become its exit code.
#pragma once

#include <exception>
#include <functional>

namespace lrc {

/// Runs `body` between MPI_Init_thread and MPI_Finalize and returns the exit code. An exception of `body` is printed
/// once, with the rank, and ends the job: all ranks that threw the same agreed error (Communicator::agree) leave in
/// order; a rank that fails alone takes the others down at once (abort_job), so that none waits for it. Signals and
/// the time limit interrupt all ranks (interrupt.hpp, interruption_watch.hpp).
int run_with_mpi(int argc, char** argv, const std::function<void()>& body);

/// Prints the error and takes all ranks down with its exit code.
[[noreturn]] void abort_job(const std::exception& error);

}  // namespace lrc
