#include "lrc/checkpoint/checkpoint.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "lrc/core/error.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

const nlohmann::ordered_json kFingerprint = {{"method", "lrc"}, {"seed", "0"}};

SolveRecord record(const std::string& name, Index rank = 2) {
  QuantizedStack stack{.codes = MatrixI8(3, 5), .scales = MatrixF(3, 1)};
  for (int i = 0; i < 15; ++i) stack.codes.data()[i] = static_cast<std::int8_t>(i - 8);
  stack.scales << 0.5F, 1, 2;
  stack.u.values = MatrixF::Constant(3, rank, 0.125F);
  stack.v = {MatrixF::Constant(5, rank, -3), MatrixI8::Constant(5, rank, -6), MatrixF::Constant(1, rank, 0.5F)};
  stack.mean = VectorF::LinSpaced(5, 0, 1);
  return {.name = name, .stack = std::move(stack), .facts = {{"relative_loss", 0.25}, {"seconds", 1.5}}};
}

void expect_same(const StoredFactor& a, const StoredFactor& b) {
  EXPECT_EQ(a.values, b.values);
  ASSERT_EQ(a.codes.size(), b.codes.size());
  EXPECT_EQ(a.codes.reshaped(), b.codes.reshaped());
  EXPECT_EQ(a.scales.reshaped(), b.scales.reshaped());
}

void expect_same(const SolveRecord& a, const SolveRecord& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.stack.codes, b.stack.codes);
  EXPECT_EQ(a.stack.scales, b.stack.scales);
  ASSERT_EQ(a.stack.zero_points.size(), b.stack.zero_points.size());
  EXPECT_EQ(a.stack.zero_points.reshaped(), b.stack.zero_points.reshaped());
  expect_same(a.stack.u, b.stack.u);
  expect_same(a.stack.v, b.stack.v);
  EXPECT_EQ(a.stack.u_sizes.size(), 0);
  EXPECT_EQ(a.stack.mean, b.stack.mean);
  EXPECT_EQ(a.stack.center_bias.size(), 0);
  EXPECT_EQ(a.facts, b.facts);
}

MatrixF row(float first, float second) { return (MatrixF(1, 2) << first, second).finished(); }

TEST(Checkpoint, WhatIsCommittedIsThereAfterReopening) {
  const TemporaryDirectory directory;
  SolveRecord b = record("b", 0);
  b.stack.zero_points = (MatrixI8(3, 1) << -8, 0, 7).finished();
  {
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    EXPECT_FALSE(checkpoint.is_committed("a"));
    checkpoint.commit(record("a"));
    checkpoint.commit(b);
    EXPECT_TRUE(checkpoint.is_committed("a"));
  }
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  EXPECT_TRUE(checkpoint.warnings().empty());
  EXPECT_EQ(checkpoint.committed_solves(), 2);
  EXPECT_EQ(checkpoint.earlier_openings(), 1);
  expect_same(checkpoint.load_solve("a"), record("a"));
  expect_same(checkpoint.load_solve("b"), b);
  EXPECT_THROW(checkpoint.load_solve("c"), Error);
}

TEST(Checkpoint, MomentsComeAndGo) {
  const TemporaryDirectory directory;
  {
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    SummedMoments moments{.tokens = 9, .xx = MatrixF(2, 2), .xy = row(1, 2), .yy = row(3, 4), .borrowed = 5};
    moments.xx << 1, 2, 3, 4;
    const InputTransform transform{
        .mean = VectorF::Constant(2, 7),
        .directions = {row(1, 0).transpose(), MatrixI8::Constant(2, 1, 1), MatrixF::Ones(1, 1)}};
    const MomentsKey first{"g", 0}, second{"g", 1};
    checkpoint.commit(first, moments, transform);
    Checkpoint other = Checkpoint::attach(directory / "c", 1, checkpoint.committed());
    EXPECT_TRUE(other.has_moments(first));
    EXPECT_FALSE(other.has_moments(second));
    const MomentsRecord loaded = other.load_moments(first);
    EXPECT_EQ(loaded.moments.tokens, 9);
    EXPECT_EQ(loaded.moments.borrowed, 5);
    EXPECT_EQ(loaded.moments.xx, moments.xx);
    EXPECT_EQ(loaded.moments.xy, moments.xy);
    EXPECT_EQ(loaded.moments.yy, moments.yy);
    EXPECT_EQ(loaded.moments.drift.size(), 0);
    EXPECT_EQ(loaded.transform.mean, transform.mean);
    expect_same(loaded.transform.directions, transform.directions);
    EXPECT_EQ(loaded.transform.target_mean.size(), 0);
    checkpoint.drop_moments(first);
    EXPECT_FALSE(Checkpoint::attach(directory / "c", 2, checkpoint.committed()).has_moments(first));
  }
  EXPECT_TRUE(Checkpoint::open(directory / "c", kFingerprint).warnings().empty());
}

