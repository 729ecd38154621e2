#include "lrc/core/options.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <cctype>
#include <charconv>
#include <cmath>

#include "lrc/core/suggestion.hpp"

namespace lrc {
namespace {

template <class Number>
Number parse_number(const std::string& name, const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw InputError("--" + name, fmt::format("'{}' is not a number{}", text,
                                              std::is_integral_v<Number> ? " without a fraction" : ""));
  }
  return value;
}

template <class Number>
void check_range(const std::string& name, Number value, Number lowest, Number highest,
                 const std::string& or_else = "") {
  if (value >= lowest && value <= highest) return;
  throw InputError("--" + name,
                   fmt::format("{} is out of range; it may be {} to {}{}", value, lowest, highest, or_else));
}

double parse_bytes(const std::string& name, const std::string& text) {
  constexpr std::string_view kSuffixes = "KMGT";
  const std::size_t suffix = text.empty() ? std::string::npos : kSuffixes.find(text.back());
  const bool bare = suffix == std::string_view::npos;
  double value = 0;
  try {
    value = parse_number<double>(name, bare ? text : text.substr(0, text.size() - 1));
  } catch (const InputError&) {
    throw InputError("--" + name,
                     fmt::format("'{}' is no size; it may be bytes, or such as 1.5G: a number and one of K, M, "
                                 "G, T, which are powers of 1024",
                                 text));
  }
  check_range(name, value, 0.0, 1e18);
  return bare ? value : std::ldexp(value, 10 * (static_cast<int>(suffix) + 1));
}

std::string exact_bytes(double bytes) {
  int power = 0;
  while (power < 4 && bytes >= 1024) {
    bytes /= 1024;
    ++power;
  }
  return fmt::format("{}{}", bytes, power == 0 ? "" : std::string(1, "KMGT"[power - 1]));
}

bool parse_flag(const std::string& name, const std::string& text) {
  std::string word = text;
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (word == "on" || word == "yes" || word == "true" || word == "1") return true;
  if (word == "off" || word == "no" || word == "false" || word == "0") return false;
  throw InputError("--" + name, fmt::format("'{}' is not allowed; it may be on or off", text));
}

}  // namespace

double parse_fraction(const std::string& name, const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return parse_number<double>(name, text);
  return parse_number<double>(name, text.substr(0, slash)) / parse_number<double>(name, text.substr(slash + 1));
}

OptionTable::OptionTable(std::string program, std::string summary)
    : program_(std::move(program)), summary_(std::move(summary)) {}

OptionTable& OptionTable::group(const std::string& title) {
  group_ = title;
  return *this;
}

OptionTable& OptionTable::add(Option option) {
  options_.push_back(std::move(option));
  return *this;
}

OptionTable& OptionTable::path(const std::string& name, std::string& field, const std::string& meaning) {
  return add({.name = name,
              .group = group_,
              .meaning = meaning,
              .shown = [&field] { return field; },
              .assign = [&field](const std::string& text) { field = text; }});
}

OptionTable& OptionTable::number(const std::string& name, Index& field, Index lowest, Index highest,
                                 const std::string& meaning) {
  return add({.name = name,
              .group = group_,
              .meaning = meaning,
              .shown = [&field] { return fmt::format("{}", field); },
              .assign =
                  [=, &field](const std::string& text) {
                    const auto value = parse_number<Index>(name, text);
                    check_range(name, value, lowest, highest);
                    field = value;
                  }});
}

OptionTable& OptionTable::real(const std::string& name, double& field, double lowest, double highest,
                               const std::string& meaning) {
  return real_or(name, field, lowest, highest, {}, meaning);
}

OptionTable& OptionTable::real_or(const std::string& name, double& field, double lowest, double highest,
                                  const Words<double>& words, const std::string& meaning) {
  const auto shown = [=, &field] {
    for (const auto& [word, value] : words) {
      if (value == field) return word;
    }
    return fmt::format("{}", field);
  };
  const auto assign = [=, &field](const std::string& text) {
    for (const auto& [word, value] : words) {
      if (word == text) {
        field = value;
        return;
      }
    }
    double value = 0;
    try {
      value = parse_fraction(name, text);
    } catch (const InputError&) {
      if (words.empty()) throw;
      throw InputError("--" + name, fmt::format("'{}' is neither a number nor {}", text, words.front().first));
    }
    check_range(name, value, lowest, highest, words.empty() ? "" : ", or " + words.front().first);
    field = value;
  };
  return add({.name = name, .group = group_, .meaning = meaning, .shown = shown, .assign = assign});
}

