#include "odd_input.hpp"

namespace lrc {

OddInputs odd_configs() { return {}; }

}  // namespace lrc
