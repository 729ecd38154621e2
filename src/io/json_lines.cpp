#include <fmt/ranges.h>

#include <vector>

#include "lrc/core/error.hpp"
#include "lrc/io/json.hpp"
#include "lrc/io/text_source.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The lines of a text that aren't white space.
class Lines {
 public:
  explicit Lines(const fs::path& file) : file_(file), text_(open_plain_text(file)) {}

  // False, with an empty `line`, at the end.
  bool next(std::string& line) {
    do {
      if (!next_of_any_kind(line)) return false;
    } while (line.find_first_not_of(" \t\r") == std::string::npos);
    return true;
  }

  // Of the last line.
  std::string place() const { return fmt::format("{}, line {}", file_.string(), number_); }

 private:
  bool next_of_any_kind(std::string& line) {
    constexpr std::size_t kLongest = std::size_t{1} << 28;
    line.clear();
    ++number_;
    while (at_ < piece_.size() || refill()) {
      const std::size_t end = piece_.find('\n', at_);
      line.append(piece_, at_, end - at_);
      at_ = end == std::string::npos ? piece_.size() : end + 1;
      if (end != std::string::npos) return true;
      if (line.size() > kLongest) throw InputError(place(), fmt::format("is longer than {} bytes", kLongest));
    }
    return !line.empty();
  }

  bool refill() {
    at_ = 0;
    return text_->next(piece_);
  }

  fs::path file_;
  std::unique_ptr<TextSource> text_;
  std::string piece_;
  std::size_t at_ = 0;  // in the piece
  std::size_t number_ = 0;
};

bool may_be_object(const std::string& line) { return line[line.find_first_not_of(" \t\r")] == '{'; }

// Of a file, no more is read than that takes: a plain text may be one long line.
bool starts_like_object(const fs::path& file) {
  const std::unique_ptr<TextSource> text = open_plain_text(file);
  std::string piece;
  while (text->next(piece)) {
    const std::size_t at = piece.find_first_not_of(" \t\r\n");
    if (at != std::string::npos) return piece[at] == '{';
  }
  return false;
}

class JsonLines : public TextSource {
 public:
  JsonLines(const fs::path& file, std::string key) : lines_(file), key_(std::move(key)) {}

  bool next(std::string& piece) override {
    constexpr std::size_t kPiece = std::size_t{1} << 20;
    piece.clear();
    while (piece.size() < kPiece && lines_.next(line_)) {
      if (!first_) piece += "\n\n";
      first_ = false;
      piece += document();
    }
    return !piece.empty();
  }

 private:
  std::string document() const {
    if (!may_be_object(line_)) {
      throw InputError(lines_.place(),
                       "is no JSON object; JSON lines have one a line, whose text stands under "
                       "the text key (an array becomes lines by jq -c '.[]')");
    }
    const json record = parse_json_object(lines_.place(), line_);
    const auto at = record.find(key_);
    if (at != record.end() && at->is_string()) return at->get<std::string>();
    if (at != record.end())
      throw InputError(lines_.place(), fmt::format("has {} under '{}', not a string", at->type_name(), key_));
    std::vector<std::string> keys;
    for (const auto& [key, value] : record.items()) keys.push_back(key);
    throw InputError(lines_.place(),
                     fmt::format("has no '{}' (the text key); its keys are {}", key_, fmt::join(keys, ", ")));
  }

  Lines lines_;
  std::string key_, line_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<TextSource> open_json_lines(const fs::path& file, const std::string& key) {
  return std::make_unique<JsonLines>(file, key);
}

bool starts_with_json_line(const fs::path& file, const std::string& key) {
  if (!starts_like_object(file)) return false;
  Lines lines(file);
  std::string line;
  lines.next(line);
  const json record = json::parse(line, nullptr, false);
  const auto at = record.is_object() ? record.find(key) : record.end();
  return at != record.end() && at->is_string();
}

}  // namespace lrc
