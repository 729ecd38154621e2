// What other ranks commit is told by messages: no rank reads journals but the one that opens the checkpoint of a run
// that was there before.
#include "campaign/kinds_of_run.hpp"
#include "campaign/tiny_model.hpp"
#include "program.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

TEST(Journals, OfOthersAreReadByNoRank) {
  const TemporaryDirectory directory;
  const fs::path model = directory / "model", run = directory / "run";
  write_tiny_model(model, 2);
  write_tiny_tokens(model / "tokens.npy", 4096);
  fs::create_directory(run);
  KindOfRun kind{};
  kind.arguments = {"--model",           model.string(), "--calibration",   (model / "tokens.npy").string(),
                    "--sequences",       "80",           "--rank-fraction", "0.4",
                    "--sequence-length", "48",           "--threads",       "1"};
  for (const std::string rank : {"0", "1"}) {
    const fs::path trace = directory / ("trace" + rank);
    Launch two = launch(kind, run, {"LRC_FAULT_TRACE=" + trace.string(), "LRC_FAULT_RANK=" + rank});
    two.ranks = 2;
    Job job(two, directory / "log");
    ASSERT_EQ(job.wait(kLimit), 0) << job.output();
    std::FILE* file = std::fopen(trace.c_str(), "rb");
    ASSERT_NE(file, nullptr);
    std::size_t written = 0, read = 0;
    for (const Operation& operation : read_operations(file)) {
      if (operation.path.find("/journal/") == std::string::npos) continue;
      if (operation.kind == OperationKind::read) ++read;
      if (operation.kind == OperationKind::write) ++written;
    }
    std::fclose(file);
    EXPECT_GT(written, 0U) << "rank " << rank << " has committed nothing, so that nothing is shown";
    EXPECT_EQ(read, 0U) << "rank " << rank;
    fs::remove_all(run / "out");
    fs::remove_all(run / "out.checkpoint");
  }
}

}  // namespace
}  // namespace lrc
