// What is committed, as lines of text: one file for each writer of a job, so that none waits for another.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lrc {

/// What tells a file's bytes from others: how many there are, and their XXH3-128.
struct FileBytes {
  std::uint64_t size = 0;
  std::string hash;
  auto operator<=>(const FileBytes&) const = default;
};
FileBytes bytes_of_file(const std::filesystem::path& file);

/// File name in the checkpoint → the bytes of its commits. A file that was lost or damaged is committed again, perhaps
/// by another writer; journals don't tell which came last, and any of them is good.
using CommittedFiles = std::map<std::string, std::set<FileBytes>>;

/// A commit as a line, without its end.
std::string journal_line(const std::string& file, const FileBytes& bytes);
/// All of them as lines.
std::string journal_text(const CommittedFiles& committed);
/// Adds what the lines of a journal, named `journal`, say. Those that are torn or damaged are left out, and named in
/// `warnings`.
void add_journal_text(std::string_view journal, const std::string& text, CommittedFiles& committed,
                      std::vector<std::string>& warnings);

/// Appends a line to the journal of one writer; on the disk when this returns.
void append_to_journal(const std::filesystem::path& journal, const std::string& line);

/// Adds what the journals in a directory say. Lines that are torn or damaged are left out, and named in `warnings`.
void read_journals(const std::filesystem::path& directory, CommittedFiles& committed,
                   std::vector<std::string>& warnings);

}  // namespace lrc
