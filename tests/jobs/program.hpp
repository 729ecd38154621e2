// Running the programs as a user does, and looking at what they say, return and write.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "temporary_directory.hpp"

namespace lrc {

struct Outcome {
  int exit_code;
  std::string output;  // both streams
};

inline Outcome run_command(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  Outcome outcome{-1, ""};
  std::array<char, 4096> buffer;
  while (const std::size_t got = fread(buffer.data(), 1, buffer.size(), pipe))
    outcome.output.append(buffer.data(), got);
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.exit_code = WEXITSTATUS(status);
  return outcome;
}

/// `ranks` 0: started without mpirun.
inline Outcome run_program(const std::string& program, const std::string& arguments, int ranks = 0) {
  const std::string launch = ranks == 0 ? "" : "mpirun -n " + std::to_string(ranks) + " ";
  return run_command(launch + LRC_BIN_DIR + "/" + program + " " + arguments);
}

/// The bytes of all files below a directory, by relative name. The report, which holds times, is left out.
inline std::map<std::string, std::string> contents(const std::filesystem::path& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name = std::filesystem::relative(entry.path(), directory);
    if (entry.is_regular_file() && name != "lrc_report.json") files[name] = file_bytes(entry.path());
  }
  return files;
}

inline nlohmann::json json_file(const std::filesystem::path& file) { return nlohmann::json::parse(file_bytes(file)); }

inline std::string demo_directory(const std::string& name = "demo-llama") {
  return std::string(LRC_SOURCE_DIR) + "/models/" + name;
}

/// Arguments of a small run on the demo model.
inline std::string small_run(const std::filesystem::path& output, const std::string& more = "") {
  const std::string demo = demo_directory();
  return "--model " + demo + " --calibration " + demo +
         "/calibration.npy --sequences 40 --sequence-length 256 --output " + output.string() + " " + more;
}

}  // namespace lrc
