#include "odd_input.hpp"

namespace lrc {

OddInputs odd_texts() { return {}; }

}  // namespace lrc
