// Where sentencepiece encodes the parts of a text one by one as it encodes the whole.
#pragma once

#include <string_view>

namespace lrc {

/// What a tokenizer.model (a protocol buffer, sentencepiece_model.proto) says about the spaces between words.
struct SentencepieceWords {
  bool stand_alone = false;       ///< whether a text can be cut before every single space
  bool get_space_put_in = false;  ///< whether a text is encoded as if a space stood before it
};

/// Words stand alone where pieces merge (BPE), none has anything before a space, and characters are left as they are.
/// They don't where `file` is damaged, or says what isn't known here.
SentencepieceWords sentencepiece_words(std::string_view file);

}  // namespace lrc
