#include "odd_input.hpp"

namespace lrc {

OddInputs odd_model_files() { return {}; }

}  // namespace lrc
