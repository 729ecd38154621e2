#include "tiny_model.hpp"

#include <fmt/core.h>

#include <fstream>
#include <random>

#include "random_model.hpp"

namespace lrc {
namespace {

namespace fs = std::filesystem;

constexpr Index kVocabulary = 64;

}  // namespace

void write_tiny_model(const fs::path& directory, Index blocks, const std::string& family) {
  write_random_model(directory,
                     random_model_config(family, {{"num_hidden_layers", blocks}, {"num_attention_heads", 2}}));
}

void write_tiny_tokens(const fs::path& file, Index count) {
  std::string header = fmt::format("{{'descr': '<u2', 'fortran_order': False, 'shape': ({},), }}", count);
  constexpr std::size_t kHeaderBytes = 118;  // with the ten bytes before it a multiple of 64
  header.resize(kHeaderBytes - 1, ' ');
  header += '\n';
  std::ofstream out(file, std::ios::binary);
  out << "\x93NUMPY\x01" << '\0' << static_cast<char>(kHeaderBytes) << '\0' << header;
  std::mt19937 random(2);
  for (Index i = 0; i < count; ++i) out << static_cast<char>(random() % kVocabulary) << '\0';
}

}  // namespace lrc
