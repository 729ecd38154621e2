// The text of JSON values that lrc writes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lrc {

/// As dump(), but bytes that are no UTF-8, as paths and what the environment says may hold, become U+FFFD: dump()
/// throws there. `indent` below 0: one line.
template <class Json>
std::string json_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lrc
