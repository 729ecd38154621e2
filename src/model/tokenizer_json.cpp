#include <algorithm>

#include "lrc/core/error.hpp"
#include "lrc/io/json.hpp"
#include "lrc/model/added_tokens.hpp"
#include "lrc/model/bpe.hpp"
#include "lrc/model/normalizer.hpp"
#include "lrc/model/pretokenizer.hpp"
#include "lrc/model/tokenizer.hpp"
#include "lrc/model/utf8.hpp"

namespace lrc {
namespace {

using nlohmann::json;

// The ids of words that were seen already; a text repeats its words. Whole paragraphs are not worth remembering.
class WordCache {
 public:
  explicit WordCache(const Bpe& bpe) : bpe_(bpe) {}

  void append(const std::string& word, std::vector<std::int32_t>& ids) {
    constexpr std::size_t kLongestWord = 256;
    if (word.size() > kLongestWord) return append(bpe_.encode(word), ids);
    const auto [entry, is_new] = words_.try_emplace(word);
    if (is_new) entry->second = bpe_.encode(word);
    append(entry->second, ids);
  }

 private:
  static void append(const std::vector<std::int32_t>& word, std::vector<std::int32_t>& ids) {
    ids.insert(ids.end(), word.begin(), word.end());
  }

  const Bpe& bpe_;
  std::unordered_map<std::string, std::vector<std::int32_t>> words_;
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

  std::vector<std::int32_t> encode(std::string_view bytes) const override {
    const std::string text = replace_invalid_utf8(bytes);
    std::vector<std::int32_t> ids;
    WordCache words(bpe_);
    for (const TokenOrText& part : tokens_in_text_.split(text)) {
      if (part.id) {
        ids.push_back(*part.id);
      } else {
        encode_part(std::string(part.text), part.text.data() == text.data(), words, ids);
      }
    }
    return ids;
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
      tokens_in_normalized_.insert(normalizer_(content), added);
    } else {
      tokens_in_text_.insert(content, added);
    }
    largest_id_ = std::max<Index>(largest_id_, id);
  }

  void encode_part(std::string part, bool starts_text, WordCache& words, std::vector<std::int32_t>& ids) const {
    const std::string text = normalizer_(std::move(part));
    for (const TokenOrText& piece : tokens_in_normalized_.split(text)) {
      if (piece.id) {
        ids.push_back(*piece.id);
        continue;
      }
      const Piece whole{std::string(piece.text), starts_text && piece.text.data() == text.data()};
      for (const Piece& word : pretokenizer_(whole)) words.append(word.text, ids);
    }
  }

  Normalizer normalizer_;
  PreTokenizer pretokenizer_;
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
