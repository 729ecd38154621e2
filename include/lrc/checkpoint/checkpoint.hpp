// The committed work of a run, in a directory:
//
//   manifest.json        what the run is: its fingerprint
//   solves/LINEAR.h5     one finished solve each
//   moments/GROUP.h5     second moments whose solves are not all in yet
//   openings             a byte for each time a run opened it
//   journal/WRITER.log   a line for each commit: file, XXH3-128 of its bytes
//
// A file is written under another name, closed, brought to the disk, renamed, its directory brought to the disk, and
// then entered in the journal of its writer, which nobody else writes. What is not in a journal, or does not have the
// hash that stands there, is not committed. Files are hashed before HDF5 opens them.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "lrc/checkpoint/records.hpp"

namespace lrc {

class Checkpoint {
 public:
  /// Opens `directory` for the run with this fingerprint (a flat object), or makes it; with `restart`, what was there
  /// is thrown away. Sets damaged files aside and removes leftovers of a killed run: see warnings(). To be called by
  /// one process while no other uses the directory. Throws InputError, naming every entry that differs and what to do,
  /// for another run's checkpoint.
  static Checkpoint open(const std::filesystem::path& directory, const nlohmann::ordered_json& fingerprint,
                         bool restart);

  /// The same directory for another process, after open() has returned. `writer` is unique in the job (≥ 1).
  static Checkpoint attach(const std::filesystem::path& directory, int writer);

  /// As of the opening, and what this object committed since.
  bool is_committed(const std::string& linear) const { return committed_.contains("solves/" + linear + ".h5"); }
  bool has_moments(const std::string& group) const { return committed_.contains("moments/" + group + ".h5"); }
  Index committed_solves() const;

  /// When these return, the record is on the disk.
  void commit(const SolveRecord& record);
  void commit(const MomentsRecord& record);

  /// Throws Error where the record is not there or is damaged. Sees what others committed, too.
  SolveRecord load_solve(const std::string& linear);
  MomentsRecord load_moments(const std::string& group);

  /// The moments are no longer needed.
  void drop_moments(const std::string& group);

  /// How often a run has opened this checkpoint before; known after open() only.
  Index earlier_openings() const { return earlier_openings_; }

  /// What open() found damaged or left over.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  Checkpoint(std::filesystem::path directory, int writer);

  void count_opening();
  void create(const nlohmann::ordered_json& fingerprint);
  void check_fingerprint(const nlohmann::ordered_json& fingerprint) const;
  void read_journals();
  void set_damaged_aside();
  void remove_leftovers();
  void enter(const std::filesystem::path& temporary, const std::string& name);
  std::filesystem::path checked(const std::string& name);

  std::filesystem::path directory_;
  int writer_;
  // File name in the directory → the hashes of its commits. A file that was lost or damaged is committed again, perhaps
  // by another writer; journals don't tell which came last, and any of them is good.
  std::map<std::string, std::set<std::string>> committed_;
  std::vector<std::string> warnings_;
  Index earlier_openings_ = 0;
};

}  // namespace lrc
