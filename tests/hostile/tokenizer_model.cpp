// tokenizer.model, a protocol buffer of sentencepiece.
#include <fmt/core.h>

#include <cstring>

#include "situation.hpp"
#include "temporary_directory.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 0x7F; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

std::string field(unsigned number, const std::string& bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string field(unsigned number, std::uint64_t value) { return varint(number << 3) + varint(value); }

std::string field(unsigned number, float value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return varint(number << 3 | 5) + bytes;
}

enum PieceType : std::uint8_t { normal = 1, unknown = 2, control = 3 };

std::string piece(const std::string& text, PieceType type = normal) {
  return field(1, field(1, text) + field(2, 0.0F) + field(3, std::uint64_t{type}));
}

// `type`: 1 unigram, 2 BPE.
std::string trainer(std::uint64_t type) { return field(2, field(3, type)); }
std::string normalizer(const std::string& table) { return field(3, field(2, table)); }

const std::string kUnknown = piece("<unk>", unknown);

Situation model(const std::string& name, const std::string& bytes,
                const std::vector<std::string>& named = {"tokenizer.model"}) {
  return {"tokenizer.model " + name, named,
          [=](const fs::path& directory) {
            fs::remove(directory / "model/tokenizer.json");
            write_file(directory / "model/tokenizer.model", bytes);
          },
          "text.txt"};
}

// Letters after so many other pieces that their ids are beyond the model's vocabulary of 64.
std::string too_many_pieces() {
  std::string bytes = kUnknown;
  for (int i = 0; i < 100; ++i) bytes += piece(fmt::format("piece {}", i));
  for (const char letter : std::string("theory")) bytes += piece(std::string(1, letter));
  return bytes + trainer(2) + normalizer("");
}

}  // namespace

Situations tokenizer_model_situations() {
  Situations all;
  for (Situation situation : odd_files("model/tokenizer.model", "text.txt")) {
    const auto make = situation.spoil;
    situation.spoil = [=](const fs::path& directory) {
      fs::remove(directory / "model/tokenizer.json");
      make(directory);
    };
    all.push_back(situation);
  }
  const std::string rest = trainer(2) + normalizer("");
  append(
      all,
      {model("text", "this is no model"), model("zeros", std::string(1000, '\0')),
       model("ones", std::string(1000, '\xFF')), model("without pieces", rest),
       model("without an unknown piece", piece("a") + rest),
       model("with two unknown pieces", kUnknown + piece("x", unknown) + rest),
       model("with a piece twice", kUnknown + piece("a") + piece("a") + rest),
       model("with an empty piece", kUnknown + piece("") + rest),
       model("with a piece that starts with a zero",
             kUnknown + piece(std::string("\0a", 2)) + trainer(1) + normalizer("")),
       model("with a length beyond its end", kUnknown + std::string("\x0A\xFF\xFF\xFF\x7F", 5)),
       model("cut off", (kUnknown + piece("a") + rest).substr(0, 9)), model("deep", repeated("\x0B", 100'000)),
       model("with a short table", kUnknown + piece("a") + trainer(2) + normalizer("\1")),
       model("with a table longer than it is", kUnknown + piece("a") + trainer(2) + normalizer("\xFF\xFF\xFF\x7Fxxxx")),
       model("with a table of ones", kUnknown + piece("a") + trainer(2) +
                                         normalizer(std::string("\0\4\0\0", 4) + std::string(1024, '\xFF') + "x")),
       model("of another model", too_many_pieces(), {"text.txt", "vocabulary of 64"})});
  return all;
}

}  // namespace lrc
