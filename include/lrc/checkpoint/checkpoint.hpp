// The committed work of a run, in a directory:
//
//   manifest.json        what the run is: its fingerprint
//   solves/LINEAR.h5     one finished solve each
//   moments/GROUP.P.h5   second moments, a panel of rows each, whose solves are not all in yet
//   hidden/B.U.h5        hidden states of unit U that enter block B (kept for the first block not measured yet)
//   learning/NAME.S.h5   what is learned of a linear, or of several, after S steps (kept for the block that learns);
//                        smooth.0.h5: by what channels are smoothed
//   journal/WRITER.log   a line for each commit: file, its size, XXH3-128 of its bytes
//   leases/N             the job that works on it, the N-th (lease.hpp)
//   state                RESUMABLE, DONE or FAILED: for scripts, never read by the program
//
// A solve is written under another name, closed, brought to the disk, renamed, its directory brought to the disk, and
// then entered in the journal of its writer, which nobody else writes. What is not in a journal, or does not have the
// hash that stands there, is not committed. To open a checkpoint is to look at names and sizes, however much it holds;
// a file is hashed when it is loaded, before HDF5 opens it.
//
// Moments and hidden states, which are large and soon dropped again, are
// brought to the disk while the run goes on: make_durable() waits for that, and what they replace is kept until then. A
// killed run loses none of them; after a power loss those that were under way are found damaged by their hash, and the
// run goes on from what is older.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lrc/checkpoint/journal.hpp"
#include "lrc/checkpoint/lease.hpp"
#include "lrc/checkpoint/records.hpp"

namespace lrc {

struct CheckpointOptions {
  bool restart = false;                   ///< throw away what is there
  std::vector<std::string> may_differ{};  ///< entries of the fingerprint that may differ from the manifest's
  LeaseTiming timing{};
};

/// Throws InputError where the directory holds something else than a checkpoint.
void demand_checkpoint_or_nothing(const std::filesystem::path& directory);

class Checkpoint {
 public:
  /// Takes the lease of `directory`, and opens it for the run with this fingerprint (a flat object), or makes it. Sets
  /// files of another size than they had aside and removes leftovers of a killed run: see warnings(). Throws InputError
  /// for another run's checkpoint, a directory that is none, and one that a living job works on.
  static Checkpoint open(const std::filesystem::path& directory, const nlohmann::ordered_json& fingerprint,
                         const CheckpointOptions& options = {});

  /// The same directory for another process of the job, after open() has returned. `writer` is unique in the job (≥ 1);
  /// `committed`: what the process that opened it sees, so that all see the same, whatever their caches of the file
  /// system hold, and none reads the journals of the others.
  static Checkpoint attach(const std::filesystem::path& directory, int writer, CommittedFiles committed);

  /// As of the opening, what this object committed since, and what it has learned of others.
  bool is_committed(const std::string& linear) const;
  bool has_moments(const MomentsKey& key) const;
  bool has_hidden(const HiddenKey& key) const;
  /// The steps of which there is a state, in no particular order.
  std::vector<Index> learning_steps(const std::string& name) const;
  Index committed_solves() const;
  const CommittedFiles& committed() const { return committed_; }

  /// When this returns, the record is on the disk.
  void commit(const SolveRecord& record);
  /// When these return, the record outlives this process; after make_durable() it is on the disk, too.
  void commit(const MomentsKey& key, const SummedMoments& moments, const InputTransform& transform = {});
  void commit(const HiddenKey& key, const MatrixF& hidden);
  void commit(const LearningKey& key, const LearningState& learning);
  void make_durable();

  /// What this object has committed since the last call, for learn() of the job's other processes: lines of a journal.
  /// Not hidden states, which are for their own process, and for later runs.
  std::string take_news() { return std::exchange(news_, {}); }
  void learn(const std::string& news);

  /// Throws Error where the record is not there or is damaged: then it is set aside, and meets_damage().
  SolveRecord load_solve(const std::string& linear);
  MomentsRecord load_moments(const MomentsKey& key);
  MatrixF load_hidden(const HiddenKey& key);
  LearningState load_learning(const LearningKey& key);

  /// Whether any load has found its record damaged or gone.
  bool meets_damage() const { return meets_damage_; }
  /// For all processes to see the same again.
  void replace_committed(CommittedFiles committed) { committed_ = std::move(committed); }
  /// Forgets what is not there any more, and sets aside what has another size than it had: see warnings().
  void set_missing_aside();
  /// Hashes the `part`-th of `parts` equal parts of all that is committed, and sets aside what is damaged. Returns the
  /// names of these files, for forget() in all processes.
  std::vector<std::string> set_damaged_aside(int part, int parts);
  void forget(const std::string& name) { committed_.erase(name); }

  /// The moments are no longer needed.
  void drop_moments(const MomentsKey& key);
  /// The states before that step are no longer needed. For the process that opened it; the others forget them.
  void drop_learning_before(const LearningKey& key);
  void forget_learning_before(const LearningKey& key);
  /// The hidden states that enter blocks before this one are no longer needed. For the process that opened it, while
  /// no other commits hidden states.
  void drop_hidden_before(Index block);
  /// What another process has just dropped is not committed any more, and may be committed again.
  void forget_hidden_before(Index block);

  /// How many runs have opened this checkpoint before; 0 after attach().
  Index earlier_openings() const { return lease_ ? lease_->number() - 1 : 0; }

  /// What was found damaged, lost or left over, or whose lease open() took over.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// Those since the last call.
  std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

 private:
  Checkpoint(std::filesystem::path directory, int writer);

  void create(const nlohmann::ordered_json& fingerprint);
  void set_aside(const std::string& name);
  void remove_leftovers();
  void commit_soon(const std::string& name, const std::function<void(const std::filesystem::path&)>& write);
  void enter(const std::string& name, const FileBytes& bytes);
  std::filesystem::path checked(const std::string& name);
  void drop(const std::string& name);

  std::filesystem::path directory_;
  int writer_;
  std::unique_ptr<Lease> lease_;  // of the process that opened it
  CommittedFiles committed_;
  std::string news_;  // lines of the journal that others have not been told
  bool meets_damage_ = false;
  std::vector<std::string> on_their_way_;  // committed, not yet made durable
  std::vector<std::string> warnings_;
};

/// What a job script may read in the file `state`.
enum class RunState { resumable, done, failed };
void write_state(const std::filesystem::path& checkpoint, RunState state);

}  // namespace lrc
