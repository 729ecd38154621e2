#include "lrc/checkpoint/journal.hpp"

#include <algorithm>
#include <sstream>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/hash.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLargestJournal = std::uint64_t{1} << 30;

}  // namespace

FileBytes bytes_of_file(const fs::path& file) { return {fs::file_size(file), hash_file(file)}; }

// "HASH SIZE FILE CHECK", where CHECK is the hash of what stands before it: a torn line is not taken for a whole one.
std::string journal_line(const std::string& file, const FileBytes& bytes) {
  const std::string entry = fmt::format("{} {} {}", bytes.hash, bytes.size, file);
  return entry + " " + hash_bytes(std::as_bytes(std::span(entry)));
}

std::string journal_text(const CommittedFiles& committed) {
  std::string text;
  for (const auto& [file, commits] : committed) {
    for (const FileBytes& bytes : commits) text += journal_line(file, bytes) + "\n";
  }
  return text;
}

void add_journal_text(std::string_view journal, const std::string& text, CommittedFiles& committed,
                      std::vector<std::string>& warnings) {
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    FileBytes bytes;
    std::string file;
    if (words >> bytes.hash >> bytes.size >> file && journal_line(file, bytes) == line) {
      committed[file].insert(bytes);
    } else if (!line.empty()) {
      warnings.push_back(
          fmt::format("{}: line {} is torn or damaged, so what it committed does not count", journal, number));
    }
  }
}

void append_to_journal(const fs::path& journal, const std::string& line) {
  // The line end before it keeps it apart from a line that an earlier process left torn.
  append_durably(journal, "\n" + line + "\n");
}

void read_journals(const fs::path& directory, CommittedFiles& committed, std::vector<std::string>& warnings) {
  for (const fs::directory_entry& journal : fs::directory_iterator(directory))
    add_journal_text(journal.path().native(), read_text(journal.path(), kLargestJournal), committed, warnings);
}

}  // namespace lrc
