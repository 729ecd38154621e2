// Byte-pair encoding of one piece of text: start from its characters, merge the pair of best rank, again and again.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace lrc {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

using Vocabulary = std::unordered_map<std::string, std::int32_t, StringHash, std::equal_to<>>;

/// The id of `token`; nothing where the vocabulary does not have it.
std::optional<std::int32_t> find_token(const Vocabulary& vocabulary, std::string_view token);

/// What two neighbouring tokens become, and how early (0 first).
struct Merge {
  std::int32_t rank = 0, result = 0;
};

/// By the ids of the two neighbours.
class MergeTable {
 public:
  void insert(std::int32_t left, std::int32_t right, Merge merge) { table_[key(left, right)] = merge; }
  const Merge* find(std::int32_t left, std::int32_t right) const;

 private:
  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
  }
  std::unordered_map<std::uint64_t, Merge> table_;
};

/// Merges `ids` in place, best rank first and leftmost among equals, until no pair is in the table: O(n log n).
void apply_merges(const MergeTable& merges, std::vector<std::int32_t>& ids);

/// The model of a tokenizer.json.
struct Bpe {
  Vocabulary vocabulary;
  MergeTable merges;
  std::optional<std::int32_t> unknown;  ///< for characters that are not in the vocabulary; without it they are left out
  bool fuse_unknown = false;            ///< whether neighbours that are not known become one token
  bool byte_fallback = false;           ///< whether such a character becomes tokens <0x00> to <0xFF> where they exist
  bool ignore_merges = false;           ///< whether a piece that is a token itself stays whole, whatever the merges

  /// The ids of `piece`. Precondition: it is valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view piece) const;
};

/// Reads the "model" of the tokenizer.json `subject`. Throws InputError naming what is not known or not sound there,
/// and json::exception where a field is missing or of the wrong type.
Bpe read_bpe(const std::string& subject, const nlohmann::json& description);

/// `value` as a token id: an integer from 0 to 2^31−1. Throws InputError naming `subject` and `token`.
std::int32_t read_token_id(const std::string& subject, const std::string& token, const nlohmann::json& value);

}  // namespace lrc
