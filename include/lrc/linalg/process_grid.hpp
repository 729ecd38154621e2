// A team of ranks as a grid, on which ScaLAPACK works with matrices that none of them could hold alone.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "lrc/mpi/communicator.hpp"

namespace lrc {

struct GridShape {
  int rows = 1, cols = 1;

  int ranks() const { return rows * cols; }
  bool operator==(const GridShape&) const = default;
};

/// A BLACS context over the ranks of a communicator; rank r stands at row r / cols, column r % cols. Sums of BLACS have
/// a fixed order, so that the same shape gives the same bits. Makes BLAS single-threaded. The constructor and the
/// destructor are collective; the communicator must outlive the grid, and MPI must not be finalized before it.
class ProcessGrid {
 public:
  /// Throws Error, on all ranks, unless `communicator` has exactly shape.ranks() ranks.
  ProcessGrid(const Communicator& communicator, GridShape shape);
  ~ProcessGrid();
  ProcessGrid(const ProcessGrid&) = delete;
  ProcessGrid& operator=(const ProcessGrid&) = delete;

  GridShape shape() const { return shape_; }
  int ranks() const { return shape_.ranks(); }
  int rank() const { return communicator_.rank(); }
  bool is_root() const { return communicator_.is_root(); }
  int row() const { return rank() / shape_.cols; }
  int col() const { return rank() % shape_.cols; }
  int context() const { return context_; }
  const Communicator& communicator() const { return communicator_; }

  /// See Communicator::agree.
  void agree(const std::function<void()>& step) const { communicator_.agree(step); }

  /// On rank 0: `all` becomes the bytes of all ranks, in their order; its size is the sum of theirs. Elsewhere `all` is
  /// not used. Collective.
  void gather(std::span<const std::byte> mine, std::span<std::byte> all) const;

 private:
  Communicator communicator_;
  GridShape shape_;
  int system_handle_ = -1, context_ = -1;
};

}  // namespace lrc
