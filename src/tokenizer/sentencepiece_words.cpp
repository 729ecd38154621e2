#include "lrc/tokenizer/sentencepiece_words.hpp"

#include <cstdint>
#include <optional>

namespace lrc {
namespace {

constexpr std::string_view kSpace = "\u2581";  // as pieces have it

struct Field {
  std::uint64_t number = 0, value = 0;  // of an integer
  std::string_view bytes;               // of a text or a message
};

// The fields of a message, one after the other.
class Message {
 public:
  explicit Message(std::string_view bytes) : rest_(bytes) {}

  // Nothing at the end, and where the bytes are no message.
  std::optional<Field> next() {
    const auto key = integer();
    if (!key) return std::nullopt;
    Field field{*key >> 3, 0, {}};
    const std::uint64_t kind = *key & 7;
    const auto size = kind == 1 ? 8 : kind == 5 ? 4 : integer();
    if (!size || (kind != 0 && kind != 1 && kind != 2 && kind != 5)) return std::nullopt;
    field.value = *size;
    if (kind == 0) return field;
    if (*size > rest_.size()) return std::nullopt;
    field.bytes = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return field;
  }

  bool is_done() const { return rest_.empty(); }

 private:
  std::optional<std::uint64_t> integer() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_[0]);
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

// What is said where nothing is said: the defaults of sentencepiece_model.proto.
struct Settings {
  std::uint64_t kind = 1, spaces_end_words = 0;                      // of the trainer
  std::uint64_t adds_space = 1, drops_spaces = 1, marks_spaces = 1;  // of the normalizer
  bool changes_characters = false, has_space_within = false, has_space = false, is_sound = true;
};

void read_piece(Message piece, Settings& settings) {
  while (const auto field = piece.next()) {
    if (field->number != 1) continue;
    std::string_view text = field->bytes;
    settings.has_space = settings.has_space || text == kSpace;
    while (text.starts_with(kSpace)) text.remove_prefix(kSpace.size());
    if (text.find(kSpace) != std::string_view::npos || text.find(' ') != std::string_view::npos)
      settings.has_space_within = true;
  }
  settings.is_sound = settings.is_sound && piece.is_done();
}

void read_trainer(Message trainer, Settings& settings) {
  while (const auto field = trainer.next()) {
    if (field->number == 3) settings.kind = field->value;
    if (field->number == 24) settings.spaces_end_words = field->value;
  }
  settings.is_sound = settings.is_sound && trainer.is_done();
}

void read_normalizer(Message normalizer, Settings& settings) {
  while (const auto field = normalizer.next()) {
    if (field->number == 2) settings.changes_characters = !field->bytes.empty();
    if (field->number == 3) settings.adds_space = field->value;
    if (field->number == 4) settings.drops_spaces = field->value;
    if (field->number == 5) settings.marks_spaces = field->value;
  }
  settings.is_sound = settings.is_sound && normalizer.is_done();
}

Settings read_settings(Message model) {
  Settings settings;
  while (const auto field = model.next()) {
    if (field->number == 1) read_piece(Message(field->bytes), settings);
    if (field->number == 2) read_trainer(Message(field->bytes), settings);
    if (field->number == 3) read_normalizer(Message(field->bytes), settings);
  }
  settings.is_sound = settings.is_sound && model.is_done();
  return settings;
}

}  // namespace

SentencepieceWords sentencepiece_words(std::string_view file) {
  constexpr std::uint64_t kBpe = 2;
  const Settings s = read_settings(Message(file));
  const bool keeps_first_space = s.adds_space != 0 || s.drops_spaces == 0;
  return {.stand_alone = s.is_sound && s.kind == kBpe && s.spaces_end_words == 0 && s.marks_spaces != 0 &&
                         !s.changes_characters && !s.has_space_within && s.has_space && keeps_first_space,
          .get_space_put_in = s.adds_space != 0};
}

}  // namespace lrc
