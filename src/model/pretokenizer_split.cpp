#include "lrc/model/pretokenizer.hpp"

namespace lrc {
namespace {

struct Part {
  Span span;
  bool delimiter = false;
};

// The matches and what lies between them, in order.
std::vector<Part> parts_of(const std::string& text, const Regex& pattern, bool invert) {
  std::vector<Part> parts;
  std::size_t end = 0;
  for (const Span match : pattern.matches(text)) {
    if (end < match.begin) parts.push_back({{end, match.begin}, invert});
    parts.push_back({match, !invert});
    end = match.end;
  }
  if (end < text.size()) parts.push_back({{end, text.size()}, invert});
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

}  // namespace

PreTokenizer split_pretokenizer(const Regex& pattern, SplitBehavior behavior, bool invert) {
  return [=](const Piece& piece) {
    std::vector<Piece> pieces;
    for (const Span span : pieces_of(parts_of(piece.text, pattern, invert), behavior)) {
      if (span.begin == span.end) continue;
      pieces.push_back({piece.text.substr(span.begin, span.end - span.begin), piece.starts_text && span.begin == 0});
    }
    return pieces;
  };
}

}  // namespace lrc
