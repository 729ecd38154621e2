// A model whose channels between two linears have sizes of one order: the same function. A channel of up times f and
// its column of down over f, or one of v and its columns of o, are another model of the same function, but not of the
// same quantization: the inputs of down and o share a scale, which one large channel takes from all others, and a small
// column is rounded away. Cross-layer equalization (arXiv 1906.04721, equation 11) makes both sides of a channel equal;
// here it is kept for channels that fall out of the line of the others, which training brings close to it: of the
// models at hand (demo-llama, demo-mixtral, stories260k, SmolLM2-135M) none has one.
#pragma once

#include <vector>

#include "lrc/model/model_on_model.hpp"

namespace lrc {

/// What the channels of a block are multiplied by where they are written, and divided by where they are read. A vector
/// is empty where all are 1.
struct BlockEqualization {
  VectorF values;              ///< of v's outputs: kv_heads·head_dim
  std::vector<VectorF> inner;  ///< of up's outputs, one an MLP: intermediate_size

  bool is_identity() const;
};

/// s_c = √(‖what reads channel c‖ / ‖what writes it‖) would make both equal. The factor of a channel is s_c over the
/// median of all s where that is beyond 3 or 1/3, else 1; and all are multiplied by the power of two next to the median
/// where that is beyond 16 or 1/16 (values that overflow 16 bits otherwise). Empty where all are 1. A channel that one
/// side leaves zero has the factor 1. Preconditions: equal sizes, norms finite and not negative.
VectorF equalizing_factors(const VectorD& written, const VectorD& read);

/// Those of block `index`; reads all of its linears, group by group.
BlockEqualization equalization_of(const Model& model, Index index);

class EqualizedModel : public ModelOnModel {
 public:
  /// `below` must outlive this; `blocks`: equalization_of each block.
  EqualizedModel(const Model& below, std::vector<BlockEqualization> blocks);

  LinearGroup group(Index index, const GroupLayout& layout) const override;

  /// How many channels have a factor, for the log.
  Index channels() const;

 private:
  std::vector<BlockEqualization> blocks_;
};

}  // namespace lrc
