// Committed records that are damaged behind the program's back, in a way that only their hash tells: found when they
// are used, named, set aside and made again by the same run, to the same bytes.
#include <fmt/core.h>

#include <chrono>
#include <thread>

#include "campaign/runs.hpp"
#include "campaign/tiny_model.hpp"
#include "program.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

void damage(const fs::path& file) {
  std::string bytes = file_bytes(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(file, bytes);
}

std::vector<fs::path> files_in(const fs::path& directory) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(directory)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

// Of a run on a tiny model below `directory`.
std::string tiny_run(const TemporaryDirectory& directory, const std::string& output, const std::string& more) {
  write_tiny_model(directory / "model", 2);
  write_tiny_tokens(directory / "tokens.npy", 8192);
  return "--model " + (directory / "model").string() + " --calibration " + (directory / "tokens.npy").string() +
         " --sequences 160 --sequence-length 48 --threads 1 --output " + (directory / output).string() + " " + more;
}

void expect_warning(const Outcome& outcome, const fs::path& file) {
  const std::string warning = fmt::format("warning: {0} is damaged; set aside as {1}.damaged, it will be made again",
                                          file.string(), file.filename().string());
  EXPECT_NE(outcome.output.find(warning), std::string::npos) << outcome.output;
}

TEST(Damage, OfSolvesIsFoundAtTheExportAndMended) {
  const TemporaryDirectory directory;
  const fs::path output = directory / "out", solves = directory / "out.checkpoint" / "solves";
  for (const std::string how : {"", "--propagate quantized"}) {
    fs::remove_all(output);
    fs::remove_all(directory / "out.checkpoint");
    const std::string arguments = tiny_run(directory, "out", how + " --rank-fraction 0.4");
    ASSERT_EQ(run_program("lrc_calibrate", arguments, 2).exit_code, 0);
    const auto expected = contents(output);
    fs::remove_all(output);
    const std::vector<fs::path> files = files_in(solves);
    ASSERT_GE(files.size(), 4U);
    for (const fs::path& file : {files[1], files.back()}) damage(file);
    const std::string untouched = file_bytes(files[0]);
    const Outcome outcome = run_program("lrc_calibrate", arguments, 2);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
    for (const fs::path& file : {files[1], files.back()}) expect_warning(outcome, file);
    EXPECT_TRUE(contents(output) == expected) << how;
    EXPECT_TRUE(file_bytes(files[0]) == untouched) << "a good solve was made again";  // the seconds of its solve tell
  }
}

TEST(Damage, OfTheScalesOfChannelsIsFoundAndMended) {
  const TemporaryDirectory directory;
  const std::string arguments = tiny_run(directory, "out", "--method rtn --smooth 0.8");
  ASSERT_EQ(run_program("lrc_calibrate", arguments, 2).exit_code, 0);
  const auto expected = contents(directory / "out");
  fs::remove_all(directory / "out");
  const fs::path scales = directory / "out.checkpoint" / "learning" / "smooth.0.h5";
  damage(scales);
  const Outcome outcome = run_program("lrc_calibrate", arguments, 2);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  expect_warning(outcome, scales);
  EXPECT_TRUE(contents(directory / "out") == expected);
}

// By teams, of which none may be left waiting for one that finds damage.
TEST(Damage, OfMomentsIsFoundByGroupsOfRanksAndMended) {
  const TemporaryDirectory directory;
  const fs::path checkpoint = directory / "out.checkpoint";
  const std::string options = "--paper --rank-fraction 0.4 --iterations 150 --team-inputs 64";
  ASSERT_EQ(run_program("lrc_calibrate", tiny_run(directory, "whole", options), 3).exit_code, 0);
  std::istringstream words(tiny_run(directory, "out", options));
  {
    Job job({.ranks = 3, .arguments = {std::istream_iterator<std::string>(words), {}}, .environment = {}},
            directory / "log");
    for (int i = 0; i < 60000 && committed_solves(checkpoint).empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    job.kill_all();
    job.wait(std::chrono::seconds(30));
  }
  // down has the inputs of a group
  std::vector<fs::path> moments = files_in(checkpoint / "moments"), solves = files_in(checkpoint / "solves");
  const auto is_another = [](const fs::path& file) { return file.string().find("down") == std::string::npos; };
  std::erase_if(moments, is_another);
  std::erase_if(solves, is_another);
  ASSERT_FALSE(moments.empty());
  for (const fs::path& file : moments) damage(file);
  for (const fs::path& file : solves) fs::remove(file);
  const Outcome outcome = run_program("lrc_calibrate", tiny_run(directory, "out", options), 3);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("is damaged, and set aside"), std::string::npos) << outcome.output;
  EXPECT_TRUE(contents(directory / "out") == contents(directory / "whole"));
}

}  // namespace
}  // namespace lrc
