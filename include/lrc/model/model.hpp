// A model as the forward pass wants it: one block at a time, so that memory holds one block whatever the depth.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "lrc/model/block.hpp"
#include "lrc/model/config.hpp"
#include "lrc/model/layout.hpp"

namespace lrc {

class Model {
 public:
  virtual ~Model() = default;

  virtual const ModelConfig& config() const = 0;

  /// The linears of a group of block `index`, 0 ≤ index < config().blocks; `layout` is one of its block's groups.
  virtual LinearGroup group(Index index, const GroupLayout& layout) const = 0;

  /// Scale of the RMSNorm that qkv (or gate_up and the router) reads: hidden_size.
  virtual VectorF norm(Index index, GroupRole reader) const = 0;

  /// Scale of a head's RMSNorm, q_norm or k_norm of the layout: head_dim; empty where `name` is.
  virtual VectorF head_norm(const std::string& name) const = 0;

  /// experts×hidden_size; no rows where block `index` has no router.
  virtual MatrixF router(Index index) const = 0;

  /// Of the KV cache; 16 = not quantized.
  virtual int kv_bits() const { return 16; }

  /// All weights of block `index`.
  Block block(Index index) const;

  /// hidden (tokens×hidden_size) ← the embeddings of `tokens`. Precondition: 0 ≤ token < vocabulary_size.
  virtual void embed(std::span<const std::int32_t> tokens, ViewF hidden) const = 0;

  /// Scale of the last RMSNorm: hidden_size.
  virtual VectorF final_norm() const = 0;

  /// Rows first … first + rows − 1 of lm_head: rows×hidden_size.
  virtual MatrixF head_rows(Index first, Index rows) const = 0;
};

}  // namespace lrc
