// A team of ranks of which one fails by itself while the others wait for it: the job must end, not hang.
#include <new>

#include "lrc/mpi/session.hpp"
#include "lrc/scheduling/queue.hpp"

int main(int argc, char** argv) {
  using namespace lrc;
  return run_with_mpi(argc, argv, [] {
    const Communicator world;
    run_queue(world, {{"the team", 1, world.size()}}, [](std::size_t, const Communicator& team) {
      if (team.rank() == 1) throw std::bad_alloc();
      team.barrier();
    });
  });
}
