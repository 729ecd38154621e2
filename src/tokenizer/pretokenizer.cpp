#include "lrc/tokenizer/pretokenizer.hpp"

#include <array>
#include <iterator>
#include <map>
#include <utility>

#include "lrc/core/error.hpp"
#include "lrc/tokenizer/normalizer.hpp"
#include "lrc/tokenizer/utf8.hpp"

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

std::string to_visible_bytes(const std::string& text) {
  static const std::array<std::string, 256> kTable = visible_bytes();
  std::string visible;
  visible.reserve(2 * text.size());
  for (const char byte : text) visible += kTable[static_cast<unsigned char>(byte)];
  return visible;
}

// Leaves the text as it is.
class Identity : public PreTokenizer {
 public:
  void append(Piece whole, std::vector<Piece>& pieces) const override { pieces.push_back(std::move(whole)); }
  Cut cut(Place&) const override { return Cut::within; }
};

class ByteLevel : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, SharedPreTokenizer words)
      : add_prefix_space_(add_prefix_space), words_(std::move(words)) {}

  void append(Piece whole, std::vector<Piece>& pieces) const override {
    add_prefix(whole);
    const std::size_t first = pieces.size();
    words_->append(std::move(whole), pieces);
    for (std::size_t i = first; i < pieces.size(); ++i) pieces[i].text = to_visible_bytes(pieces[i].text);
  }

  // Nothing is put before what stands after the place only where that starts with a space itself.
  Cut cut(Place& place) const override {
    if (add_prefix_space_ && place.after[0] != ' ') return Cut::unknown;
    add_prefix(place.before);
    const Cut cut = words_->cut(place);
    place.before.text = to_visible_bytes(place.before.text);
    place.after = to_visible_bytes(place.after);
    return cut;
  }

 private:
  void add_prefix(Piece& piece) const {
    if (add_prefix_space_ && piece.text[0] != ' ') piece.text.insert(0, " ");
  }

  bool add_prefix_space_;
  SharedPreTokenizer words_;
};

SharedPreTokenizer byte_level(const std::string& subject, const json& description) {
  SharedPreTokenizer words = std::make_shared<Identity>();
  if (description.value("use_regex", true)) {
    words = split_pretokenizer(Regex(subject, kByteLevelPattern), SplitBehavior::isolated, false);
  }
  return std::make_shared<ByteLevel>(description.at("add_prefix_space").get<bool>(), std::move(words));
}

SharedPreTokenizer digits(const std::string& subject, const json& description) {
  const bool individual = description.value("individual_digits", false);
  return split_pretokenizer(Regex(subject, individual ? R"(\p{N})" : R"(\p{N}+)"), SplitBehavior::isolated, false);
}

SharedPreTokenizer split(const std::string& subject, const json& description) {
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

class Metaspace : public PreTokenizer {
 public:
  Metaspace(std::string replacement, std::string scheme, SharedPreTokenizer words)
      : replacement_(std::move(replacement)), scheme_(std::move(scheme)), words_(std::move(words)) {}

  void append(Piece whole, std::vector<Piece>& pieces) const override {
    write_spaces(whole);
    words_->append(std::move(whole), pieces);
  }

  // Nothing is put before what stands after the place where that starts with a space itself.
  Cut cut(Place& place) const override {
    write_spaces(place.before);
    place.after = replace_all(place.after, " ", replacement_);
    if (scheme_ == "always" && !place.after.starts_with(replacement_)) return Cut::unknown;
    return words_->cut(place);
  }

 private:
  void write_spaces(Piece& piece) const {
    piece.text = replace_all(piece.text, " ", replacement_);
    const bool prepend = scheme_ == "always" || (scheme_ == "first" && piece.starts_text);
    if (prepend && !piece.text.starts_with(replacement_)) piece.text.insert(0, replacement_);
  }

  std::string replacement_, scheme_;
  SharedPreTokenizer words_;
};

SharedPreTokenizer metaspace(const std::string& subject, const json& description) {
  const auto replacement = description.at("replacement").get<std::string>();
  if (replacement.empty() || utf8_length(replacement[0]) != replacement.size()) {
    throw InputError(subject,
                     fmt::format("pre_tokenizer Metaspace: replacement \"{}\" is not one character", replacement));
  }
  SharedPreTokenizer words = std::make_shared<Identity>();
  if (description.value("split", true)) {
    words = split_pretokenizer(Regex(subject, escaped_pattern(replacement)), SplitBehavior::merged_with_next, false);
  }
  return std::make_shared<Metaspace>(replacement, prepend_scheme(subject, description), std::move(words));
}

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<SharedPreTokenizer> steps) : steps_(std::move(steps)) {}

  void append(Piece whole, std::vector<Piece>& pieces) const override {
    std::vector<Piece> now = {std::move(whole)}, next;
    for (const SharedPreTokenizer& step : steps_) {
      for (Piece& piece : now) step->append(std::move(piece), next);
      now = std::exchange(next, {});
    }
    std::move(now.begin(), now.end(), std::back_inserter(pieces));
  }

  Cut cut(Place& place) const override {
    for (const SharedPreTokenizer& step : steps_) {
      if (const Cut cut = step->cut(place); cut != Cut::within) return cut;
    }
    return Cut::within;
  }

 private:
  std::vector<SharedPreTokenizer> steps_;
};

SharedPreTokenizer sequence(const std::string& subject, const json& description) {
  std::vector<SharedPreTokenizer> steps;
  for (const json& step : description.at("pretokenizers")) steps.push_back(read_pretokenizer(subject, step));
  return std::make_shared<Sequence>(std::move(steps));
}

}  // namespace

SharedPreTokenizer read_pretokenizer(const std::string& subject, const json& description) {
  if (description.is_null()) return std::make_shared<Identity>();
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