OptionTable& OptionTable::bytes(const std::string& name, double& field, const std::string& meaning) {
  return add({.name = name,
              .group = group_,
              .meaning = meaning,
              .shown = [&field] { return exact_bytes(field); },
              .assign = [=, &field](const std::string& text) { field = parse_bytes(name, text); }});
}

OptionTable& OptionTable::one_of(const std::string& name, const std::vector<std::string>& words,
                                 const std::string& meaning, std::function<std::string()> shown,
                                 const std::function<void(std::size_t)>& assign) {
  return add({.name = name,
              .group = group_,
              .meaning = fmt::format("{} [{}]", meaning, fmt::join(words, ", ")),
              .shown = std::move(shown),
              .assign = [=](const std::string& text) {
                const auto at = std::find(words.begin(), words.end(), text);
                if (at == words.end())
                  throw InputError("--" + name, fmt::format("'{}' is not allowed; it may be {}{}", text,
                                                            fmt::join(words, ", "), did_you_mean(text, words)));
                assign(static_cast<std::size_t>(at - words.begin()));
              }});
}

OptionTable& OptionTable::flag(const std::string& name, bool& field, const std::string& meaning) {
  return add({.name = name,
              .group = group_,
              .meaning = meaning,
              .shown = [&field] { return std::string(field ? "on" : "off"); },
              .assign = [=, &field](const std::string& text) { field = parse_flag(name, text); },
              .is_flag = true});
}

OptionTable& OptionTable::renamed(const std::string& before, const std::string& now) {
  renamed_[before] = now;
  return *this;
}

const OptionTable::Option* OptionTable::find(const std::string& name) const {
  const auto at =
      std::find_if(options_.begin(), options_.end(), [&](const Option& option) { return option.name == name; });
  return at == options_.end() ? nullptr : &*at;
}

std::string OptionTable::help() const {
  std::string text =
      fmt::format("{}: {}\n\nUsage: {} [--config FILE] [--option VALUE ...]\n", program_, summary_, program_);
  std::string group;
  for (const Option& option : options_) {
    if (option.group != group) text += fmt::format("\n{}:\n", group = option.group);
    const std::string shown = option.when_not_given.empty() ? option.shown() : option.when_not_given;
    text += fmt::format("  --{:<24} {}{}\n", option.name, option.meaning,
                        shown.empty() ? "" : fmt::format(" (default {})", shown));
  }
  text += "\nOther:\n";
  text += fmt::format(
      "  --{:<24} an ini file of these options, a line NAME = VALUE each; # and ; begin comments at a "
      "line's start or behind white space, quotes around a value keep them; the command line wins\n",
      "config");
  return text + fmt::format("  --{:<24} this page\n  --{:<24} the version\n", "help, -h", "version");
}

void OptionTable::describe_default(const std::string& name, const std::string& text) {
  const auto at = std::find_if(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
  assert(at != options_.end());
  at->when_not_given = text;
}

void OptionTable::demand(const std::string& name, const std::vector<std::string>& allowed, const std::string& asking) {
  const Option* option = find(name);
  assert(option && !allowed.empty());
  const std::string before = option->shown();
  for (const std::string& value : allowed) {
    option->assign(value);
    if (!given(name) || option->shown() == before) return;
  }
  throw InputError("--" + name,
                   fmt::format("{} does not go with {}; it must be {}", before, asking, fmt::join(allowed, " or ")));
}

void OptionTable::prefer(const std::string& name, const std::string& value) {
  const Option* option = find(name);
  assert(option);
  if (!given(name)) option->assign(value);
}

nlohmann::ordered_json OptionTable::effective() const {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  for (const Option& option : options_) values[option.name] = option.shown();
  return values;
}

bool OptionTable::given(const std::string& name) const {
  return std::find(given_.begin(), given_.end(), name) != given_.end();
}

}  // namespace lrc
