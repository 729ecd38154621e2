// The plan of a rank's memory: what it is for real sizes, and what it refuses.
#include "lrc/plan/memory_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace lrc {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;

MemoryInputs quarter_of_70b() {
  MemoryInputs inputs;
  inputs.model.family = "llama";
  inputs.model.hidden_size = 2048;
  inputs.model.intermediate_size = 7168;
  inputs.model.blocks = 3;
  inputs.model.heads = 16;
  inputs.model.kv_heads = 2;
  inputs.model.head_dim = 128;
  inputs.sequences = 32;
  inputs.options.sequence_length = 1024;
  inputs.options.solve_memory = kGiB;
  inputs.ranks = 4;
  return inputs;
}

MemoryInputs mixtral() {
  MemoryInputs inputs = quarter_of_70b();
  inputs.model.family = "mixtral";
  inputs.model.experts = 8;
  inputs.model.experts_per_token = 2;
  return inputs;
}

const PhaseMemory& phase(const std::vector<PhaseMemory>& phases, const std::string& name) {
  const auto at = std::find_if(phases.begin(), phases.end(), [&](const auto& one) { return one.phase == name; });
  EXPECT_NE(at, phases.end()) << name;
  return *at;
}

double term(const PhaseMemory& phase, const std::string& begin) {
  for (const MemoryTerm& one : phase.terms) {
    if (one.name.starts_with(begin)) return one.bytes;
  }
  return 0;
}

TEST(MemoryPlan, TheWidestGroupsAreSummedByPanelsUntilTheRestFits) {
  EXPECT_TRUE(MemoryPlan(quarter_of_70b(), 8 * kGiB, true).by_panels().empty());
  const MemoryPlan small(quarter_of_70b(), 1.5 * kGiB, true);
  EXPECT_EQ(small.by_panels(), std::set<GroupRole>{GroupRole::down});
  EXPECT_NO_THROW(small.demand());
  MemoryInputs prepared = quarter_of_70b();
  prepared.options.center_activations = true;  // one rank needs the whole moments of a group
  EXPECT_TRUE(MemoryPlan(prepared, 1.5 * kGiB, true).by_panels().empty());
}

// The last of the ten panels has a third of the rows of the others.
TEST(MemoryPlan, CountsTheLargestPanel) {
  const MemoryPlan plan(quarter_of_70b(), 1.5 * kGiB, true);
  EXPECT_GE(term(phase(plan.phases(), "calibrate: use sums"), "a panel of sums"), 8.0 * 768 * 7168 * 2 * 0.9);
}

TEST(MemoryPlan, HiddenStatesStayWhileSolvesAreDone) {
  const MemoryPlan plan(quarter_of_70b(), 8 * kGiB, true);
  EXPECT_GE(term(phase(plan.phases(), "solve"), "hidden states"), 4.0 * 8 * 1024 * 2048);
}

TEST(MemoryPlan, SmoothingPassesTheTokensThroughTheBlocksBefore) {
  MemoryInputs inputs = quarter_of_70b();
  inputs.options.smooth = 0.8;
  const MemoryPlan plan(inputs, 8 * kGiB, true);
  const PhaseMemory& smooth = phase(plan.phases(), "smooth");
  EXPECT_GE(term(smooth, "hidden states"), 4.0 * 8 * 1024 * 2048);
  EXPECT_GE(term(smooth, "block weights"), 4.0 * 3 * 2048 * 7168);
  EXPECT_GE(term(smooth, "activations"), 4.0 * 4096 * 7168);
}

TEST(MemoryPlan, ASecondStreamAndItsStageAreCounted) {
  MemoryInputs inputs = quarter_of_70b();
  inputs.options.propagate = Propagated::quantized;
  const MemoryPlan plan(inputs, 64 * kGiB, true);
  const PhaseMemory& down = phase(plan.phases(), "propagate down: solve");
  EXPECT_GE(term(down, "hidden states"), 2 * 4.0 * 8 * 1024 * 2048);
  EXPECT_GE(term(down, "inputs of a stage"), 2 * 4.0 * 8 * 1024 * 7168);
  EXPECT_GE(term(phase(plan.phases(), "propagate down: forward"), "sums of moments"), 12.0 * 7168 * 7168);
}

TEST(MemoryPlan, ExpertsThatSeeFewTokensAreCountedWhenTheyAreKnown) {
  MemoryPlan plan(mixtral(), 64 * kGiB, true);
  EXPECT_GE(term(phase(plan.phases(), "calibrate: forward"), "experts that see few tokens"), 8 * 16.0 * 7168 * 7168)
      << "8,192 tokens an expert are fewer than 2·7168";
  MemoryInputs enough = mixtral();
  enough.options.min_expert_tokens = 1000;
  MemoryPlan even(enough, 64 * kGiB, true);
  EXPECT_EQ(term(phase(even.phases(), "calibrate: forward"), "experts that see few tokens"), 0);
  const double before = even.peak();
  even.expect({{GroupRole::down, 3}}, 0);
  EXPECT_GE(even.peak(), before + 3 * 16.0 * 7168 * 7168);
  MemoryPlan tight(enough, before, true);
  EXPECT_NO_THROW(tight.demand());
  EXPECT_THROW(tight.expect({{GroupRole::down, 3}}, 0), InputError);
}

TEST(MemoryPlan, WithoutALimitOfTheUserItOnlyWarns) {
  EXPECT_THROW(MemoryPlan(quarter_of_70b(), kGiB / 2, true).demand(), InputError);
  EXPECT_NO_THROW(MemoryPlan(quarter_of_70b(), kGiB / 2, false).demand());
}

}  // namespace
}  // namespace lrc
