// Mistral: Llama with a sliding window in every block, where it is set.
#include "lrc/model/family.hpp"

namespace lrc {

const Family kMistral{.name = "mistral", .read = read_sliding_window, .block = dense_block, .max_positions = 131072};

}  // namespace lrc
