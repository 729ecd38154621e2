#include "lrc/io/output_place.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/io/directory.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

constexpr const char* kInside = "lrc.partial";

std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

// Throws where there is something else than a directory, or something that can't be looked at.
void demand_directory_or_nothing(const fs::path& path) {
  std::error_code error;
  const fs::file_status found = fs::status(path, error);
  if (fs::is_directory(found)) return;
  const bool missing = found.type() == fs::file_type::not_found;
  if (missing && !is_there(path)) return;
  if (missing || error == std::errc::too_many_symbolic_link_levels)
    throw InputError(path.string(), "is a link that leads to nothing; make what it leads to, or remove it");
  if (error) throw InputError(path.string(), fmt::format("can't be looked at: {}", error.message()));
  throw InputError(path.string(), "is not a directory; name another, or remove it");
}

void demand_writable(const fs::path& directory) {
  const fs::path there = existing_above(directory);
  demand_directory_or_nothing(there);
  if (::access(there.c_str(), W_OK | X_OK) == 0) return;
  throw InputError(directory.string(),
                   fmt::format("can't be written: {}{}; name a directory elsewhere, or change that",
                               there == directory ? "" : there.string() + ": ", std::strerror(errno)));
}

bool lies_in(const fs::path& inner, const fs::path& outer) {
  const fs::path a = fs::weakly_canonical(fs::absolute(inner)), b = fs::weakly_canonical(fs::absolute(outer));
  return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).second == b.end();
}

}  // namespace

std::string plain_place(std::string path) {
  const auto strip = [&] {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
  };
  strip();
  const fs::path name = fs::path(path).filename();
  if (name == "." || name == "..") path = fs::absolute(path).lexically_normal().string();
  strip();
  return path;
}

OutputPlace::OutputPlace(fs::path output)
    : output_(std::move(output)),
      workshop_(fs::is_directory(output_) ? output_ / kInside : fs::path(output_.string() + ".partial")),
      inside_(fs::is_directory(output_)) {}

fs::path OutputPlace::report() const {
  if (!inside_) return {};
  for (fs::path report : {output_ / kReportFile, workshop_ / kReportFile}) {
    if (fs::exists(report)) return report;
  }
  return {};
}

// A file system has lost+found at its top.
bool OutputPlace::is_free() const {
  if (!inside_) return !is_there(output_);
  const std::vector<fs::path> entries = entries_of(output_);
  return std::all_of(entries.begin(), entries.end(), [](const fs::path& entry) {
    return entry.filename() == kInside || entry.filename() == "lost+found";
  });
}

void OutputPlace::finish() const {
  if (!inside_) return rename_durably(workshop_, output_);
  if (!is_there(workshop_)) return;
  for (const fs::path& file : entries_of(workshop_)) {
    if (file.filename() != kReportFile) rename_path(file, output_ / file.filename());
  }
  sync_directory(output_);
  sync_directory(workshop_);
  if (is_there(workshop_ / kReportFile)) rename_durably(workshop_ / kReportFile, output_ / kReportFile);
  remove_path(workshop_);
}

fs::path existing_above(fs::path directory) {
  while (!is_there(directory)) {
    directory = directory.has_parent_path() && directory.parent_path() != directory ? directory.parent_path() : ".";
  }
  return directory;
}

void refuse_output(const std::string& output) {
  throw InputError(output,
                   "exists and is not the result of this run; name another directory for the output or remove it");
}

void demand_places(const std::string& output, const std::string& checkpoint) {
  demand_directory_or_nothing(output);
  const OutputPlace place{output};
  if (!place.report().empty()) return;
  if (!place.is_free()) refuse_output(output);
  demand_writable(output);
  demand_directory_or_nothing(checkpoint);
  if (lies_in(checkpoint, output) || lies_in(output, checkpoint))
    throw InputError(checkpoint, fmt::format("the checkpoint and the output, {}, lie in each other; name another "
                                             "directory for one",
                                             output));
  demand_writable(checkpoint);
}

}  // namespace lrc
