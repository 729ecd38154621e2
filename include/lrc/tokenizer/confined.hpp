// Tokenizing in a child process: a hostile file can make it crash, or take any time and memory.
#pragma once

#include <functional>

#include "lrc/io/child_process.hpp"
#include "lrc/tokenizer/tokenizer.hpp"

namespace lrc {

/// What `encode` makes of `part`, in a child process; errors as of ids_from_child.
Front front_from_child(const std::filesystem::path& file, const char* failure, ChildLimits limits, const TextPart& part,
                       const std::function<Front()>& encode);

}  // namespace lrc
