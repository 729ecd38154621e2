#include "lrc/model/forward/tape.hpp"

namespace lrc {
namespace {

MlpTape& tape_of(const Block& block, const LinearGroup& group, BlockTape& tape) {
  std::size_t i = 0;
  while (&block.mlps[i].gate_up != &group && &block.mlps[i].down != &group) ++i;
  return tape.mlps[i];
}

void keep_mlp(const Block& block, const LinearGroup& group, const std::vector<MatrixF>& outputs, BlockTape& tape) {
  MlpTape& own = tape_of(block, group, tape);
  if (group.role == GroupRole::gate_up) own.gate_up = outputs;
  if (group.role == GroupRole::down && !tape.routed.empty()) own.down = outputs[0];
}

}  // namespace

void forward_block(const ForwardContext& context, const Block& block, MatrixF& hidden, BlockTape& tape) {
  tape = {.entered = hidden, .mlps = std::vector<MlpTape>(block.mlps.size())};
  StagedBatch batch{hidden};
  pass_stage(context, block, GroupRole::qkv, batch,
             {.outputs = [&](const LinearGroup&, const std::vector<MatrixF>& outputs) { tape.qkv = outputs; }});
  tape.attended = batch.inputs[0];
  pass_stage(context, block, GroupRole::attention_out, batch);
  tape.middle = hidden;
  tape.routed = batch.routed;
  forward_mlps(context, block, batch, {.outputs = [&](const LinearGroup& group, const std::vector<MatrixF>& outputs) {
                 keep_mlp(block, group, outputs, tape);
               }});
}

double tape_bytes(const ModelConfig& config, Index tokens) {
  const auto real = [](Index size) { return static_cast<double>(size); };
  double channels = 2 * (real(config.hidden_size) + real(config.query_size()) + real(config.key_size()));
  const double mlps = config.experts == 0 ? 1 : real(config.experts_per_token);  // that a token passes
  channels += mlps * 2 * real(config.intermediate_size);
  if (config.experts > 0) channels += mlps * real(config.hidden_size);
  const double routed = config.experts == 0 ? 0 : mlps * (sizeof(Index) + sizeof(float));
  return real(tokens) * (sizeof(float) * channels + routed);
}

}  // namespace lrc
