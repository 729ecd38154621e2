#include "lrc/model/normalizer.hpp"

#include <utf8proc.h>

#include <cassert>
#include <cstdlib>
#include <memory>
#include <vector>

#include "lrc/core/error.hpp"

namespace lrc {
namespace {

using nlohmann::json;

// A file may promise more than memory can hold with a few steps that each double the text. What tokenizers do grows one
// character to at most 18 (NFKD).
constexpr std::size_t kMostGrowth = 64;

void check_growth(const std::string& subject, std::size_t from, std::size_t to) {
  if (to <= kMostGrowth * (from + 1)) return;
  throw InputError(subject, fmt::format("the normalizer makes {} bytes of a text of {} bytes", to, from));
}

Normalizer sequence(const std::string& subject, const json& description) {
  std::vector<Normalizer> steps;
  for (const json& step : description.at("normalizers")) steps.push_back(read_normalizer(subject, step));
  return [subject, steps](std::string text) {
    const std::size_t size = text.size();
    for (const Normalizer& step : steps) {
      text = step(std::move(text));
      check_growth(subject, size, text.size());
    }
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
  const auto to = description.at("content").get<std::string>();
  check_growth(subject, from.size(), to.size());
  return [from, to](const std::string& text) { return replace_all(text, from, to); };
}

// Options of utf8proc; 0: no such form.
int normal_form_options(const std::string& name) {
  if (name == "NFC") return UTF8PROC_STABLE | UTF8PROC_COMPOSE;
  if (name == "NFD") return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE;
  if (name == "NFKC") return UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
  if (name == "NFKD") return UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
  return 0;
}

void append_normal_form(const std::string& subject, std::string_view text, int options, std::string& result) {
  utf8proc_uint8_t* bytes = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &bytes, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(bytes, &std::free);
  if (size < 0) throw InputError(subject, fmt::format("a text can't be normalized: {}", utf8proc_errmsg(size)));
  result.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

// Some lines at a time: utf8proc takes four bytes a character, and nothing composes across the end of a line.
Normalizer normal_form(const std::string& subject, int options) {
  return [subject, options](const std::string& text) {
    constexpr std::size_t kAtATime = std::size_t{1} << 20;
    std::string result;
    for (std::string_view left = text; !left.empty();) {
      const std::size_t end = left.find('\n', kAtATime);
      const std::string_view lines = left.substr(0, end == std::string_view::npos ? end : end + 1);
      append_normal_form(subject, lines, options, result);
      left.remove_prefix(lines.size());
    }
    return result;
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
  if (const int options = normal_form_options(type)) return normal_form(subject, options);
  throw InputError(subject, fmt::format("normalizer {} is not known; known are Sequence, Prepend, Replace, NFC, NFD, "
                                        "NFKC and NFKD",
                                        type));
}

}  // namespace lrc
