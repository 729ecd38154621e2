// text.txt in other forms. The perplexity is that of the text itself where no other is given.
#include <nlohmann/json.hpp>

#include "odd_input.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

OddInput text(const std::string& name, const std::string& file,
              const std::function<std::string(const std::string& good)>& change,
              const std::vector<std::string>& options = {}) {
  const auto make = [=](const fs::path& directory) {
    const std::string good = file_bytes(directory / "text.txt");
    fs::remove(directory / "text.txt");
    write_file(directory / file, change(good));
  };
  return {.name = name, .make = make, .data = file, .is_text = true, .options = options};
}

std::string same(const std::string& good) { return good; }

std::string json_line(const std::string& document, const std::string& key = "text") {
  return nlohmann::json{{"id", 7}, {key, document}, {"meta", {{"text", "no"}}}}.dump() + "\n";
}

}  // namespace

OddInputs odd_texts() {
  OddInputs all;
  for (const char* file : {"text", "text.md", "text.npz.raw", "TEXT.TXT", "text \xff\xfe.txt", "text 'n \"quotes\""})
    all.push_back(text(std::string("text in ") + file, file, same));
  all.push_back(text("text with a byte order mark", "text.txt", [](const auto& t) { return "\xEF\xBB\xBF" + t; }));
  // The good tokenizer has no token for these, and leaves them out.
  all.push_back(text("text with characters that the tokenizer lacks", "text.txt",
                     [](const auto& t) { return "\xE6\xBC\xA2\xF0\x9F\x8E\x89" + t; }));
  const auto one = [](const auto& t) { return json_line(t); };
  for (const char* file : {"text.jsonl", "text.json", "text.txt", "text"})
    all.push_back(text(std::string("JSON lines in ") + file, file, one));
  all.push_back(text("JSON lines with a byte order mark and empty lines", "text.jsonl",
                     [](const auto& t) { return "\xEF\xBB\xBF\r\n" + json_line(t) + "\n \t\r\n"; }));
  all.push_back(text("JSON lines longer than a piece of text", "text.jsonl", [](const auto& t) {
    std::string many;
    while (many.size() < 1'200'000) many += t;
    return json_line(many) + json_line("more");
  }));
  all.push_back(text("text that is no UTF-8 far beyond what is read", "text.txt", [](const auto& t) {
    std::string many;
    while (many.size() < 4'194'304) many += t;
    return many + "caf\xE9 au lait\n" + t;
  }));
  return all;
}

}  // namespace lrc
