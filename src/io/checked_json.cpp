#include "lrc/io/checked_json.hpp"

#include "lrc/core/json_text.hpp"
#include "lrc/io/file.hpp"
#include "lrc/io/hash.hpp"

namespace lrc {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 20;

}  // namespace

std::string checked_json_text(const nlohmann::ordered_json& content) {
  const std::string text = json_text(content);
  return json_text(nlohmann::ordered_json{{"content", content}, {"check", hash_bytes(std::as_bytes(std::span(text)))}},
                   1) +
         "\n";
}

std::optional<nlohmann::ordered_json> read_checked_json(const std::filesystem::path& file) {
  const std::string text = read_text(file, kLargestFile);
  const auto parsed = nlohmann::ordered_json::parse(text, nullptr, false);
  if (parsed.is_object() && parsed.contains("content") && checked_json_text(parsed["content"]) == text)
    return parsed["content"];
  return std::nullopt;
}

}  // namespace lrc
