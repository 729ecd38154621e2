// The number format of what stays unquantized: embedding, head, norms, biases.
#pragma once

#include "lrc/model/model.hpp"
#include "lrc/mpi/communicator.hpp"

namespace lrc {

/// That of the original, or F32 where it is F16 and can't hold the numbers of `model`, which is to be written:
/// rotations and what is fused or equalized make some larger. Warns then, by name. Collective: each rank looks at its
/// share.
Dtype kept_dtype(const Communicator& world, const Model& model);

}  // namespace lrc
