// Mistral: Llama with a sliding window in every block, where it is set.
#include "lrc/model/families/family.hpp"

namespace lrc {
namespace {

void read(const ConfigReader& config, ModelConfig& model) { read_sliding_window(config, model, 4096); }

}  // namespace

const Family kMistral{.name = "mistral", .read = read, .block = dense_block, .max_positions = 131072, .kv_heads = 8};

}  // namespace lrc
