#include "lrc/evaluation/perplexity.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "lrc/linalg/gemm.hpp"
#include "lrc/model/format/stored_model.hpp"
#include "lrc/rotation/rotated_model.hpp"
#include "shared_data.hpp"

namespace lrc {
namespace {

Perplexity of(const std::filesystem::path& directory, Index windows, Index length, int threads = 1) {
  single_threaded_blas();
  const Communicator world;
  Execution exec(threads);
  return evaluate_perplexity(world, exec, StoredModel(directory),
                             windows_of(directory / "evaluation.npy", windows, length));
}

// transformers' perplexity in fp32.
TEST(Perplexity, OfTheDemoModelIsTransformers) { EXPECT_NEAR(of(demo_model(), 128, 256).value() / 40.9838, 1, 1e-4); }

TEST(Perplexity, OfTheDemoMixtralIsTransformers) {
  EXPECT_NEAR(of(demo_model("demo-mixtral"), 128, 256).value() / 36.2601, 1, 1e-4);
}

TEST(Perplexity, OfStories260kIsTransformers) {
  LRC_REQUIRE_SHARED_DATA("models/stories260k");
  EXPECT_NEAR(of(shared_data("models/stories260k"), 128, 256).value() / 5.5379, 1, 1e-4);
}

TEST(Perplexity, OfSmolLM2IsTransformers) {
  const char* directory = std::getenv("LRC_SMOLLM2_DIR");
  if (!directory || !*directory) GTEST_SKIP() << "LRC_SMOLLM2_DIR does not name a SmolLM2-135M directory";
  EXPECT_NEAR(of(directory, 64, 512).value() / 29.4460, 1, 1e-4);
}

double rotated_over_original(const std::filesystem::path& directory, RotationKind kind, bool rotates_heads = false) {
  single_threaded_blas();
  Execution exec(1);
  const StoredModel original(directory);
  const Sequences windows = windows_of(directory / "evaluation.npy", 20, 256);
  const auto value = [&](const Model& model) {
    return evaluate_perplexity(Communicator(), exec, model, windows).value();
  };
  return value(RotatedModel(original, kind, rotates_heads, 11)) / value(original);
}

TEST(Perplexity, OfARotatedModelIsThatOfTheOriginal) {
  EXPECT_NEAR(rotated_over_original(demo_model(), RotationKind::full), 1, 1e-4);
  EXPECT_NEAR(rotated_over_original(demo_model(), RotationKind::full, true), 1, 1e-4);
  EXPECT_NEAR(rotated_over_original(demo_model(), RotationKind::offline), 1, 1e-4);
}

TEST(Perplexity, OfARotatedModelWithAnOddPartIsThatOfTheOriginal) {
  LRC_REQUIRE_SHARED_DATA("models/stories260k");
  EXPECT_NEAR(rotated_over_original(shared_data("models/stories260k"), RotationKind::full), 1, 1e-4);
}

// Every rank count of this test's runs compares with one rank's result, computed by each rank alone.
TEST(Perplexity, HasTheSameBitsOnAnyNumberOfRanksAndThreads) {
  single_threaded_blas();
  const StoredModel model(demo_model());
  const Sequences windows = windows_of(demo_model() / "evaluation.npy", 35, 200);
  Execution one(1), three(3);
  const Perplexity alone = evaluate_perplexity(Communicator(MPI_COMM_SELF), one, model, windows);
  const Perplexity together = evaluate_perplexity(Communicator(), three, model, windows);
  EXPECT_EQ(alone.negative_log_likelihood, together.negative_log_likelihood);
  EXPECT_EQ(alone.tokens, 35 * 199);
  EXPECT_EQ(together.tokens, alone.tokens);
}

}  // namespace
}  // namespace lrc
