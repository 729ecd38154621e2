#include "lrc/tokenizer/normalizer.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>
#include <memory>
#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/tokenizer/utf8.hpp"

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

class Identity : public Normalizer {
 public:
  std::string apply(std::string text, bool) const override { return text; }
  bool cut(std::string&, std::string&, bool) const override { return true; }
};

class Sequence : public Normalizer {
 public:
  Sequence(std::string subject, std::vector<SharedNormalizer> steps)
      : subject_(std::move(subject)), steps_(std::move(steps)) {}

  std::string apply(std::string text, bool starts) const override {
    const std::size_t size = text.size();
    for (const SharedNormalizer& step : steps_) {
      text = step->apply(std::move(text), starts);
      check_growth(subject_, size, text.size());
    }
    return text;
  }

  bool cut(std::string& before, std::string& after, bool starts) const override {
    const std::size_t size = before.size() + after.size();
    for (const SharedNormalizer& step : steps_) {
      if (!step->cut(before, after, starts)) return false;
      check_growth(subject_, size, before.size() + after.size());
    }
    return true;
  }

 private:
  std::string subject_;
  std::vector<SharedNormalizer> steps_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}

  std::string apply(std::string text, bool starts) const override {
    if (starts && !text.empty()) text.insert(0, prefix_);
    return text;
  }

  bool cut(std::string& before, std::string&, bool starts) const override {
    before = apply(std::move(before), starts);
    return true;
  }

 private:
  std::string prefix_;
};

class Replace : public Normalizer {
 public:
  Replace(std::string from, std::string to) : from_(std::move(from)), to_(std::move(to)) {}

  std::string apply(std::string text, bool) const override { return replace_all(text, from_, to_); }

  bool cut(std::string& before, std::string& after, bool) const override {
    const std::size_t reach = from_.size() - 1;  // of an occurrence, beyond its first or last byte
    if (after.size() <= reach) return false;
    const std::string around = before.substr(before.size() - std::min(reach, before.size())) + after.substr(0, reach);
    if (around.find(from_) != std::string::npos) return false;
    after.resize(known_size(after));
    before = replace_all(before, from_, to_);
    after = replace_all(after, from_, to_);
    return !before.empty() && !after.empty();
  }

 private:
  // An occurrence may begin in what is left out.
  std::size_t known_size(const std::string& text) const {
    std::size_t end = 0;
    for (std::size_t at = 0; (at = text.find(from_, end)) != std::string::npos;) end = at + from_.size();
    return std::max(end, character_start(text, text.size() - (from_.size() - 1)));
  }

  std::string from_, to_;
};

SharedNormalizer sequence(const std::string& subject, const json& description) {
  std::vector<SharedNormalizer> steps;
  for (const json& step : description.at("normalizers")) steps.push_back(read_normalizer(subject, step));
  return std::make_shared<Sequence>(subject, std::move(steps));
}

SharedNormalizer replace(const std::string& subject, const json& description) {
  const json& pattern = description.at("pattern");
  if (!pattern.contains("String")) {
    throw InputError(subject, "normalizer Replace: the pattern is not a String, the only kind that lrc knows here");
  }
  const auto from = pattern.at("String").get<std::string>();
  if (from.empty()) throw InputError(subject, "normalizer Replace: the pattern is empty");
  const auto to = description.at("content").get<std::string>();
  check_growth(subject, from.size(), to.size());
  return std::make_shared<Replace>(from, to);
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

// Whether nothing that stands before `text` composes with its first character, or changes places with it: in a text
// that is decomposed only marks do, and the vowels and final consonants of Hangul.
bool starts_afresh(std::string_view text, int options) {
  constexpr utf8proc_int32_t kFirstVowel = 0x1160, kLastFinal = 0x11FF;
  utf8proc_int32_t character = 0, boundary_class = 0;
  std::array<utf8proc_int32_t, 32> decomposed{};
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(utf8_length(text[0])), &character);
  const int decompose = (options & ~UTF8PROC_COMPOSE) | UTF8PROC_DECOMPOSE;
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(character, decomposed.data(), static_cast<utf8proc_ssize_t>(decomposed.size()),
                              static_cast<utf8proc_option_t>(decompose), &boundary_class);
  if (count < 1 || count > static_cast<utf8proc_ssize_t>(decomposed.size())) return false;
  const utf8proc_int32_t first = decomposed[0];
  const utf8proc_category_t category = utf8proc_category(first);
  const bool is_mark =
      category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
  return !is_mark && (first < kFirstVowel || first > kLastFinal);
}

class NormalForm : public Normalizer {
 public:
  NormalForm(std::string subject, int options) : subject_(std::move(subject)), options_(options) {}

  // Some lines at a time: utf8proc takes four bytes a character, and nothing composes across the end of a line.
  std::string apply(std::string text, bool) const override {
    constexpr std::size_t kAtATime = std::size_t{1} << 20;
    std::string result;
    for (std::string_view left = text; !left.empty();) {
      const std::size_t end = left.find('\n', kAtATime);
      const std::string_view lines = left.substr(0, end == std::string_view::npos ? end : end + 1);
      append_normal_form(subject_, lines, options_, result);
      left.remove_prefix(lines.size());
    }
    return result;
  }

  bool cut(std::string& before, std::string& after, bool starts) const override {
    if (!starts_afresh(after, options_)) return false;
    const auto from = [&](std::size_t at) { return std::string_view(after).substr(at); };
    std::size_t known = last_character(after);
    while (known > 0 && !starts_afresh(from(known), options_))
      known = last_character(std::string_view(after).substr(0, known));
    if (known == 0) return false;
    after.resize(known);
    before = apply(std::move(before), starts);
    after = apply(std::move(after), starts);
    return true;
  }

 private:
  std::string subject_;
  int options_;
};

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

SharedNormalizer read_normalizer(const std::string& subject, const json& description) {
  if (description.is_null()) return std::make_shared<Identity>();
  const auto type = description.at("type").get<std::string>();
  if (type == "Sequence") return sequence(subject, description);
  if (type == "Prepend") return std::make_shared<Prepend>(description.at("prepend").get<std::string>());
  if (type == "Replace") return replace(subject, description);
  if (const int options = normal_form_options(type)) return std::make_shared<NormalForm>(subject, options);
  throw InputError(subject, fmt::format("normalizer {} is not known; known are Sequence, Prepend, Replace, NFC, NFD, "
                                        "NFKC and NFKD",
                                        type));
}

}  // namespace lrc
