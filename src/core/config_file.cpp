#include "lrc/core/config_file.hpp"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "lrc/core/error.hpp"

namespace lrc {
namespace {

constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  return text.substr(0, text.find_last_not_of(kSpace) + 1);
}

// "#" within a word, as in a path, is a part of it.
std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts_word = i == 0 || kSpace.find(text[i - 1]) != std::string_view::npos;
    if (starts_word && (text[i] == '#' || text[i] == ';')) return trimmed(text.substr(0, i));
  }
  return trimmed(text);
}

std::string_view value_in(std::string_view text, const std::string& place) {
  text = trimmed(text);
  if (!text.starts_with('"') && !text.starts_with('\'')) return without_comment(text);
  const std::size_t end = text.find(text[0], 1);
  if (end == std::string_view::npos || !without_comment(text.substr(end + 1)).empty())
    throw InputError(place,
                     fmt::format("{} is no value in quotes; behind the closing one stands a comment at most", text));
  return text.substr(1, end - 1);
}

Setting setting_in(std::string_view line, const std::string& place) {
  const std::size_t equals = line.find('=');
  if (line.starts_with('[')) throw InputError(place, fmt::format("'{}' is a section; options stand in none", line));
  if (equals == std::string_view::npos || equals == 0 || line.find('\0') != std::string_view::npos)
    throw InputError(place, fmt::format("'{:.80}' is not of the form NAME = VALUE", line));
  return {.name = std::string(trimmed(line.substr(0, equals))),
          .value = std::string(value_in(line.substr(equals + 1), place)),
          .place = place};
}

}  // namespace

std::vector<Setting> read_config_file(const std::filesystem::path& file) {
  std::ifstream input(file);
  if (!input || std::filesystem::is_directory(file)) throw InputError(file.string(), "the config file can't be read");
  std::vector<Setting> settings;
  std::string line;
  for (int number = 1; std::getline(input, line); ++number) {
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    if (number == 1 && line.starts_with(kMark)) line.erase(0, kMark.size());
    if (without_comment(line).empty()) continue;
    const Setting setting = setting_in(trimmed(line), fmt::format("{}, line {}", file.string(), number));
    const auto before =
        std::find_if(settings.begin(), settings.end(), [&](const Setting& one) { return one.name == setting.name; });
    if (before != settings.end())
      throw InputError(setting.place, fmt::format("{} is set already: {}", setting.name, before->place));
    settings.push_back(setting);
  }
  return settings;
}

}  // namespace lrc
