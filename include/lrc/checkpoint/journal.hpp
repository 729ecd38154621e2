// What is committed, as lines of text: one file for each writer of a job, so that none waits for another.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace lrc {

/// File name in the checkpoint → the hashes of its commits. A file that was lost or damaged is committed again, perhaps
/// by another writer; journals don't tell which came last, and any of them is good.
using CommittedFiles = std::map<std::string, std::set<std::string>>;

/// Appends a commit to the journal of one writer; on the disk when this returns.
void append_to_journal(const std::filesystem::path& journal, const std::string& file, const std::string& hash);

/// Adds what the journals in a directory say. Lines that are torn or damaged are left out, and named in `warnings`.
void read_journals(const std::filesystem::path& directory, CommittedFiles& committed,
                   std::vector<std::string>& warnings);

}  // namespace lrc
