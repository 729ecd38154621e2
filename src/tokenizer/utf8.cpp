#include "lrc/tokenizer/utf8.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

bool between(unsigned char byte, int low, int high) { return byte >= low && byte <= high; }

// The length that the first byte of a character promises; 0 where no character starts so.
std::size_t promised_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (between(lead, 0xC2, 0xDF)) return 2;
  if (between(lead, 0xE0, 0xEF)) return 3;
  return between(lead, 0xF0, 0xF4) ? 4 : 0;
}

// Whether `byte` may follow `lead`: overlong forms, surrogates and what lies above U+10FFFF are cut off here.
bool may_be_second(unsigned char lead, unsigned char byte) {
  const int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return between(byte, low, high);
}

// How many bytes at the front of `bytes` make a character, or the beginning of one.
std::size_t well_formed_length(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const std::size_t end = std::min(promised_length(at(0)), bytes.size());
  if (end < 2) return end;
  if (!may_be_second(at(0), at(1))) return 1;
  std::size_t length = 2;
  while (length < end && between(at(length), 0x80, 0xBF)) ++length;
  return length;
}

}  // namespace

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = well_formed_length(bytes);
    const bool whole = length > 0 && length == promised_length(static_cast<unsigned char>(bytes[0]));
    text += whole ? bytes.substr(0, length) : std::string_view("\xEF\xBF\xBD");
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text;
}

std::size_t character_start(std::string_view text, std::size_t at) {
  while (at > 0 && at < text.size() && between(static_cast<unsigned char>(text[at]), 0x80, 0xBF)) --at;
  return at;
}

std::size_t last_character(std::string_view text) {
  assert(!text.empty());
  return character_start(text, text.size() - 1);
}

}  // namespace lrc
