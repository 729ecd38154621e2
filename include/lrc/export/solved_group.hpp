// A solved group of linears as the exported model will have it: the same bits as when StoredModel reads it back, so
// that what is measured behind it is what comes at run time.
#pragma once

#include "lrc/export/exporter.hpp"

namespace lrc {

/// What the export rounds to.
struct ExportDtypes {
  Dtype biases = Dtype::f32;
  Dtype adapter = Dtype::f16;  ///< its factors
};

/// `group`: the calibrated model's, whose weights are replaced; `solved`: each stack's solve. Throws Error where a
/// solve does not have the size of its linears.
LinearGroup solved_group(LinearGroup group, const GroupLayout& layout, const QuantizedFormat& format,
                         ExportDtypes dtypes, const std::function<QuantizedStack(const std::string& stack)>& solved);

/// What the inputs of a solve are quantized by. Precondition: has_input_grids(format). Throws Error where the solve has
/// no range.
ActivationGrid input_grid(const QuantizedStack& solved, const QuantizedFormat& format);

/// (U Vᵀ)(H x) = U (Hᵀ V)ᵀ x, or with inputs as rows x H: V becomes H V. Its rows: rank×d_in, from v (d_in×rank).
MatrixF unrotated(const MatrixF& v, const HadamardTransform* rotation);

}  // namespace lrc