TEST(Checkpoint, HiddenStatesAreKeptUntilALaterBlockHasThem) {
  const TemporaryDirectory directory;
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  for (const Index block : {2, 10}) {
    for (const Index unit : {kProbeUnit, Index{0}, Index{1}}) {
      checkpoint.commit({block, unit}, row(static_cast<float>(block), static_cast<float>(unit)));
    }
  }
  checkpoint.make_durable();
  checkpoint.drop_hidden_before(10);
  Checkpoint other = Checkpoint::attach(directory / "c", 1, checkpoint.committed());
  for (const Index unit : {kProbeUnit, Index{0}, Index{1}}) {
    EXPECT_FALSE(checkpoint.has_hidden({2, unit}));
    EXPECT_FALSE(other.has_hidden({2, unit}));
    ASSERT_TRUE(other.has_hidden({10, unit}));
    EXPECT_EQ(other.load_hidden({10, unit}), row(10, static_cast<float>(unit)));
  }
}

// Two passes over the blocks of one run: what the first one stored and dropped is stored again by the second.
TEST(Checkpoint, HiddenStatesThatAnotherProcessDroppedAreNotCommittedAnyMore) {
  const TemporaryDirectory directory;
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  Checkpoint other = Checkpoint::attach(directory / "c", 1, checkpoint.committed());
  const MatrixF values = row(1, 2);
  for (const Index block : {1, 2}) {
    other.commit({block, Index{0}}, values);
    other.make_durable();
  }
  checkpoint.drop_hidden_before(2);
  EXPECT_THROW(other.load_hidden({1, 0}), Error);
  other.forget_hidden_before(2);
  EXPECT_FALSE(other.has_hidden({1, 0}));
  EXPECT_TRUE(other.has_hidden({2, 0}));
  other.commit({1, Index{0}}, values);
  EXPECT_EQ(other.load_hidden({1, 0}), values);
}

TEST(Checkpoint, WhatIsLearnedIsKeptUntilALaterStepHasIt) {
  const TemporaryDirectory directory;
  const LearningState learned{{"d1", row(1, 2)}, {"m.d1", row(3, 4)}};
  {
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    checkpoint.commit(LearningKey{"model.layers.0.q", 5}, learned);
    checkpoint.commit(LearningKey{"model.layers.0.q", 12}, learned);
    checkpoint.commit(LearningKey{"model.layers.0.q.7", 3}, learned);  // another name
    EXPECT_EQ(checkpoint.learning_steps("model.layers.0.q"), (std::vector<Index>{12, 5}));
    Checkpoint other = Checkpoint::attach(directory / "c", 1, {});
    other.learn(checkpoint.take_news());
    EXPECT_EQ(other.learning_steps("model.layers.0.q").size(), 2U);
    checkpoint.drop_learning_before({"model.layers.0.q", 12});
    other.forget_learning_before({"model.layers.0.q", 12});
    EXPECT_EQ(other.learning_steps("model.layers.0.q"), std::vector<Index>{12});
  }
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  EXPECT_TRUE(checkpoint.warnings().empty());
  EXPECT_EQ(checkpoint.learning_steps("model.layers.0.q"), std::vector<Index>{12});
  EXPECT_EQ(checkpoint.learning_steps("model.layers.0.q.7"), std::vector<Index>{3});
  EXPECT_EQ(checkpoint.load_learning({"model.layers.0.q", 12}), learned);
}

TEST(Checkpoint, OfAnotherRunIsRefusedWithEveryDifference) {
  const TemporaryDirectory directory;
  Checkpoint::open(directory / "c", kFingerprint).commit(record("a"));
  try {
    Checkpoint::open(directory / "c", {{"method", "gptq"}, {"seed", "0"}, {"bits", "4"}});
    FAIL() << "accepted";
  } catch (const InputError& error) {
    const std::string message = error.what();
    for (const char* part :
         {"method was \"lrc\", now \"gptq\"", "bits was null, now \"4\"", "restart", "another checkpoint directory"}) {
      EXPECT_NE(message.find(part), std::string::npos) << part << " is not in " << message;
    }
    EXPECT_EQ(message.find("seed"), std::string::npos);
  }
  EXPECT_EQ(Checkpoint::open(directory / "c", {{"method", "gptq"}, {"seed", "0"}}, {.may_differ = {"method"}})
                .committed_solves(),
            1);
  EXPECT_EQ(Checkpoint::open(directory / "c", {{"method", "gptq"}}, {.restart = true}).committed_solves(), 0);
}

