#include "lrc/plan/space_plan.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <limits>

#include "lrc/core/error.hpp"
#include "lrc/core/log.hpp"
#include "lrc/io/output_place.hpp"

namespace lrc {
namespace fs = std::filesystem;
namespace {

double real(Index value) { return static_cast<double>(value); }

void add_stack(SpacePlan& plan, const CalibrateOptions& options, const LinearStack& stack, Index inputs) {
  const Index rows = stack.rows;
  const Index scales = rows * options.grid().groups(inputs), factors = options.rank(stack, inputs) * (rows + inputs);
  const bool zeros = options.weight_zero_points;
  const double bits = options.stored_weight_bits() * real(rows * inputs) + 16 * real(scales) +
                      real(options.factor_bits) * real(factors) +
                      (zeros ? zero_point_bits(rows, options.grid().groups(inputs), options.stored_weight_bits()) : 0);
  plan.output += bits / 8;
  plan.packed += bits / 8;
  const double factor_bytes = options.factor_bits == 16 ? 4 : 5;  // as floats, and as codes where they have any
  plan.solves += real(rows * inputs) + (zeros ? 5 : 4) * real(scales) + factor_bytes * real(factors);
}

double moments_bytes(const CalibrateOptions& options, Index inputs) {
  return (options.moments == MomentKind::exact ? 8.0 : 2.0) * real(inputs) * real(inputs);
}

// What is below a directory already will be used, or makes room when it is thrown away.
double bytes_below(const fs::path& directory) {
  std::error_code error;
  double bytes = 0;
  for (fs::recursive_directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;
    const auto size = entry->is_regular_file(gone) ? entry->file_size(gone) : 0;
    if (!gone) bytes += static_cast<double>(size);
  }
  return bytes;
}

struct Disk {
  dev_t device = 0;
  double free = 0, for_users = 0;  // infinite where the file system does not say
};

Disk disk_of(const fs::path& directory) {
  constexpr double kUnknown = std::numeric_limits<double>::infinity();
  const fs::path there = existing_above(directory);
  struct stat status {};
  struct statvfs space {};
  if (::stat(there.c_str(), &status) != 0) return {0, kUnknown, kUnknown};
  if (::statvfs(there.c_str(), &space) != 0 || space.f_blocks == 0) return {status.st_dev, kUnknown, kUnknown};
  const auto block = static_cast<double>(space.f_frsize);
  return {status.st_dev, block * static_cast<double>(space.f_bfree), block * static_cast<double>(space.f_bavail)};
}

// `what` needs the bytes of the file system that holds, or will hold, `directory`.
void demand_bytes(const std::string& option, const fs::path& directory, const std::string& what, double least,
                  double most) {
  const Disk disk = disk_of(directory);
  const auto text = [&](double free, const char* how, double bytes) {
    return fmt::format("{} has {} free, but {} will take {} {}: make room, or name a directory elsewhere",
                       existing_above(directory).string(), bytes_text(free), what, how, bytes_text(bytes));
  };
  if (least > disk.free) throw InputError(option, text(disk.free, "at least", least));
  if (most > disk.for_users) log_warning(option + ": " + text(disk.for_users, "up to about", most));
}

}  // namespace

Index window_size(const CalibrateOptions& options, const ModelConfig& model, int ranks) {
  constexpr Index kTasksPerRank = 8;
  Index solves_per_block = 0;
  for (const GroupLayout& group : block_layout(model, 0).groups())
    solves_per_block += static_cast<Index>(stacks_of(group, options.stack_groups).size());
  return std::clamp<Index>(ceil_div(kTasksPerRank * ranks, solves_per_block), 1, model.blocks);
}

SpacePlan space_plan(const CalibrateOptions& options, const ModelConfig& model, int ranks) {
  SpacePlan plan;
  const double tables = 2 * real(model.vocabulary_size) * real(model.hidden_size);
  plan.output = static_cast<double>(size_of(model.dtype.value_or(Dtype::bf16))) * tables;
  double moments = 0;  // of a block
  for (const GroupLayout& group : block_layout(model, 0).groups()) {
    moments += moments_bytes(options, group.inputs());
    for (const LinearStack& stack : stacks_of(group, options.stack_groups)) {
      for (Index block = 0; block < model.blocks; ++block) add_stack(plan, options, stack, group.inputs());
    }
  }
  const double hidden = 4 * real(options.sequences * options.sequence_length) * real(model.hidden_size);
  plan.passing = moments * real(window_size(options, model, ranks)) + 2 * hidden;
  return plan;
}

void demand_space(const CalibrateOptions& options, const ModelConfig& model, int ranks) {
  const SpacePlan plan = space_plan(options, model, ranks);
  const double output = plan.output - bytes_below(OutputPlace(options.output).workshop());
  const double there = bytes_below(options.checkpoint);
  const double least = plan.packed - there, most = plan.solves + plan.passing - there;
  if (disk_of(options.output).device == disk_of(options.checkpoint).device) {
    demand_bytes("--output", options.output, "the output and the checkpoint", output + std::max(least, 0.0),
                 output + std::max(most, 0.0));
  } else {
    demand_bytes("--output", options.output, "the output", output, output);
    demand_bytes("--checkpoint", options.checkpoint, "the checkpoint", least, most);
  }
}

}  // namespace lrc
