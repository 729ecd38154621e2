#include <algorithm>

#include "lrc/tokenizer/pretokenizer.hpp"

namespace lrc {
namespace {

struct Part {
  Span span;
  bool delimiter = false;
};

// The matches in a text of `size` bytes and what lies between them, in order.
std::vector<Part> parts_of(const std::vector<Span>& matches, std::size_t size, bool invert) {
  std::vector<Part> parts;
  std::size_t end = 0;
  for (const Span match : matches) {
    if (end < match.begin) parts.push_back({{end, match.begin}, invert});
    parts.push_back({match, !invert});
    end = match.end;
  }
  if (end < size) parts.push_back({{end, size}, invert});
  return parts;
}

// Whether `part` is joined to the one before it.
bool joins(SplitBehavior behavior, const Part& before, const Part& part) {
  switch (behavior) {
    case SplitBehavior::contiguous:
      return before.delimiter == part.delimiter;
    case SplitBehavior::merged_with_previous:
      return part.delimiter && !before.delimiter;
    case SplitBehavior::merged_with_next:
      return before.delimiter && !part.delimiter;
    case SplitBehavior::isolated:
    case SplitBehavior::removed:
      return false;
  }
  return false;
}

std::vector<Span> pieces_of(const std::vector<Part>& parts, SplitBehavior behavior) {
  std::vector<Span> pieces;
  const Part* before = nullptr;
  for (const Part& part : parts) {
    if (behavior == SplitBehavior::removed && part.delimiter) continue;
    if (before != nullptr && joins(behavior, *before, part)) {
      pieces.back().end = part.span.end;
    } else {
      pieces.push_back(part.span);
    }
    before = &part;
  }
  return pieces;
}

class Split : public PreTokenizer {
 public:
  Split(Regex pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void append(Piece whole, std::vector<Piece>& pieces) const override {
    for (const Span span : pieces_of(parts_of(pattern_.matches(whole.text), whole.text.size(), invert_), behavior_)) {
      if (span.begin == span.end) continue;
      pieces.push_back({whole.text.substr(span.begin, span.end - span.begin), whole.starts_text && span.begin == 0});
    }
  }

  // From the place on, a search finds what that of the whole text does, since no match depends on what stands before
  // it.
  Cut cut(Place& place) const override {
    const std::size_t middle = place.before.text.size();
    const std::string text = place.before.text + place.after;
    const auto known = pattern_.known_matches(text);
    if (!known || known->end <= middle || !are_those_before(middle, known->matches, place.before.text))
      return Cut::unknown;
    for (const Span piece : pieces_of(parts_of(known->matches, known->end, invert_), behavior_)) {
      if (piece.end <= middle) continue;
      if (piece.begin >= middle) break;
      place.before = {text.substr(piece.begin, middle - piece.begin), place.before.starts_text && piece.begin == 0};
      place.after = text.substr(middle, piece.end - middle);
      return Cut::within;
    }
    return Cut::between;
  }

 private:
  // Whether what stands before the place has the matches that the whole text has there, and none reaches over it.
  bool are_those_before(std::size_t middle, const std::vector<Span>& of_all, const std::string& before) const {
    const auto over = std::find_if(of_all.begin(), of_all.end(), [&](const Span& m) { return m.end > middle; });
    if (over != of_all.end() && over->begin < middle) return false;
    const auto same = [](const Span& a, const Span& b) { return a.begin == b.begin && a.end == b.end; };
    const std::vector<Span> alone = pattern_.matches(before);
    return std::equal(of_all.begin(), over, alone.begin(), alone.end(), same);
  }

  Regex pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

}  // namespace

SharedPreTokenizer split_pretokenizer(const Regex& pattern, SplitBehavior behavior, bool invert) {
  return std::make_shared<Split>(pattern, behavior, invert);
}

}  // namespace lrc
