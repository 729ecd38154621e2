#include <algorithm>

#include "lrc/core/error.hpp"
#include "lrc/io/json.hpp"
#include "lrc/tokenizer/added_tokens.hpp"
#include "lrc/tokenizer/bpe.hpp"
#include "lrc/tokenizer/normalizer.hpp"
#include "lrc/tokenizer/pretokenizer.hpp"
#include "lrc/tokenizer/tokenizer.hpp"
#include "lrc/tokenizer/utf8.hpp"

namespace lrc {
namespace {

using nlohmann::json;

// The ids of words that were seen already; a text repeats its words. Whole paragraphs are not worth remembering.
class WordCache {
 public:
  explicit WordCache(const Bpe& bpe) : bpe_(bpe) {}

  // The ids of a piece, which is cut into words where that changes nothing.
  void append(std::string_view piece, std::vector<std::int32_t>& ids) {
    while (piece.size() > kLongestWord) {
      const std::size_t size = bpe_.shortest_front(piece);
      append_word(piece.substr(0, size), ids);
      piece.remove_prefix(size);
    }
    if (!piece.empty()) append_word(piece, ids);
  }

 private:
  static constexpr std::size_t kLongestWord = 256;

  void append_word(std::string_view word, std::vector<std::int32_t>& ids) {
    if (word.size() > kLongestWord) return append(bpe_.encode(word), ids);
    auto entry = words_.find(word);
    if (entry == words_.end()) entry = words_.emplace(word, bpe_.encode(word)).first;
    append(entry->second, ids);
  }

  static void append(const std::vector<std::int32_t>& word, std::vector<std::int32_t>& ids) {
    ids.insert(ids.end(), word.begin(), word.end());
  }

  const Bpe& bpe_;
  std::unordered_map<std::string, std::vector<std::int32_t>, StringHash, std::equal_to<>> words_;
};

class JsonTokenizer : public Tokenizer {
 public:
  JsonTokenizer(const std::string& subject, const json& description)
      : normalizer_(read_normalizer(subject, description.value("normalizer", json()))),
        pretokenizer_(read_pretokenizer(subject, description.value("pre_tokenizer", json()))),
        bpe_(read_bpe(subject, description.at("model"))),
        tokens_in_text_(subject),
        tokens_in_normalized_(subject) {
    for (const auto& [token, id] : bpe_.vocabulary) largest_id_ = std::max<Index>(largest_id_, id);
    const json added = description.value("added_tokens", json::array());
    for (const json& token : added.get_ref<const json::array_t&>()) insert(subject, token);
  }

  Front encode_front(const TextPart& part) const override {
    if (part.ends) return {encode(replace_invalid_utf8(part.text), part.starts), part.text.size()};
    const std::size_t size = last_cut(part);
    return {encode(part.text.substr(0, size), part.starts), size};
  }

  Index vocabulary_size() const override { return largest_id_ + 1; }

 private:
  void insert(const std::string& subject, const json& token) {
    const auto content = token.at("content").get<std::string>();
    const std::int32_t id = read_token_id(subject, content, token.at("id"));
    const auto in_vocabulary = find_token(bpe_.vocabulary, content);
    if (in_vocabulary.value_or(id) != id) {
      throw InputError(subject, fmt::format("the added token \"{}\" has the id {}, but {} in the vocabulary", content,
                                            id, *in_vocabulary));
    }
    const AddedToken added{id, token.at("single_word").get<bool>(), token.at("lstrip").get<bool>(),
                           token.at("rstrip").get<bool>()};
    if (token.at("normalized").get<bool>()) {
      tokens_in_normalized_.insert(normalizer_->apply(content, true), added);
    } else {
      tokens_in_text_.insert(content, added);
    }
    largest_id_ = std::max<Index>(largest_id_, id);
  }

  std::vector<std::int32_t> encode(std::string_view text, bool starts) const {
    std::vector<std::int32_t> ids;
    WordCache words(bpe_);
    for (const TokenOrText& part : tokens_in_text_.split(text)) {
      if (part.id) {
        ids.push_back(*part.id);
      } else {
        encode_part(std::string(part.text), starts, part.text.data() == text.data(), words, ids);
      }
    }
    return ids;
  }

  // `is_first`: whether nothing stands before it in the text, of which the start is there only where `starts`.
  void encode_part(std::string part, bool starts, bool is_first, WordCache& words,
                   std::vector<std::int32_t>& ids) const {
    const std::string text = normalizer_->apply(std::move(part), starts || !is_first);
    std::vector<Piece> pieces;
    for (const TokenOrText& piece : tokens_in_normalized_.split(text)) {
      if (piece.id) {
        ids.push_back(*piece.id);
        continue;
      }
      pieces.clear();
      const bool starts_text = starts && is_first && piece.text.data() == text.data();
      pretokenizer_->append({std::string(piece.text), starts_text}, pieces);
      for (const Piece& word : pieces) words.append(word.text, ids);
    }
  }

  // The last place where `part` can be cut, of those tried: first where words begin, then anywhere. 0: none.
  std::size_t last_cut(const TextPart& part) const {
    const auto is_space = [&](std::size_t at) { return part.text[at] == ' ' || part.text[at] == '\n'; };
    const auto starts_word = [&](std::size_t at) { return is_space(at) && !is_space(at - 1); };
    const std::size_t at = last_cut(part, starts_word);
    return at > 0 ? at : last_cut(part, [](std::size_t) { return true; });
  }

  template <class Predicate>
  std::size_t last_cut(const TextPart& part, const Predicate& is_candidate) const {
    int tries = 32;
    std::size_t at = part.text.size();
    while (at > 0 && (at = last_character(part.text.substr(0, at))) > 0) {
      if (!is_candidate(at)) continue;
      if (can_cut(part, at)) return at;
      if (--tries == 0) return 0;
    }
    return 0;
  }

  bool can_cut(const TextPart& whole, std::size_t at) const {
    const auto part = tokens_in_text_.part_around(whole.text, at);
    if (!part) return false;
    const bool is_first = part->begin == 0;
    std::string before(whole.text.substr(part->begin, at - part->begin)), after(whole.text.substr(at, part->end - at));
    if (!normalizer_->cut(before, after, whole.starts || !is_first)) return false;
    const auto piece = tokens_in_normalized_.part_around(before + after, before.size());
    if (!piece) return false;
    const bool starts_text = whole.starts && is_first && piece->begin == 0;
    Place place{{before.substr(piece->begin), starts_text}, after.substr(0, piece->end - before.size())};
    const Cut cut = pretokenizer_->cut(place);
    return cut == Cut::between || (cut == Cut::within && bpe_.can_cut(place.before.text, place.after));
  }

  SharedNormalizer normalizer_;
  SharedPreTokenizer pretokenizer_;
  Bpe bpe_;
  AddedTokens tokens_in_text_, tokens_in_normalized_;
  Index largest_id_ = -1;
};

}  // namespace

std::unique_ptr<Tokenizer> load_json_tokenizer(const std::filesystem::path& file) {
  const json description = read_json_object(file);
  try {
    return std::make_unique<JsonTokenizer>(file.string(), description);
  } catch (const json::exception& error) {
    throw InputError(file.string(), fmt::format("not a tokenizer: {}", error.what()));
  }
}

}  // namespace lrc
