// The ids of a text that is too long to be held in memory.
#pragma once

#include <functional>

#include "lrc/io/text_source.hpp"
#include "lrc/tokenizer/tokenizer.hpp"

namespace lrc {

struct StreamOptions {
  std::size_t most = 0;                     ///< ids; 0: those of the whole text
  std::size_t part = std::size_t{1} << 20;  ///< bytes to be tokenized at a time; more where the text can't be cut
  std::function<void(std::size_t bytes, std::size_t ids)> progress = [](std::size_t, std::size_t) {};  ///< what is done
};

/// What tokenizer.encode() gives for the whole text, or the first of it: no more is read than that takes.
std::vector<std::int32_t> encode_stream(const Tokenizer& tokenizer, TextSource& text,
                                        const StreamOptions& options = {});

}  // namespace lrc