TEST(Checkpoint, WhatAnInterruptedRestartLeftIsNotAnotherRuns) {
  const TemporaryDirectory directory;
  Checkpoint::open(directory / "c", kFingerprint).commit(record("a"));
  std::filesystem::remove(directory / "c" / "manifest.json");  // what is thrown away first
  EXPECT_EQ(Checkpoint::open(directory / "c", {{"method", "gptq"}}).committed_solves(), 0);
}

TEST(Checkpoint, ADirectoryOfSomethingElseIsRefused) {
  const TemporaryDirectory directory;
  write_file(directory / "thesis.tex", "years of work");
  EXPECT_THROW(Checkpoint::open(directory.path(), kFingerprint), InputError);
  EXPECT_THROW(Checkpoint::open(directory.path(), kFingerprint, {.restart = true}), InputError);
  EXPECT_EQ(file_bytes(directory / "thesis.tex"), "years of work");
  EXPECT_FALSE(std::filesystem::exists(directory / "leases"));
}

TEST(Checkpoint, AnyFlippedBitIsSeenAndTheSolveSetAside) {
  const TemporaryDirectory directory;
  Checkpoint::open(directory / "c", kFingerprint).commit(record("a"));
  const std::filesystem::path file = directory / "c" / "solves" / "a.h5";
  const std::string good = file_bytes(file);
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    const std::size_t byte = random() % bad.size();
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << random() % 8));
    write_file(file, bad);
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    if (i % 2 == 0) {
      EXPECT_THROW(checkpoint.load_solve("a"), Error) << "byte " << byte;
      EXPECT_TRUE(checkpoint.meets_damage());
    } else {
      EXPECT_EQ(checkpoint.set_damaged_aside(0, 1), std::vector<std::string>{"solves/a.h5"}) << "byte " << byte;
    }
    ASSERT_EQ(checkpoint.warnings().size(), 1U);
    EXPECT_NE(checkpoint.warnings()[0].find("a.h5 is damaged"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_EQ(file_bytes(file.string() + ".damaged"), bad);
    write_file(file, good);
  }
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  expect_same(checkpoint.load_solve("a"), record("a"));
  EXPECT_TRUE(checkpoint.set_damaged_aside(0, 1).empty());
}

// A file that is not read shows that nobody has looked into it.
TEST(Checkpoint, ToOpenItIsToLookAtNamesAndSizesAlone) {
  const TemporaryDirectory directory;
  {
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    for (const char* name : {"a", "b", "c"}) checkpoint.commit(record(name));
  }
  const std::filesystem::path solves = directory / "c" / "solves";
  std::filesystem::resize_file(solves / "b.h5", std::filesystem::file_size(solves / "b.h5") - 1);
  const auto size = std::filesystem::file_size(solves / "a.h5");
  write_file(solves / "a.h5", std::string(size, 'x'));
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  EXPECT_TRUE(checkpoint.is_committed("a"));
  EXPECT_FALSE(checkpoint.is_committed("b"));
  ASSERT_EQ(checkpoint.warnings().size(), 1U);
  EXPECT_NE(checkpoint.warnings()[0].find("b.h5 is damaged"), std::string::npos) << checkpoint.warnings()[0];
  expect_same(checkpoint.load_solve("c"), record("c"));
  EXPECT_FALSE(checkpoint.meets_damage());
  EXPECT_THROW(checkpoint.load_solve("a"), Error);
}

// Each file is one process's to look at, and what it finds is everybody's.
TEST(Checkpoint, AllDamageIsFoundInParts) {
  const TemporaryDirectory directory;
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  for (int i = 0; i < 7; ++i) checkpoint.commit(record(std::to_string(i)));
  for (const char* name : {"2", "5"}) {
    const std::filesystem::path file = directory / "c" / "solves" / (std::string(name) + ".h5");
    write_file(file, std::string(std::filesystem::file_size(file), 'x'));
  }
  std::vector<std::string> damaged;
  for (int part = 0; part < 3; ++part) {
    Checkpoint other = Checkpoint::attach(directory / "c", part + 1, checkpoint.committed());
    for (const std::string& name : other.set_damaged_aside(part, 3)) damaged.push_back(name);
  }
  std::sort(damaged.begin(), damaged.end());
  EXPECT_EQ(damaged, (std::vector<std::string>{"solves/2.h5", "solves/5.h5"}));
  for (const std::string& name : damaged) checkpoint.forget(name);
  EXPECT_FALSE(checkpoint.is_committed("2"));
  checkpoint.commit(record("2"));
  expect_same(checkpoint.load_solve("2"), record("2"));
}

