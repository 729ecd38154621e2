// A block's forward pass in double, by plain loops, with numbers that a test may change: what gradients are checked
// against. Rounding to codes is replaced by what a straight-through gradient is that of: the first pass records what
// the quantizers read and gave; in later ones, what they give moves with what they read where it is not clamped.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "lrc/model/block.hpp"
#include "lrc/model/forward/context.hpp"
#include "lrc/model/forward/router.hpp"

namespace lrc {

struct DoubleLinear {
  MatrixD weight, bias, u, v;  // bias: d_out×1
};
struct DoubleBranch {
  MatrixD v;
  std::vector<MatrixD> u;
  std::size_t first;
};

class DoubleGroup {
 public:
  explicit DoubleGroup(const LinearGroup& group) : group_(&group) {
    for (const Linear& linear : group.linears)
      linears.push_back(
          {linear.weight.cast<double>(), linear.bias.cast<double>(), linear.u.cast<double>(), linear.v.cast<double>()});
    for (const Branch& branch : group.branches) {
      branches.push_back({branch.v.cast<double>(), {}, branch.first});
      for (const MatrixF& u : branch.u) branches.back().u.push_back(u.cast<double>());
    }
  }

  // The outputs of all linears side by side: tokens×Σ d_out.
  MatrixD forward(const MatrixD& x) {
    std::vector<MatrixD> outputs;
    for (const DoubleLinear& linear : linears) {
      outputs.emplace_back(MatrixD::Zero(x.rows(), linear.weight.rows()));
      if (linear.u.cols() > 0) outputs.back() += x * linear.v * linear.u.transpose();
      if (linear.bias.size() > 0) outputs.back().rowwise() += linear.bias.col(0).transpose();
    }
    MatrixD prepared = group_->rotation ? MatrixD(x * group_->rotation->dense()) : x;
    if (group_->mean.size() > 0) prepared.rowwise() -= group_->mean.transpose().cast<double>();
    for (const DoubleBranch& branch : branches) {
      const MatrixD inside = prepared * branch.v;
      for (std::size_t i = 0; i < branch.u.size(); ++i) outputs[branch.first + i] += inside * branch.u[i].transpose();
      if (group_->residual) prepared -= inside * branch.v.transpose();
    }
    prepared = quantized(prepared);
    Index width = 0;
    for (const MatrixD& part : outputs) width += part.cols();
    MatrixD all(x.rows(), width);
    Index column = 0;
    for (std::size_t i = 0; i < outputs.size(); column += outputs[i++].cols())
      all.middleCols(column, outputs[i].cols()) = outputs[i] + prepared * linears[i].weight.transpose();
    return all;
  }

  std::vector<DoubleLinear> linears;
  std::vector<DoubleBranch> branches;

 private:
  MatrixD quantized(const MatrixD& x) {
    if (!group_->quantizer.quantizes()) return x;
    if (read_.size() == 0) {
      read_ = x;
      MatrixF codes = x.cast<float>(), ones = MatrixF::Ones(x.rows(), x.cols());
      group_->quantizer.apply(codes);
      group_->quantizer.backward(x.cast<float>().eval(), ones);
      gave_ = codes.cast<double>();
      passes_ = ones.cast<double>();
    }
    return gave_ + passes_.cwiseProduct(x - read_);
  }

  const LinearGroup* group_;
  MatrixD read_, gave_, passes_;  // tokens×d_in
};

class DoubleBlock {
 public:
  DoubleBlock(const ForwardContext& context, const Block& block)
      : qkv(block.qkv), attention_out(block.attention_out), context_(context), block_(block) {
    for (const Mlp& mlp : block.mlps) {
      gate_up.emplace_back(mlp.gate_up);
      down.emplace_back(mlp.down);
    }
  }

  MatrixD forward(const MatrixD& hidden) {
    const MatrixD middle = hidden + attention_out.forward(attended(normed(hidden, block_.attention_norm)));
    const MatrixD x = normed(middle, block_.mlp_norm);
    return middle + (gate_up.size() == 1 ? mlp(0, x) : experts(x));
  }

  DoubleGroup qkv, attention_out;
  std::vector<DoubleGroup> gate_up, down;

