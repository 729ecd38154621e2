// Text of any length, read piece by piece.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace lrc {

/// A text that is read once, front to back.
class TextSource {
 public:
  virtual ~TextSource() = default;

  /// Puts the next piece into `piece`: whole characters of valid UTF-8, at least one of them, about a megabyte. Returns
  /// false, with an empty `piece`, at the end. The text is the pieces one behind the other; where one ends means
  /// nothing. Throws InputError naming the file and the place of what is no text.
  virtual bool next(std::string& piece) = 0;
};

/// A plain text in UTF-8, without the byte order mark that it may start with. Throws InputError where the file starts
/// like one of a known binary kind or of another encoding, saying which and how to convert it.
std::unique_ptr<TextSource> open_plain_text(const std::filesystem::path& file);

/// A JSON object a line, whose strings under `key` are documents: they are joined by an empty line ("\n\n"), as texts
/// of WikiText usually are. Lines of white space are skipped.
std::unique_ptr<TextSource> open_json_lines(const std::filesystem::path& file, const std::string& key);

/// Whether the first line that isn't white space is a JSON object with a string under `key`. Throws as open_plain_text.
bool starts_with_json_line(const std::filesystem::path& file, const std::string& key);

}  // namespace lrc
