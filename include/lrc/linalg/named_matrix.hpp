// A matrix that has a name, such as a parameter that is learned.
#pragma once

#include <string>

#include "lrc/linalg/matrix.hpp"

namespace lrc {

struct NamedMatrix {
  std::string name;
  MatrixF values;

  bool operator==(const NamedMatrix&) const = default;
};

}  // namespace lrc
