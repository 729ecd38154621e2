#include "memory_plan.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <numeric>

#include "lrc/quantization/code_descent.hpp"

namespace lrc {
namespace {

constexpr double kFloat = sizeof(float), kDouble = sizeof(double), kMiB = 1024.0 * 1024.0;
// The program, its libraries, and what MPI and BLAS keep, by measurement of a model of no size.
constexpr double kProgram = 48 * kMiB, kOfAThread = 16 * kMiB;
constexpr double kLargestPanel = 64 * kMiB;  // of stored moments

double size(const LinearLayout& linear) { return static_cast<double>(linear.rows) * static_cast<double>(linear.cols); }

// Of a group's linears together, and of the largest linear, over all groups of a block.
struct BlockSizes {
  double all = 0, largest_group = 0, largest_linear = 0;
};

BlockSizes sizes_of(const BlockLayout& layout) {
  BlockSizes sizes;
  for (const GroupLayout& group : layout.groups) {
    double together = 0;
    for (const LinearLayout& linear : group.linears) {
      together += size(linear);
      sizes.largest_linear = std::max(sizes.largest_linear, size(linear));
    }
    sizes.all += together;
    sizes.largest_group = std::max(sizes.largest_group, together);
  }
  return sizes;
}

// Channels a token, of what is there at once while a unit goes through attention or an MLP; an expert may see them all.
double activation_channels(const ModelConfig& model) {
  const auto hidden = static_cast<double>(model.hidden_size), inner = static_cast<double>(model.intermediate_size);
  const auto queries = static_cast<double>(model.query_size()), keys = static_cast<double>(model.key_size());
  const double attention = 2 * hidden + std::max(queries + 2 * keys, 0.0) + 2 * queries;
  const double mlp = (model.experts > 0 ? 3 : 2) * hidden + 3 * inner;
  return std::max(attention, mlp);
}

struct Sizes {
  double hidden = 0, unit = 0, shard = 0;  // tokens of a unit, of a rank
  double accumulators = 0, kept = 0, panel = 0;
};

// The sums of a group's channels.
double accumulators(const GroupLayout& group, MomentKind kind) {
  return MomentSums::bytes(kind, group.inputs(), {0, group.inputs()});
}

double largest_panel(const GroupLayout& group, MomentKind kind) {
  const MomentPanels panels{group.inputs()};
  return MomentSums::bytes(kind, group.inputs(), panels.rows(panels.count() - 1));
}

// How much of a rank's tokens reach a group: all, or an expert's share of them.
double share_of_tokens(const ModelConfig& model, const GroupLayout& group) {
  if (group.expert == kNoExpert) return 1;
  return static_cast<double>(model.experts_per_token) / static_cast<double>(model.experts);
}

PhaseMemory measuring(const ModelConfig& model, const CalibrateOptions& options, Index sequences, int ranks,
                      const std::set<GroupRole>& by_panels) {
  const BlockLayout layout = block_layout(model, 0);
  const BlockSizes sizes = sizes_of(layout);
  const MomentKind kind = options.statistics().kind;
  const Index in_unit = sequences_per_unit(options.sequence_length);
  const auto unit = static_cast<double>(std::min(in_unit, sequences) * options.sequence_length);
  const auto shard = unit * static_cast<double>(ceil_div(ceil_div(sequences, in_unit), ranks));
  double sums = 0, kept = 0, panel = 0;
  for (const GroupLayout& group : layout.groups) {
    const double inputs = kFloat * shard * share_of_tokens(model, group) * static_cast<double>(group.inputs());
    if (!by_panels.contains(group.role)) {
      sums += accumulators(group, kind);
      if (options.prepares_inputs()) kept += inputs;
      continue;
    }
    kept += inputs;
    panel = std::max(panel, largest_panel(group, kind) + kFloat * unit * static_cast<double>(group.inputs()));
  }
  const auto hidden = static_cast<double>(model.hidden_size);
  return {"calibrate",
          {{"block weights", kFloat * sizes.all},
           {"rotation of a linear", 2 * kDouble * sizes.largest_linear},
           {"hidden states", kFloat * shard * hidden},
           {"activations of a unit", kFloat * unit * activation_channels(model)},
           {"sums of moments", sums},
           {"kept inputs", kept},
           {"a panel of sums", panel}}};
}

// One linear's solve: of what its ranks hold together an equal part, and a panel of moments; or all, alone.
double solve_bytes(const CalibrateOptions& options, Index d_out, Index d_in) {
  const Index rank = options.largest_rank(d_out, d_in);
  if (const int ranks = options.solve_grid(d_out, d_in).ranks(); ranks > 1) {
    return group_workspace_bytes(options.solve_method(), d_out, d_in, rank) / ranks + 2 * kLargestPanel;
  }
  const auto inputs = static_cast<double>(d_in);
  const double stored = (options.moments == "exact" ? 3 : 1) * kFloat * inputs * inputs;
  const double expanded = 3 * kDouble * inputs * inputs;  // counted in the workspace, too, as far as it is used
  const double descent = options.descent_sweeps > 0 ? descent_workspace_bytes(d_out, d_in) : 0;
  return std::max(stored + expanded,
                  solve_workspace_bytes(options.solve_method(), d_out, d_in, rank) + descent + expanded);
}

PhaseMemory solving(const ModelConfig& model, const CalibrateOptions& options) {
  PhaseMemory worst{"solve", {}};
  const BlockLayout layout = block_layout(model, 0);
  for (const GroupLayout& group : layout.groups) {
    double weights = 0;
    for (const LinearLayout& linear : group.linears) weights += size(linear);
    for (const LinearStack& stack : stacks_of(group, options.stack_groups)) {
      const double weight = static_cast<double>(stack.rows) * static_cast<double>(group.inputs());
      PhaseMemory one{"solve",
                      {{"weights of " + group.name, kFloat * weights + 2 * kDouble * weight},
                       {"solve of " + stack.name, solve_bytes(options, stack.rows, group.inputs())}}};
      if (one.bytes() > worst.bytes()) worst = std::move(one);
    }
  }
  return worst;
}

// The smallest number in the files of a control group and of the host.
double memory_of_host() {
  double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  for (const char* name : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(name);
    double limit = 0;
    if (file >> limit) bytes = std::min(bytes, limit);  // "max" is no number
  }
  return bytes;
}

}  // namespace

double PhaseMemory::bytes() const {
  return std::accumulate(terms.begin(), terms.end(), 0.0,
                         [](double sum, const MemoryTerm& term) { return sum + term.bytes; });
}

double MemoryPlan::peak() const {
  double peak = 0;
  for (const PhaseMemory& phase : phases) peak = std::max(peak, phase.bytes());
  return peak;
}

MemoryPlan MemoryPlan::of(const ModelConfig& model, const CalibrateOptions& options, Index sequences, int ranks,
                          int threads, double limit) {
  const MemoryTerm program{"the program", kProgram + threads * kOfAThread};
  const MemoryTerm tokens{
      "tokens", static_cast<double>(sizeof(std::int32_t)) * static_cast<double>(sequences * options.sequence_length)};
  MemoryPlan plan;
  const auto measure = [&] {
    PhaseMemory phase = measuring(model, options, sequences, ranks, plan.by_panels);
    phase.terms.insert(phase.terms.begin(), {program, tokens});
    return phase;
  };
  // The widest groups first, until the rest fits.
  for (const GroupRole role : {GroupRole::down, GroupRole::gate_up, GroupRole::attention_out, GroupRole::qkv}) {
    if (options.prepares_inputs() || options.allocates_ranks() || measure().bytes() <= limit) break;
    const PhaseMemory before = measure();
    plan.by_panels.insert(role);
    if (measure().bytes() >= before.bytes()) plan.by_panels.erase(role);
  }
  plan.phases = {measure(), solving(model, options)};
  plan.phases.back().terms.insert(plan.phases.back().terms.begin(), {program, tokens});
  return plan;
}

void MemoryPlan::demand(double limit) const {
  for (const PhaseMemory& phase : phases) {
    if (phase.bytes() <= limit) continue;
    std::string terms;
    const MemoryTerm* largest = &phase.terms.front();
    for (const MemoryTerm& term : phase.terms) {
      if (term.bytes > largest->bytes) largest = &term;
      if (term.bytes > 0) terms += fmt::format("{}{} {}", terms.empty() ? "" : ", ", term.name, bytes_text(term.bytes));
    }
    throw InputError(
        "--memory",
        fmt::format("{} a rank will not do: phase '{}' needs {} ({}), most of it for '{}'; take more memory a "
                    "rank, more ranks, or fewer or shorter sequences",
                    bytes_text(limit), phase.phase, bytes_text(phase.bytes()), terms, largest->name));
  }
}

void demand_groups(const ModelConfig& model, const CalibrateOptions& options, int ranks) {
  const BlockLayout layout = block_layout(model, 0);
  for (const GroupLayout& group : layout.groups) {
    for (const LinearStack& stack : stacks_of(group, options.stack_groups)) {
      const int needed = options.solve_grid(stack.rows, group.inputs()).ranks();
      const bool plain = !options.prepares_inputs() && !options.allocates_ranks() && options.factor_bits == 16 &&
                         !options.deflated && options.descent_sweeps == 0 && !options.propagates();
      if (needed == 1 || (plain && needed <= ranks)) continue;
      const std::string why = plain ? fmt::format("but the job has {}; take more ranks or", ranks)
                                    : "which can't prepare inputs, nor use factors in 8 bits, adaptive ranks, "
                                      "--deflated, --descent-sweeps or --propagate quantized; take "
                                      "--paper or";
      throw InputError(
          "--solve-memory",
          fmt::format("with {}, the solve of {} ({}×{}) needs a group of {} ranks, {} more "
                      "memory for a solve",
                      bytes_text(options.solve_memory), stack.name, stack.rows, group.inputs(), needed, why));
    }
  }
}

double memory_of_a_rank(int ranks_on_host) { return 0.9 * memory_of_host() / ranks_on_host; }

double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

std::string bytes_text(double bytes) {
  return bytes >= 1024 * kMiB ? fmt::format("{:.2f} GiB", bytes / kMiB / 1024)
                              : fmt::format("{:.0f} MiB", bytes / kMiB);
}

}  // namespace lrc
