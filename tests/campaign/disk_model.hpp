// What a disk may hold after a loss of power: a model of files and directories that keeps apart what was brought to the
// disk and what was not (yet).
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "operation_trace.hpp"

namespace lrc {

/// Path → bytes of a directory tree's files; directories end in '/' and have none.
using Tree = std::map<std::string, std::string>;

/// Follows the operations of a run. What fsync has not reached may be lost: of the writes to a file any subset
/// survives, each as a whole or by any of its sectors of 512 bytes; of the changes to a directory's entries any subset,
/// a rename as one.
class DiskModel {
 public:
  DiskModel();

  void apply(const Operation& operation);

  /// As the running system sees it.
  Tree now() const;
  /// One of the states that a loss of power may leave, chosen at random.
  Tree after_power_loss(std::mt19937_64& random) const;

 private:
  struct Change {  // of a file's bytes
    bool truncates;
    std::uint64_t offset;  // or the new size
    std::string data;
  };
  struct Renaming {  // of a directory's entries: `name` gets `node` (-1: goes); `from`, where not empty, goes
    std::string name, from;
    int node;
  };
  struct Node {
    bool is_directory;
    std::string bytes, durable_bytes;                     // of a file
    std::vector<Change> changes;                          // since the last fsync
    std::map<std::string, int> entries, durable_entries;  // of a directory
    std::vector<Renaming> renamings;
  };

  int find(const std::string& path) const;
  std::pair<int, std::string> parent_and_name(const std::string& path) const;
  int make(bool is_directory, const std::string& path);
  void rename_entry(const std::string& path, const std::string& from, int node);
  static void change(std::string& bytes, const Change& change);
  static void change_partly(std::string& bytes, const Change& whole, std::mt19937_64& random);
  void collect(int number, const std::string& path, Tree& tree) const;
  void collect_lost(int number, const std::string& path, Tree& tree, std::mt19937_64& random) const;

  std::vector<Node> nodes_;
};

}  // namespace lrc