 private:
  MatrixD normed(const MatrixD& x, const VectorF& weight) const {
    MatrixD out = x;
    for (Index row = 0; row < x.rows(); ++row) {
      out.row(row) /= std::sqrt(x.row(row).squaredNorm() / static_cast<double>(x.cols()) +
                                static_cast<double>(context_.config.rms_norm_eps));
      out.row(row) = out.row(row).cwiseProduct(weight.transpose().cast<double>());
    }
    return out;
  }

  // Head `head` of q or k, from column `first` of `qkv` on: normed and turned.
  MatrixD positioned(const MatrixD& all, Index first, Index head, const VectorF& norm) const {
    const Index d = context_.config.head_dim;
    MatrixD x = all.middleCols(first + head * d, d);
    if (norm.size() > 0) x = normed(x, norm);
    MatrixF turned = MatrixF::Zero(x.rows(), d);  // (1, 0) by each position: cosines, sines
    turned.leftCols(d / 2).setOnes();
    context_.rotary.apply(context_.exec, context_.sequence_length, turned);
    const MatrixD a = x.leftCols(d / 2), b = x.rightCols(d / 2), c = turned.leftCols(d / 2).cast<double>(),
                  s = turned.rightCols(d / 2).cast<double>();
    x << a.cwiseProduct(c) - b.cwiseProduct(s), b.cwiseProduct(c) + a.cwiseProduct(s);
    return x;
  }

  MatrixD attended(const MatrixD& x) {
    const ModelConfig& config = context_.config;
    const MatrixD all = qkv.forward(x);
    const Index d = config.head_dim, keys = config.query_size(), values = keys + config.key_size();
    MatrixD out = MatrixD::Zero(x.rows(), keys);
    for (Index head = 0; head < config.heads; ++head) {
      const Index shared = head / (config.heads / config.kv_heads);
      const MatrixD q = positioned(all, 0, head, block_.q_norm), k = positioned(all, keys, shared, block_.k_norm);
      for (Index row = 0; row < x.rows(); ++row) {
        const Index window = block_.window == 0 ? x.rows() : block_.window;
        const Index first = std::max(row / context_.sequence_length * context_.sequence_length, row + 1 - window);
        VectorD weights(row + 1 - first);
        for (Index key = first; key <= row; ++key)
          weights[key - first] = std::exp(q.row(row).dot(k.row(key)) / std::sqrt(static_cast<double>(d)));
        weights /= weights.sum();
        for (Index key = first; key <= row; ++key)
          out.row(row).segment(head * d, d) += weights[key - first] * all.row(key).segment(values + shared * d, d);
      }
    }
    return out;
  }

  MatrixD mlp(std::size_t i, const MatrixD& x) {
    const MatrixD both = gate_up[i].forward(x);
    const Index width = both.cols() / 2;
    const auto gate = both.leftCols(width).array();
    return down[i].forward((gate / (1 + (-gate).exp()) * both.rightCols(width).array()).matrix());
  }

  MatrixD experts(const MatrixD& x) {
    const MatrixD logits = x * block_.router.transpose().cast<double>();
    if (chosen_.empty()) {  // the choice does not move with x
      for (const ExpertTokens& tokens : route(context_.exec, block_.router, block_.experts_per_token, x.cast<float>()))
        chosen_.push_back(tokens.rows);
    }
    VectorD sums = VectorD::Zero(x.rows());
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      for (const Index row : chosen_[i]) sums[row] += std::exp(logits(row, static_cast<Index>(i)));
    }
    MatrixD out = MatrixD::Zero(x.rows(), x.cols());
    for (std::size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i].empty()) continue;
      const MatrixD own = mlp(i, x(chosen_[i], Eigen::all));
      for (std::size_t j = 0; j < chosen_[i].size(); ++j) {
        const Index row = chosen_[i][j];
        out.row(row) += std::exp(logits(row, static_cast<Index>(i))) / sums[row] * own.row(static_cast<Index>(j));
      }
    }
    return out;
  }

  const ForwardContext& context_;
  const Block& block_;
  std::vector<std::vector<Index>> chosen_;  // an expert's tokens
};

}  // namespace lrc
