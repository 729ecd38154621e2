#define PCRE2_CODE_UNIT_WIDTH 8
#include "lrc/tokenizer/regex.hpp"

#include <pcre2.h>

#include <array>

#include "lrc/core/error.hpp"
#include "lrc/tokenizer/utf8.hpp"

namespace lrc {
namespace {

struct Release {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> message{};
  pcre2_get_error_message(error, message.data(), message.size());
  return reinterpret_cast<const char*>(message.data());
}

// Whether what matches may depend on what stands before it: a match of nothing depends on the match before. ^, which
// PCRE2 does not count as looking back, stands in a class otherwise.
bool looks_back(const pcre2_code* code, std::string_view pattern) {
  std::uint32_t characters = 0, matches_nothing = 0;
  pcre2_pattern_info(code, PCRE2_INFO_MAXLOOKBEHIND, &characters);
  pcre2_pattern_info(code, PCRE2_INFO_MATCHEMPTY, &matches_nothing);
  std::size_t anchor = pattern.find('^');
  while (anchor != 0 && anchor != std::string_view::npos &&
         std::string_view("[\\{").find(pattern[anchor - 1]) != std::string_view::npos)
    anchor = pattern.find('^', anchor + 1);
  return characters > 0 || matches_nothing != 0 || anchor != std::string_view::npos;
}

}  // namespace

struct Regex::Code {
  Owned<pcre2_code> owned;
  bool looks_back;
};

Regex::Regex(std::string subject, std::string pattern) : subject_(std::move(subject)), pattern_(std::move(pattern)) {
  const std::string translated = oniguruma_to_pcre2(subject_, pattern_);
  const Owned<pcre2_compile_context> context(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  Owned<pcre2_code> code(pcre2_compile(units(translated), translated.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE,
                                       &error, &offset, context.get()));
  if (!code) throw InputError(subject_, fmt::format("the pattern {} is not usable: {}", pattern_, message_of(error)));
  pcre2_jit_compile(code.get(),
                    PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD);  // where it fails, the interpreter does the work
  const bool back = looks_back(code.get(), pattern_);
  code_ = std::make_shared<const Code>(Code{std::move(code), back});
}

// Of `options`, PCRE2_PARTIAL_HARD ends the search where a match would have to know how the text goes on.
struct Regex::Search {
  std::vector<Span> matches;
  std::size_t end;
};

Regex::Search Regex::search(std::string_view text, std::uint32_t options) const {
  const pcre2_code* code = code_->owned.get();
  const Owned<pcre2_match_data> data(pcre2_match_data_create_from_pattern(code, nullptr));
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
  const auto find = [&](std::size_t from, std::uint32_t more) {
    return pcre2_match(code, units(text), text.size(), from, PCRE2_NO_UTF_CHECK | options | more, data.get(), nullptr);
  };
  std::vector<Span> found;
  for (std::size_t from = 0; from <= text.size();) {
    int result = find(from, 0);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = find(from, PCRE2_NO_JIT);
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result == PCRE2_ERROR_PARTIAL) return {std::move(found), bounds[0]};
    if (result < 0) {
      throw InputError(subject_, fmt::format("the pattern {} fails on the text: {}", pattern_, message_of(result)));
    }
    const Span match{bounds[0], bounds[1]};
    if (match.begin == match.end && !found.empty() && found.back().end == match.end) {
      from += from < text.size() ? utf8_length(text[from]) : 1;
    } else {
      found.push_back(match);
      from = match.end;
    }
  }
  return {std::move(found), text.size()};
}

std::vector<Span> Regex::matches(std::string_view text) const { return search(text, 0).matches; }

std::optional<Regex::Known> Regex::known_matches(std::string_view text) const {
  if (code_->looks_back) return std::nullopt;
  Search found = search(text, PCRE2_PARTIAL_HARD);
  return Known{std::move(found.matches), found.end};
}

}  // namespace lrc
