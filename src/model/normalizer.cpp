#include "lrc/model/normalizer.hpp"

#include <cassert>
#include <vector>

#include "lrc/core/error.hpp"

namespace lrc {
namespace {

using nlohmann::json;

Normalizer sequence(const std::string& subject, const json& description) {
  std::vector<Normalizer> steps;
  for (const json& step : description.at("normalizers")) steps.push_back(read_normalizer(subject, step));
  return [steps](std::string text) {
    for (const Normalizer& step : steps) text = step(std::move(text));
    return text;
  };
}

Normalizer prepend(const json& description) {
  return [prefix = description.at("prepend").get<std::string>()](std::string text) {
    if (!text.empty()) text.insert(0, prefix);
    return text;
  };
}

Normalizer replace(const std::string& subject, const json& description) {
  const json& pattern = description.at("pattern");
  if (!pattern.contains("String")) {
    throw InputError(subject, "normalizer Replace: the pattern is not a String, the only kind that lrc knows here");
  }
  const auto from = pattern.at("String").get<std::string>();
  if (from.empty()) throw InputError(subject, "normalizer Replace: the pattern is empty");
  return [from, to = description.at("content").get<std::string>()](const std::string& text) {
    return replace_all(text, from, to);
  };
}

}  // namespace

std::string replace_all(const std::string& text, const std::string& pattern, const std::string& content) {
  assert(!pattern.empty());
  std::string result;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = text.find(pattern, from)) != std::string::npos; from = at + pattern.size()) {
    result.append(text, from, at - from).append(content);
  }
  return result.append(text, from);
}

Normalizer read_normalizer(const std::string& subject, const json& description) {
  if (description.is_null()) return [](std::string text) { return text; };
  const auto type = description.at("type").get<std::string>();
  if (type == "Sequence") return sequence(subject, description);
  if (type == "Prepend") return prepend(description);
  if (type == "Replace") return replace(subject, description);
  throw InputError(subject, fmt::format("normalizer {} is not known; known are Sequence, Prepend and Replace", type));
}

}  // namespace lrc
