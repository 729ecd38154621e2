#include <limits>

#include "lrc/core/error.hpp"
#include "lrc/tokenizer/bpe.hpp"

namespace lrc {
namespace {

using nlohmann::json;

void refuse_variants(const std::string& subject, const json& description) {
  const auto type = description.value("type", std::string("BPE"));
  if (type != "BPE") throw InputError(subject, fmt::format("model {} is not known; known is BPE", type));
  for (const char* field : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) {
    const json value = description.value(field, json());
    if (!value.is_null() && value != json("")) {
      throw InputError(subject, fmt::format("model: {} = {} is not supported; allowed is null", field, value.dump()));
    }
  }
}

Vocabulary read_vocabulary(const std::string& subject, const json& entries) {
  Vocabulary vocabulary;
  for (const auto& [token, id] : entries.get_ref<const json::object_t&>()) {
    vocabulary.emplace(token, read_token_id(subject, token, id));
  }
  return vocabulary;
}

// The two tokens of a merge, written ["a", "b"] or "a b".
std::pair<std::string, std::string> read_pair(const std::string& subject, const json& merge) {
  if (merge.is_array() && merge.size() == 2) return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  if (merge.is_string()) {
    const auto text = merge.get<std::string>();
    const std::size_t space = text.find(' ');
    if (space != std::string::npos && space == text.rfind(' ')) return {text.substr(0, space), text.substr(space + 1)};
  }
  throw InputError(subject, fmt::format("merge {} is not a pair of tokens", merge.dump()));
}

std::int32_t known_token(const std::string& subject, const Vocabulary& vocabulary, const std::string& token,
                         const std::string& what) {
  if (const auto id = find_token(vocabulary, token)) return *id;
  throw InputError(subject, fmt::format("{}: the token \"{}\" is not in the vocabulary", what, token));
}

bool has_unique_ids(const Vocabulary& vocabulary) {
  std::unordered_set<std::int32_t> ids;
  for (const auto& [token, id] : vocabulary) ids.insert(id);
  return ids.size() == vocabulary.size();
}

void read_merges(const std::string& subject, const json& list, Bpe& bpe) {
  const Vocabulary& vocabulary = bpe.vocabulary;
  if (has_unique_ids(vocabulary)) bpe.neighbours.emplace();
  std::int32_t rank = 0;
  for (const json& merge : list.get_ref<const json::array_t&>()) {
    const auto [left, right] = read_pair(subject, merge);
    const auto id = [&](const std::string& token) {
      return known_token(subject, vocabulary, token, fmt::format("merge {}", rank));
    };
    const std::int32_t left_id = id(left), right_id = id(right);
    bpe.merges.insert(left_id, right_id, {rank, id(left + right)});
    if (bpe.neighbours) bpe.neighbours->insert(vocabulary, left + right);
    ++rank;
  }
}

}  // namespace

std::int32_t read_token_id(const std::string& subject, const std::string& token, const json& value) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int32_t>::max();
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kLargest) {
    throw InputError(subject, fmt::format("the token \"{}\" has the id {}; allowed are integers from 0 to {}", token,
                                          value.dump(), kLargest));
  }
  return value.get<std::int32_t>();
}

Bpe read_bpe(const std::string& subject, const json& description) {
  refuse_variants(subject, description);
  Bpe bpe;
  bpe.vocabulary = read_vocabulary(subject, description.at("vocab"));
  read_merges(subject, description.at("merges"), bpe);
  bpe.fuse_unknown = description.value("fuse_unk", false);
  bpe.byte_fallback = description.value("byte_fallback", false);
  bpe.ignore_merges = description.value("ignore_merges", false);
  if (const json unknown = description.value("unk_token", json()); !unknown.is_null()) {
    bpe.unknown = known_token(subject, bpe.vocabulary, unknown.get<std::string>(), "unk_token");
  }
  return bpe;
}

}  // namespace lrc
