// Byte-pair encoding of one piece of text: start from its characters, merge the pair of best rank, again and again.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
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

inline std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

/// By the ids of the two neighbours.
class MergeTable {
 public:
  void insert(std::int32_t left, std::int32_t right, Merge merge) { table_[pair_key(left, right)] = merge; }
  const Merge* find(std::int32_t left, std::int32_t right) const;

 private:
  std::unordered_map<std::uint64_t, Merge> table_;
};

/// Which characters, single tokens, stand side by side somewhere in what merges make. No merge reaches over a place
/// between two others: what stands on either side of it is encoded alone.
class Neighbours {
 public:
  /// `token` is what a merge makes.
  void insert(const Vocabulary& vocabulary, std::string_view token);
  bool contains(std::int32_t left, std::int32_t right) const { return pairs_.contains(pair_key(left, right)); }

 private:
  std::unordered_set<std::uint64_t> pairs_;
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

  std::optional<Neighbours> neighbours;  ///< nothing where tokens share ids: then merges are not known by their texts

  /// The ids of `piece`. Precondition: it is valid UTF-8.
  std::vector<std::int32_t> encode(std::string_view piece) const;

  /// Whether a piece that has the last character of `before` beside the first of `after` can be cut between them: its
  /// ids are those of both parts. Precondition: neither is empty.
  bool can_cut(std::string_view before, std::string_view after) const;

  /// Bytes of the shortest front of `piece` that can be cut off; all of them where there is none.
  std::size_t shortest_front(std::string_view piece) const;
};

/// Reads the "model" of the tokenizer.json `subject`. Throws InputError naming what is not known or not sound there,
/// and json::exception where a field is missing or of the wrong type.
Bpe read_bpe(const std::string& subject, const nlohmann::json& description);

/// `value` as a token id: an integer from 0 to 2^31−1. Throws InputError naming `subject` and `token`.
std::int32_t read_token_id(const std::string& subject, const std::string& token, const nlohmann::json& value);

}  // namespace lrc
