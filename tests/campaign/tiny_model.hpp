// A model so small that a whole calibration run takes little longer than starting a program.
#pragma once

#include <filesystem>
#include <string>

#include "lrc/core/types.hpp"

namespace lrc {

/// Writes a model directory of random weights: hidden 32, ffn 48, 2 heads, a vocabulary of 64.
void write_tiny_model(const std::filesystem::path& directory, Index blocks, const std::string& family = "llama");

/// Writes random tokens for it: a flat .npy of `count` tokens.
void write_tiny_tokens(const std::filesystem::path& file, Index count);

}  // namespace lrc
