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

// A line is "HASH FILE CHECK", where CHECK is the hash of what stands before it: a torn line is not taken for a whole
// one.
std::string journal_line(const std::string& hash, const std::string& file) {
  const std::string entry = hash + " " + file;
  return entry + " " + hash_bytes(std::as_bytes(std::span(entry)));
}

void read_journal(const fs::path& journal, CommittedFiles& committed, std::vector<std::string>& warnings) {
  std::istringstream lines(read_text(journal, kLargestJournal));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string hash, file;
    words >> hash >> file;
    if (!hash.empty() && journal_line(hash, file) == line) {
      committed[file].insert(hash);
    } else if (!line.empty()) {
      warnings.push_back(
          fmt::format("{}: line {} is torn or damaged, so what it committed does not count", journal.string(), number));
    }
  }
}

}  // namespace

void append_to_journal(const fs::path& journal, const std::string& file, const std::string& hash) {
  // The line end before it keeps it apart from a line that an earlier process left torn.
  append_durably(journal, "\n" + journal_line(hash, file) + "\n");
}

void read_journals(const fs::path& directory, CommittedFiles& committed, std::vector<std::string>& warnings) {
  for (const fs::directory_entry& journal : fs::directory_iterator(directory))
    read_journal(journal.path(), committed, warnings);
}

}  // namespace lrc
