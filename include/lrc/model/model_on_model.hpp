// A model on top of another one, which has all that it does not change.
#pragma once

#include <string>

#include "lrc/model/model.hpp"

namespace lrc {

class ModelOnModel : public Model {
 public:
  /// `below` must outlive this.
  explicit ModelOnModel(const Model& below) : below_(below) {}

  const ModelConfig& config() const override { return below_.config(); }
  LinearGroup group(Index index, const GroupLayout& layout) const override { return below_.group(index, layout); }
  VectorF norm(Index index, GroupRole reader) const override { return below_.norm(index, reader); }
  VectorF head_norm(const std::string& name) const override { return below_.head_norm(name); }
  MatrixF router(Index index) const override { return below_.router(index); }
  void embed(std::span<const std::int32_t> tokens, ViewF hidden) const override { below_.embed(tokens, hidden); }
  VectorF final_norm() const override { return below_.final_norm(); }
  MatrixF head_rows(Index first, Index rows) const override { return below_.head_rows(first, rows); }

 protected:
  const Model& below() const { return below_; }

 private:
  const Model& below_;
};

}  // namespace lrc
