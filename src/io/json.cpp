#include "lrc/io/json.hpp"

#include <set>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/io/file.hpp"

namespace lrc {

using nlohmann::json;

json parse_json_object(const std::string& subject, std::string_view text) {
  constexpr int kMaxDepth = 64;
  constexpr std::size_t kMaxParts = 16'000'000;  // values, keys and closing brackets, of some 50 bytes each
  std::size_t parts = 0;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) throw InputError(subject, fmt::format("the JSON is nested deeper than {}", kMaxDepth));
    if (++parts > kMaxParts) throw InputError(subject, fmt::format("the JSON has more than {} parts", kMaxParts));
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second) {
      throw InputError(subject, fmt::format("the JSON has the key {} twice", parsed.dump()));
    }
    return true;
  };
  try {
    json value = json::parse(text.begin(), text.end(), watch);
    if (!value.is_object()) throw InputError(subject, "the JSON is not an object");
    return value;
  } catch (const json::exception& error) {
    throw InputError(subject, fmt::format("not valid JSON: {}", error.what()));
  }
}

json read_json_object(const std::filesystem::path& file, std::uint64_t max_bytes) {
  return parse_json_object(file.string(), read_text(file, max_bytes));
}

}  // namespace lrc
