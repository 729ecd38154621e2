#include "lrc/model/pretokenizer.hpp"

#include <array>
#include <map>

#include "lrc/core/error.hpp"
#include "lrc/model/normalizer.hpp"
#include "lrc/model/utf8.hpp"

namespace lrc {
namespace {

using nlohmann::json;

// Cuts words, with the space before them, from GPT-2 on.
constexpr const char* kByteLevelPattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

std::string utf8_of(int code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

// A visible character for every byte: itself where Latin-1 has one, else the next from U+0100 on.
std::array<std::string, 256> visible_bytes() {
  std::array<std::string, 256> table;
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    table.at(static_cast<std::size_t>(byte)) = utf8_of(visible ? byte : next++);
  }
  return table;
}

Piece to_visible_bytes(const Piece& piece) {
  static const std::array<std::string, 256> kTable = visible_bytes();
  Piece visible{{}, piece.starts_text};
  for (const char byte : piece.text) visible.text += kTable[static_cast<unsigned char>(byte)];
  return visible;
}

PreTokenizer byte_level(const std::string& subject, const json& description) {
  const bool add_prefix_space = description.at("add_prefix_space").get<bool>();
  PreTokenizer words = [](const Piece& piece) { return std::vector{piece}; };
  if (description.value("use_regex", true)) {
    words = split_pretokenizer(Regex(subject, kByteLevelPattern), SplitBehavior::isolated, false);
  }
  return [=](Piece piece) {
    if (add_prefix_space && piece.text[0] != ' ') piece.text = " " + piece.text;
    std::vector<Piece> pieces = words(piece);
    for (Piece& word : pieces) word = to_visible_bytes(word);
    return pieces;
  };
}

PreTokenizer digits(const std::string& subject, const json& description) {
  const bool individual = description.value("individual_digits", false);
  return split_pretokenizer(Regex(subject, individual ? R"(\p{N})" : R"(\p{N}+)"), SplitBehavior::isolated, false);
}

PreTokenizer split(const std::string& subject, const json& description) {
  const std::map<std::string, SplitBehavior> behaviors = {{"Isolated", SplitBehavior::isolated},
                                                          {"Removed", SplitBehavior::removed},
                                                          {"MergedWithPrevious", SplitBehavior::merged_with_previous},
                                                          {"MergedWithNext", SplitBehavior::merged_with_next},
                                                          {"Contiguous", SplitBehavior::contiguous}};
  const auto name = description.at("behavior").get<std::string>();
  const auto behavior = behaviors.find(name);
  if (behavior == behaviors.end()) {
    throw InputError(subject, fmt::format("pre_tokenizer Split: behavior {} is not known", name));
  }
  const json& pattern = description.at("pattern");
  const bool is_regex = pattern.contains("Regex");
  const auto text = pattern.at(is_regex ? "Regex" : "String").get<std::string>();
  if (text.empty()) throw InputError(subject, "pre_tokenizer Split: the pattern is empty");
  return split_pretokenizer(Regex(subject, is_regex ? text : escaped_pattern(text)), behavior->second,
                            description.at("invert").get<bool>());
}

// When the replacement character is put before a piece: "always", "first" (the piece starts the text) or "never".
std::string prepend_scheme(const std::string& subject, const json& description) {
  auto scheme = description.value("prepend_scheme", std::string("always"));
  const bool known = scheme == "always" || scheme == "first" || scheme == "never";
  if (!known || (scheme != "never" && !description.value("add_prefix_space", true))) {
    throw InputError(subject, fmt::format("pre_tokenizer Metaspace: prepend_scheme {} is not known (always, first, "
                                          "never) or contradicts add_prefix_space",
                                          scheme));
  }
  return scheme;
}

PreTokenizer metaspace(const std::string& subject, const json& description) {
  const auto replacement = description.at("replacement").get<std::string>();
  if (replacement.empty() || utf8_length(replacement[0]) != replacement.size()) {
    throw InputError(subject,
                     fmt::format("pre_tokenizer Metaspace: replacement \"{}\" is not one character", replacement));
  }
  const std::string scheme = prepend_scheme(subject, description);
  PreTokenizer words = [](const Piece& piece) { return std::vector{piece}; };
  if (description.value("split", true)) {
    words = split_pretokenizer(Regex(subject, escaped_pattern(replacement)), SplitBehavior::merged_with_next, false);
  }
  return [=](Piece piece) {
    piece.text = replace_all(piece.text, " ", replacement);
    const bool prepend = scheme == "always" || (scheme == "first" && piece.starts_text);
    if (prepend && !piece.text.starts_with(replacement)) piece.text.insert(0, replacement);
    return words(piece);
  };
}

PreTokenizer sequence(const std::string& subject, const json& description) {
  std::vector<PreTokenizer> steps;
  for (const json& step : description.at("pretokenizers")) steps.push_back(read_pretokenizer(subject, step));
  return [steps](const Piece& whole) {
    std::vector<Piece> pieces = {whole};
    for (const PreTokenizer& step : steps) {
      std::vector<Piece> next;
      for (const Piece& piece : pieces) {
        for (Piece& part : step(piece)) next.push_back(std::move(part));
      }
      pieces = std::move(next);
    }
    return pieces;
  };
}

}  // namespace

PreTokenizer read_pretokenizer(const std::string& subject, const json& description) {
  if (description.is_null()) return [](const Piece& piece) { return std::vector{piece}; };
  const auto type = description.at("type").get<std::string>();
  if (type == "Sequence") return sequence(subject, description);
  if (type == "Split") return split(subject, description);
  if (type == "Digits") return digits(subject, description);
  if (type == "ByteLevel") return byte_level(subject, description);
  if (type == "Metaspace") return metaspace(subject, description);
  throw InputError(subject, fmt::format("pre_tokenizer {} is not known; known are Sequence, Split, Digits, ByteLevel "
                                        "and Metaspace",
                                        type));
}

}  // namespace lrc
