// UTF-8: text of unknown origin made valid, and the characters of valid text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lrc {

/// `bytes` with U+FFFD for every maximal invalid part (Unicode 15, section 3.9, "U+FFFD Substitution of Maximal
/// Subparts"), which is what Python's decode("utf-8", "replace") does.
std::string replace_invalid_utf8(std::string_view bytes);

/// Bytes of the character that starts with `lead`. Precondition: `lead` starts a character of valid UTF-8.
constexpr std::size_t utf8_length(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Where the character starts that has the byte at `at`; the end of the text is its own start. Precondition: `text` is
/// valid UTF-8, of which the last character may lack its end.
std::size_t character_start(std::string_view text, std::size_t at);

/// Where the last character of `text` starts. Precondition: `text` is valid UTF-8 and not empty.
std::size_t last_character(std::string_view text);

}  // namespace lrc
