#include <array>

#include "lrc/core/error.hpp"
#include "lrc/tokenizer/regex.hpp"

namespace lrc {
namespace {

using namespace std::string_view_literals;

// Oniguruma's \w: Unicode's, and the superscripts and fractions of Latin-1.
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE})";

bool is_ascii_punctuation_or_space(char c) {
  return (c >= ' ' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// Walks over a pattern from left to right and writes it in the other syntax.
class Translation {
 public:
  Translation(const std::string& subject, std::string_view pattern) : subject_(subject), rest_(pattern) {}

  std::string run() {
    while (!rest_.empty()) {
      if (rest_[0] == '\\') {
        escape();
      } else if (in_class_) {
        class_member();
      } else {
        outside();
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view construct) const {
    throw InputError(subject_, fmt::format("a pattern uses {}, which lrc does not know in a tokenizer", construct));
  }

  void copy(std::size_t count) {
    out_ += rest_.substr(0, count);
    rest_.remove_prefix(count);
  }

  void replace(std::size_t count, std::string_view by) {
    out_ += by;
    rest_.remove_prefix(count);
  }

  void outside() {
    constexpr std::array kGroups = {"(?:"sv, "(?i:"sv, "(?="sv, "(?!"sv, "(?<="sv, "(?<!"sv, "(?>"sv};
    constexpr std::array kRefused = {"(?"sv, "(*"sv, "{,"sv, "}+"sv, "[]"sv, "[^]"sv};
    for (const auto group : kGroups) {
      if (rest_.starts_with(group)) return copy(group.size());
    }
    for (const auto construct : kRefused) {
      if (rest_.starts_with(construct)) refuse(construct);
    }
    in_class_ = rest_[0] == '[';
    copy(rest_.starts_with("[^") ? 2 : 1);
  }

  void class_member() {
    if (rest_[0] == '[') refuse("[ in a class");
    if (rest_.starts_with("&&")) refuse("&&");
    in_class_ = rest_[0] != ']';
    copy(1);
  }

  void escape() {
    if (rest_.size() < 2) refuse("a \\ at its end");
    const char kind = rest_[1];
    if (kind == 's') return replace(2, R"(\p{White_Space})");
    if (kind == 'S') return replace(2, R"(\P{White_Space})");
    if (kind == 'w') return replace(2, in_class_ ? std::string(kWord) : fmt::format("[{}]", kWord));
    if (kind == 'W' && !in_class_) return replace(2, fmt::format("[^{}]", kWord));
    if (kind == 'p' || kind == 'P') return property();
    if (rest_.starts_with(R"(\x{)")) return copy(3);
    if ("dDrnt"sv.find(kind) == std::string_view::npos && !is_ascii_punctuation_or_space(kind))
      refuse(rest_.substr(0, 2));
    copy(2);
  }

  // \p{Lu}, \p{^Lu}, \p{Han}: one or two letters are a general category, more are a script, or the property Alphabetic.
  void property() {
    const std::size_t end = rest_.find('}');
    if (rest_.size() < 4 || rest_[2] != '{' || end == std::string_view::npos) refuse(rest_.substr(0, 3));
    const std::size_t name = rest_[3] == '^' ? 4 : 3;
    if (end - name <= 2 || rest_.substr(name, end - name) == "Alphabetic") return copy(end + 1);
    replace(end + 1, fmt::format("{}sc:{}", rest_.substr(0, name), rest_.substr(name, end + 1 - name)));
  }

  const std::string& subject_;
  std::string_view rest_;
  std::string out_;
  bool in_class_ = false;
};

}  // namespace

std::string oniguruma_to_pcre2(const std::string& subject, std::string_view pattern) {
  return Translation(subject, pattern).run();
}

std::string escaped_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (is_ascii_punctuation_or_space(c)) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace lrc
