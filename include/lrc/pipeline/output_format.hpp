// What the output is: its number formats, and how many bits a weight takes.
#pragma once

#include "lrc/model/format/quantized_format.hpp"
#include "lrc/pipeline/problem.hpp"

namespace lrc {

QuantizedFormat format_of(const Problem& problem);

}  // namespace lrc