TEST(Checkpoint, WhatAnotherProcessCommitsIsLearnedOnceAndWithoutItsJournal) {
  const TemporaryDirectory directory;
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  Checkpoint other = Checkpoint::attach(directory / "c", 1, checkpoint.committed());
  const MatrixF values = row(1, 2);
  other.commit(record("a"));
  other.commit({1, Index{0}}, values);
  std::filesystem::remove(directory / "c" / "journal" / "1.log");
  EXPECT_THROW(checkpoint.load_solve("a"), Error);
  checkpoint.learn(other.take_news());
  expect_same(checkpoint.load_solve("a"), record("a"));
  EXPECT_FALSE(checkpoint.has_hidden({1, 0}));
  EXPECT_TRUE(other.take_news().empty());
}

TEST(Checkpoint, AnyFlippedBitOfTheManifestIsSeen) {
  const TemporaryDirectory directory;
  Checkpoint::open(directory / "c", kFingerprint);
  const std::filesystem::path file = directory / "c" / "manifest.json";
  const std::string good = file_bytes(file);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    write_file(file, bad);
    try {
      Checkpoint::open(directory / "c", kFingerprint);
      FAIL() << "bit " << bit;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("manifest.json: is damaged"), std::string::npos) << error.what();
    }
  }
}

TEST(Checkpoint, DamageAfterTheOpeningIsSeenWhenReading) {
  const TemporaryDirectory directory;
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  checkpoint.commit(record("a"));
  const std::filesystem::path file = directory / "c" / "solves" / "a.h5";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  EXPECT_THROW(checkpoint.load_solve("a"), Error);
}

TEST(Checkpoint, ALostSolveIsNamedAndCanBeCommittedAgain) {
  const TemporaryDirectory directory;
  Checkpoint::open(directory / "c", kFingerprint).commit(record("a"));
  std::filesystem::remove(directory / "c" / "solves" / "a.h5");
  {
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    EXPECT_FALSE(checkpoint.is_committed("a"));
    ASSERT_EQ(checkpoint.warnings().size(), 1U);
    SolveRecord again = record("a");
    again.facts["seconds"] = 99;  // another file, another hash
    Checkpoint::attach(directory / "c", 3, checkpoint.committed()).commit(again);
  }
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  EXPECT_TRUE(checkpoint.warnings().empty());
  EXPECT_EQ(checkpoint.load_solve("a").facts["seconds"], 99);
}

TEST(Checkpoint, ATornJournalLineCostsOnlyItself) {
  const TemporaryDirectory directory;
  {
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    checkpoint.commit(record("a"));
    checkpoint.commit(record("b"));
  }
  const std::filesystem::path journal = directory / "c" / "journal" / "0.log";
  std::filesystem::resize_file(journal, std::filesystem::file_size(journal) - 5);
  {
    Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
    EXPECT_TRUE(checkpoint.is_committed("a"));
    EXPECT_FALSE(checkpoint.is_committed("b"));
    ASSERT_EQ(checkpoint.warnings().size(), 1U);
    EXPECT_NE(checkpoint.warnings()[0].find("0.log: line 4 is torn"), std::string::npos) << checkpoint.warnings()[0];
    checkpoint.commit(record("c"));  // goes into the same journal, after the torn line
  }
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  EXPECT_TRUE(checkpoint.is_committed("a"));
  EXPECT_TRUE(checkpoint.is_committed("c"));
}

TEST(Checkpoint, LeftoversOfAKilledRunAreRemoved) {
  const TemporaryDirectory directory;
  Checkpoint::open(directory / "c", kFingerprint);
  write_file(directory / "c" / "solves" / "a.h5.tmp.123.0", "half");
  write_file(directory / "c" / "state.tmp.123.0", "RES");
  EXPECT_EQ(Checkpoint::open(directory / "c", kFingerprint).committed_solves(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory / "c" / "solves"));
  EXPECT_FALSE(std::filesystem::exists(directory / "c" / "state.tmp.123.0"));
}

TEST(Checkpoint, SeveralProcessesCommitAtOnce) {
  const TemporaryDirectory directory;
  { const Checkpoint made = Checkpoint::open(directory / "c", kFingerprint); }
  constexpr int kWriters = 4, kEach = 10;
  for (int writer = 1; writer <= kWriters; ++writer) {
    if (fork() != 0) continue;
    Checkpoint checkpoint = Checkpoint::attach(directory / "c", writer, {});
    for (int i = 0; i < kEach; ++i) checkpoint.commit(record(fmt::format("{}.{}", writer, i)));
    _exit(0);
  }
  for (int writer = 1; writer <= kWriters; ++writer) {
    int status = 0;
    wait(&status);
    EXPECT_EQ(status, 0);
  }
  Checkpoint checkpoint = Checkpoint::open(directory / "c", kFingerprint);
  EXPECT_EQ(checkpoint.committed_solves(), kWriters * kEach);
  expect_same(checkpoint.load_solve("3.7"), record("3.7"));
}

}  // namespace
}  // namespace lrc
