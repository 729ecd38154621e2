#include "lrc/tokenizer/token_stream.hpp"

#include <algorithm>

#include "lrc/tokenizer/utf8.hpp"

namespace lrc {
namespace {

// A text of which the front is taken off while the rest is still to be read.
class ReadAhead {
 public:
  explicit ReadAhead(TextSource& text) : text_(text) {}

  // The next `size` bytes, less a character that reaches over them, or a few more; what is left of the text, where that
  // is not as much.
  TextPart part(std::size_t size) {
    while (!at_end_ && buffer_.size() <= size) {
      at_end_ = !text_.next(piece_);
      buffer_ += piece_;
    }
    const std::size_t end = std::max(character_start(buffer_, std::min(size, buffer_.size())),
                                     buffer_.empty() ? 0 : utf8_length(buffer_[0]));
    const std::string_view front = std::string_view(buffer_).substr(0, end);
    return {front, is_start_, at_end_ && front.size() == buffer_.size()};
  }

  void take(std::size_t size) {
    buffer_.erase(0, size);
    is_start_ = is_start_ && size == 0;
  }

 private:
  TextSource& text_;
  std::string buffer_, piece_;
  bool is_start_ = true, at_end_ = false;
};

// A text has about four bytes a token.
std::size_t part_size(const StreamOptions& options, std::size_t done) {
  constexpr std::size_t kLeast = std::size_t{1} << 14;
  if (options.most == 0) return options.part;
  return std::min(options.part, std::max(kLeast, 5 * (options.most - done)));
}

}  // namespace

std::vector<std::int32_t> encode_stream(const Tokenizer& tokenizer, TextSource& text, const StreamOptions& options) {
  ReadAhead ahead(text);
  std::vector<std::int32_t> ids;
  std::size_t bytes = 0;
  for (bool ends = false; !ends && (options.most == 0 || ids.size() < options.most);) {
    Front front;
    for (std::size_t size = part_size(options, ids.size()); front.size == 0 && !ends; size *= 2) {
      const TextPart part = ahead.part(size);
      front = tokenizer.encode_front(part);
      ends = part.ends;
    }
    ahead.take(front.size);
    ids.insert(ids.end(), front.ids.begin(), front.ids.end());
    options.progress(bytes += front.size, ids.size());
  }
  if (options.most > 0) ids.resize(std::min(ids.size(), options.most));
  return ids;
}

}  // namespace lrc
