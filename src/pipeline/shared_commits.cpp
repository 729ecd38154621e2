#include "lrc/pipeline/shared_commits.hpp"

#include <fmt/ranges.h>

#include <sstream>

#include "lrc/core/log.hpp"

namespace lrc {
namespace {

CommittedFiles parsed(const std::string& lines) {
  CommittedFiles committed;
  std::vector<std::string> torn;  // none: the text comes from another rank, not from a disk
  add_journal_text("message", lines, committed, torn);
  return committed;
}

// The texts of all ranks, on every rank.
std::string joined(const Communicator& world, const std::string& mine) {
  return world.broadcast(fmt::format("{}", fmt::join(world.gather(mine), "")));
}

// Without those that are empty, or there already.
std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.insert(line);
  lines.erase("");
  return lines;
}

}  // namespace

void attach_others(const Communicator& world, std::unique_ptr<Checkpoint>& checkpoint,
                   const std::filesystem::path& directory) {
  const std::string committed = world.broadcast(world.is_root() ? journal_text(checkpoint->committed()) : "");
  if (world.is_root()) return;
  checkpoint = std::make_unique<Checkpoint>(Checkpoint::attach(directory, world.rank(), parsed(committed)));
}

void share_commits(const Communicator& world, Checkpoint& checkpoint) {
  checkpoint.learn(joined(world, checkpoint.take_news()));
}

void set_all_damage_aside(const Communicator& world, Checkpoint& checkpoint) {
  share_commits(world, checkpoint);
  world.agree([&] { checkpoint.make_durable(); });
  checkpoint.replace_committed(parsed(joined(world, journal_text(checkpoint.committed()))));  // hidden states, too
  std::string seen;
  world.agree([&] {
    if (!world.is_root()) return;
    checkpoint.set_missing_aside();
    seen = journal_text(checkpoint.committed());
  });
  checkpoint.replace_committed(parsed(world.broadcast(seen)));
  std::string damaged;
  world.agree([&] {
    for (const std::string& name : checkpoint.set_damaged_aside(world.rank(), world.size())) damaged += name + "\n";
  });
  for (const std::string& name : lines_of(joined(world, damaged))) checkpoint.forget(name);
  const std::string warnings = joined(world, fmt::format("{}\n", fmt::join(checkpoint.take_warnings(), "\n")));
  for (const std::string& warning : lines_of(warnings)) log_warning(warning);
}

}  // namespace lrc
