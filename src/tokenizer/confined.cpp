#include "lrc/tokenizer/confined.hpp"

#include <limits>

namespace lrc {

Front front_from_child(const std::filesystem::path& file, const char* failure, ChildLimits limits, const TextPart& part,
                       const std::function<Front()>& encode) {
  // The ids, and behind them how many bytes are left; nothing where nothing could be cut off.
  const auto encode_and_count = [&] {
    Front front = encode();
    const std::size_t left = part.text.size() - front.size;
    if ((front.size == 0 && left > 0) || left > std::numeric_limits<std::int32_t>::max())
      return std::vector<std::int32_t>();
    front.ids.push_back(static_cast<std::int32_t>(left));
    return std::move(front.ids);
  };
  std::vector<std::int32_t> ids = ids_from_child(file, failure, limits, encode_and_count);
  if (ids.empty()) return {};
  const auto left = static_cast<std::size_t>(ids.back());
  ids.pop_back();
  return {std::move(ids), part.text.size() - left};
}

}  // namespace lrc
