// Where the output and the checkpoint go: looked at before any work, and how an output that is whole gets its place.
#pragma once

#include <filesystem>
#include <string>

namespace lrc {

constexpr const char* kReportFile = "lrc_report.json";

/// The path of a directory without slashes at its end, and not "." or "..": names beside it begin with it.
std::string plain_place(std::string path);

/// An output is made in a workshop, and comes to its place when it is whole. Where nothing is there, the workshop lies
/// beside, and is renamed. A directory that is there already (a script made it, it is a mount point, a link leads to
/// it) has the workshop inside, from which the files are moved up, the report, by which an output is known, last.
class OutputPlace {
 public:
  explicit OutputPlace(std::filesystem::path output);

  const std::filesystem::path& workshop() const { return workshop_; }

  /// The report of an output that is there, or whole and on its way out of the workshop; empty where there is none.
  std::filesystem::path report() const;

  /// Whether an output may come here: there is nothing but what an interrupted run left in the workshop.
  bool is_free() const;

  /// Brings what the workshop holds, a whole output, to its place, and removes the workshop. What an interrupted run
  /// has begun is gone on with. After this, the output is on the disk.
  void finish() const;

 private:
  std::filesystem::path output_, workshop_;
  bool inside_;
};

/// Throws InputError: there is something else at this place.
[[noreturn]] void refuse_output(const std::string& output);

/// Throws InputError, naming the directory and what to do, where the output or the checkpoint could not be written: one
/// of them is no directory, is foreign, lies in the other, may not be written, or can't be made. Not where an output
/// with a report is there, which may be the one of this run.
void demand_places(const std::string& output, const std::string& checkpoint);

/// The directory, or the nearest one above it that there is.
std::filesystem::path existing_above(std::filesystem::path directory);

}  // namespace lrc
