// Channels that fall out of line are found before anything is measured (lrc/rotation/equalized_model.hpp).
#pragma once

#include <memory>

#include "lrc/mpi/communicator.hpp"
#include "lrc/rotation/equalized_model.hpp"

namespace lrc {

/// The model with its channels equalized, or nullptr where all are in line. Each rank looks at its share of the blocks.
/// `model` must outlive the result. Collective.
std::unique_ptr<EqualizedModel> equalized(const Communicator& world, const Model& model);

}  // namespace lrc
