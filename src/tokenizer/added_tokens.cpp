#include "lrc/tokenizer/added_tokens.hpp"

#include <algorithm>
#include <array>

#include "lrc/tokenizer/utf8.hpp"

namespace lrc {
namespace {

using namespace std::string_view_literals;

// Unicode's White_Space.
constexpr std::array kWhiteSpace = {"\t"sv,     "\n"sv,     "\v"sv,     "\f"sv,     "\r"sv,     " "sv,      "\u0085"sv,
                                    "\u00A0"sv, "\u1680"sv, "\u2000"sv, "\u2001"sv, "\u2002"sv, "\u2003"sv, "\u2004"sv,
                                    "\u2005"sv, "\u2006"sv, "\u2007"sv, "\u2008"sv, "\u2009"sv, "\u200A"sv, "\u2028"sv,
                                    "\u2029"sv, "\u202F"sv, "\u205F"sv, "\u3000"sv};

bool is_white_space(std::string_view character) {
  return std::find(kWhiteSpace.begin(), kWhiteSpace.end(), character) != kWhiteSpace.end();
}

// Where the white space at the end of `text` begins, but not before `from`.
std::size_t white_space_before(std::string_view text, std::size_t from) {
  while (text.size() > from && is_white_space(text.substr(last_character(text)))) {
    text.remove_suffix(text.size() - last_character(text));
  }
  return text.size();
}

// Where the white space that starts at `position` ends.
std::size_t white_space_after(std::string_view text, std::size_t position) {
  while (position < text.size() && is_white_space(text.substr(position, utf8_length(text[position])))) {
    position += utf8_length(text[position]);
  }
  return position;
}

}  // namespace

AddedTokens::AddedTokens(const std::string& subject)
    : word_character_(subject, R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])") {}

void AddedTokens::insert(const std::string& content, const AddedToken& token) {
  if (content.empty() || !tokens_.emplace(content, token).second) return;
  std::vector<std::size_t>& lengths = lengths_[content[0]];
  const auto place = std::lower_bound(lengths.begin(), lengths.end(), content.size(), std::greater<>());
  if (place == lengths.end() || *place != content.size()) lengths.insert(place, content.size());
  longest_ = std::max(longest_, content.size());
}

std::optional<AddedTokens::Found> AddedTokens::longest_at(std::string_view text, std::size_t position) const {
  const auto lengths = lengths_.find(text[position]);
  if (lengths == lengths_.end()) return std::nullopt;
  for (const std::size_t length : lengths->second) {
    if (length > text.size() - position) continue;
    const auto token = tokens_.find(text.substr(position, length));
    if (token != tokens_.end()) return Found{{position, position + length}, &token->second};
  }
  return std::nullopt;
}

bool AddedTokens::stands_alone(std::string_view text, Span span) const {
  const auto is_word = [&](std::string_view character) { return !word_character_.matches(character).empty(); };
  const std::string_view before = text.substr(0, span.begin), after = text.substr(span.end);
  return (before.empty() || !is_word(before.substr(last_character(before)))) &&
         (after.empty() || !is_word(after.substr(0, utf8_length(after[0]))));
}

std::vector<TokenOrText> AddedTokens::split(std::string_view text) const {
  std::vector<TokenOrText> parts;
  std::size_t done = 0;  // up to here the text is in `parts`
  for (std::size_t position = 0; position < text.size();) {
    const auto found = longest_at(text, position);
    position = found ? found->span.end : position + 1;
    if (!found || (found->token->single_word && !stands_alone(text, found->span))) continue;
    auto [begin, end] = found->span;
    if (found->token->lstrip) begin = std::max(done, white_space_before(text.substr(0, begin), done));
    if (found->token->rstrip) end = white_space_after(text, end);
    if (done < begin) parts.push_back({text.substr(done, begin - done), std::nullopt});
    // A token of white space may lie wholly in what its neighbour took: then nothing is left of it.
    if (begin < end) parts.push_back({text.substr(begin, end - begin), found->token->id});
    done = end;
  }
  if (done < text.size()) parts.push_back({text.substr(done), std::nullopt});
  return parts;
}

// Whether a token begins or ends at `place`, or reaches over it.
bool AddedTokens::touches_token(std::string_view text, std::size_t place) const {
  for (std::size_t at = place - std::min(place, longest_); at <= place && at < text.size(); ++at) {
    const auto found = longest_at(text, at);
    if (found && found->span.end >= place) return true;
  }
  return false;
}

std::optional<Span> AddedTokens::part_around(std::string_view text, std::size_t place) const {
  // A token may begin in the last bytes, and take the white space before it: none takes any from before the place.
  const std::size_t whole = character_start(text, text.size() - std::min(longest_, text.size()));
  const std::size_t known = white_space_before(text.substr(0, whole), 0);
  if (place >= known || touches_token(text, place)) return std::nullopt;
  std::size_t end = 0;
  for (const TokenOrText& part : split(text)) {
    const std::size_t begin = end;
    end += part.text.size();
    if (end <= place) continue;
    if (part.id || begin == place) return std::nullopt;
    return Span{begin, std::min(end, known)};
  }
  return std::nullopt;
}

}  // namespace lrc
