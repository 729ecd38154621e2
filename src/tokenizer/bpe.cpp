#include "lrc/tokenizer/bpe.hpp"

#include <fmt/core.h>

#include <queue>

#include "lrc/core/types.hpp"
#include "lrc/tokenizer/utf8.hpp"

namespace lrc {
namespace {

constexpr Index kNone = -1;
constexpr std::int32_t kMerged = -1;  // the id of a symbol that went into its left neighbour

struct Symbol {
  std::int32_t id;
  Index previous, next;
};

struct Candidate {
  Merge merge;
  Index position;  // of the left symbol
};

struct ComesLater {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return std::pair(a.merge.rank, a.position) > std::pair(b.merge.rank, b.position);
  }
};

// The tokens <0x..> of a character's bytes; none where one of them is missing.
std::vector<std::int32_t> byte_tokens(const Vocabulary& vocabulary, std::string_view character) {
  std::vector<std::int32_t> ids;
  for (const char byte : character) {
    const auto id = find_token(vocabulary, fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte)));
    if (!id) return {};
    ids.push_back(*id);
  }
  return ids;
}

// A piece as a linked list of symbols, with the merges that its neighbours allow in a queue.
class MergingPiece {
 public:
  MergingPiece(const MergeTable& merges, const std::vector<std::int32_t>& ids) : merges_(merges) {
    const auto size = static_cast<Index>(ids.size());
    symbols_.reserve(ids.size());
    for (Index i = 0; i < size; ++i) {
      symbols_.push_back({ids[static_cast<std::size_t>(i)], i - 1, i + 1 < size ? i + 1 : kNone});
    }
    for (Index i = 0; i < size; ++i) propose(i);
  }

  void run() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      if (is_current(best)) merge(best);
    }
  }

  void write(std::vector<std::int32_t>& ids) const {
    ids.clear();
    for (const Symbol& symbol : symbols_) {
      if (symbol.id != kMerged) ids.push_back(symbol.id);
    }
  }

 private:
  Symbol& at(Index i) { return symbols_[static_cast<std::size_t>(i)]; }

  void propose(Index left) {
    if (left == kNone || at(left).next == kNone) return;
    const Merge* merge = merges_.find(at(left).id, at(at(left).next).id);
    if (merge != nullptr) queue_.push({*merge, left});
  }

  // Whether the neighbours still make the token that was promised when the candidate was queued.
  bool is_current(const Candidate& candidate) {
    const Symbol& left = at(candidate.position);
    if (left.id == kMerged || left.next == kNone) return false;
    const Merge* merge = merges_.find(left.id, at(left.next).id);
    return merge != nullptr && merge->result == candidate.merge.result;
  }

  void merge(const Candidate& candidate) {
    Symbol& left = at(candidate.position);
    Symbol& right = at(left.next);
    left.id = candidate.merge.result;
    left.next = right.next;
    right.id = kMerged;
    if (left.next != kNone) at(left.next).previous = candidate.position;
    propose(left.previous);
    propose(candidate.position);
  }

  const MergeTable& merges_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Candidate, std::vector<Candidate>, ComesLater> queue_;
};

}  // namespace

std::optional<std::int32_t> find_token(const Vocabulary& vocabulary, std::string_view token) {
  const auto found = vocabulary.find(token);
  return found == vocabulary.end() ? std::nullopt : std::optional(found->second);
}

const Merge* MergeTable::find(std::int32_t left, std::int32_t right) const {
  const auto found = table_.find(pair_key(left, right));
  return found == table_.end() ? nullptr : &found->second;
}

void Neighbours::insert(const Vocabulary& vocabulary, std::string_view token) {
  std::optional<std::int32_t> left;
  while (!token.empty()) {
    const std::string_view character = token.substr(0, utf8_length(token[0]));
    token.remove_prefix(character.size());
    const auto right = find_token(vocabulary, character);
    if (left && right) pairs_.insert(pair_key(*left, *right));
    left = right;
  }
}

void apply_merges(const MergeTable& merges, std::vector<std::int32_t>& ids) {
  MergingPiece piece(merges, ids);
  piece.run();
  piece.write(ids);
}

std::vector<std::int32_t> Bpe::encode(std::string_view piece) const {
  std::vector<std::int32_t> ids;
  if (const auto whole = find_token(vocabulary, piece); ignore_merges && whole) return {*whole};
  bool pending = false;  // an unknown token waits: the characters after it may join it
  const auto flush = [&] {
    if (pending) ids.push_back(*unknown);
    pending = false;
  };
  while (!piece.empty()) {
    const std::string_view character = piece.substr(0, utf8_length(piece[0]));
    piece.remove_prefix(character.size());
    if (const auto id = find_token(vocabulary, character)) {
      flush();
      ids.push_back(*id);
      continue;
    }
    const auto bytes = byte_fallback ? byte_tokens(vocabulary, character) : std::vector<std::int32_t>();
    ids.insert(ids.end(), bytes.begin(), bytes.end());
    if (!bytes.empty() || !unknown) continue;
    if (!fuse_unknown) flush();
    pending = true;
  }
  flush();
  apply_merges(merges, ids);
  return ids;
}

bool Bpe::can_cut(std::string_view before, std::string_view after) const {
  if (ignore_merges || !neighbours) return false;
  const auto left = find_token(vocabulary, before.substr(last_character(before)));
  const auto right = find_token(vocabulary, after.substr(0, utf8_length(after[0])));
  return left && right && !neighbours->contains(*left, *right);
}

std::size_t Bpe::shortest_front(std::string_view piece) const {
  if (ignore_merges || !neighbours) return piece.size();
  std::optional<std::int32_t> left;
  for (std::size_t at = 0; at < piece.size(); at += utf8_length(piece[at])) {
    const auto right = find_token(vocabulary, piece.substr(at, utf8_length(piece[at])));
    if (left && right && !neighbours->contains(*left, *right)) return at;
    left = right;
  }
  return piece.size();
}

}  // namespace lrc
