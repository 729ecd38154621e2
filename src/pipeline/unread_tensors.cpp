#include "lrc/pipeline/unread_tensors.hpp"

#include <fmt/ranges.h>

#include "lrc/core/log.hpp"

namespace lrc {

void warn_of_unread_tensors(const Communicator& world, const StoredModel& model) {
  constexpr std::size_t kNamed = 4;
  std::vector<std::string> names = model.unread();
  if (names.empty() || !world.is_root()) return;
  const std::size_t count = names.size();
  if (count > kNamed) names.resize(kNamed);
  log_warning(fmt::format("{}: {} of the tensors have no place in a model of its config.json and are not read: {}{}",
                          model.directory().string(), count, fmt::join(names, ", "), count > kNamed ? ", ..." : ""));
}

}  // namespace lrc
