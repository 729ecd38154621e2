#include "lrc/options/calibrate_options.hpp"

#include <algorithm>
#include <cstdlib>

#include "lrc/core/interrupt.hpp"
#include "lrc/io/output_place.hpp"

namespace lrc {

namespace {

const Words<Method>& methods() {
  static const Words<Method> words{{"lrc", Method::lrc}, {"gptq", Method::gptq}, {"svd", Method::svd},
                                   {"rtn", Method::rtn}, {"lrq", Method::lrq},   {"flexround", Method::flexround}};
  return words;
}

void add_input_and_output(OptionTable& table, CalibrateOptions& o) {
  table.group("Input and output")
      .path("model", o.model, "Hugging Face directory: config.json, *.safetensors, tokenizer")
      .path("calibration", o.data.path, "calibration data: text, JSON lines, or token ids as .npy or .h5");
  add_data_options(table, o.data);
  table.number("sequences", o.sequences, 1, Index{1} << 24, "calibration sequences to use")
      .number("sequence-length", o.sequence_length, 2, Index{1} << 20, "tokens of a sequence")
      .path("output", o.output, "directory of the quantized model")
      .path("checkpoint", o.checkpoint, "directory of committed work; empty: OUTPUT.checkpoint")
      .choice("export-for", o.export_for, {{"native", Loaders::native}, {"stock", Loaders::stock}},
              "whose loaders run it: lrc's, or those of compressed-tensors and PEFT, which costs accuracy: no R4, "
              "stacks, centring, residual activations or 8-bit factors (61 % of GPTQ's lost nats won back on "
              "SmolLM2-135M, 46 % on demo-llama, not 88 and 81 %: jobs/accuracy), and does not go with experts")
      .flag("restart", o.restart, "throw the checkpoint away and start anew; a requeued Slurm job goes on")
      .flag("allow-mixed", o.allow_mixed, "go on with a checkpoint of another BLAS or lrc: the bytes may then differ");
}

void add_method(OptionTable& table, CalibrateOptions& o) {
  table.group("Method")
      .flag("paper", o.paper, "the form of arXiv 2412.07902: none of what is beyond the paper, three moments, clip 0.9")
      .choice("method", o.method, methods(),
              "how the weights are found; lrc takes the best that was measured, where --paper or options do not say "
              "otherwise: see their defaults")
      .real("rank-fraction", o.rank_fraction, 0, 1,
            "p, a budget of p*d_out*d_in 16-bit numbers for each linear, which pays for its low-rank factors, their "
            "scales, means and biases")
      .number("iterations", o.iterations, 1, 1000, "alternations of the joint solve")
      .choice("rotation", o.rotation,
              {{"full", RotationKind::full}, {"offline", RotationKind::offline}, {"none", RotationKind::none}},
              "Hadamard rotations; offline: of the residual stream (R1) and of each head's values (R2); full: also, at "
              "run time, of down's input (R4); none with lrq and flexround, where it is not given")
      .flag("rotate-heads", o.rotate_heads,
            "instead of R2, one rotation over all heads of o's input, at run time; needs rotation full")
      .real_or("smooth", o.smooth, 0, 1, {{"off", 0}},
               "alpha of SmoothQuant: channels of activations and weights share their outliers before anything is "
               "measured; without rotations, which would undo it")
      .choice("propagate", o.propagate, {{"original", Propagated::original}, {"quantized", Propagated::quantized}},
              "whose activations the statistics see")
      .real("target-blend", o.target_blend, 0, 1,
            "with propagate quantized: how much of the target comes from the original inputs, 0 to 1")
      .choice("moments", o.moments, {{"exact", MomentKind::exact}, {"diagonal", MomentKind::diagonal}},
              "three second-moment matrices, or one and two vectors")
      .number("min-expert-tokens", o.min_expert_tokens, 0, Index{1} << 40,
              "an expert that fewer tokens reach borrows from the moments of all; 0 = twice its inputs")
      .real("damping", o.damping, 0, 10, "added to the moments' diagonals, relative to their mean")
      .number("seed", o.seed, 0, std::numeric_limits<Index>::max(),
              "of the rotation, and of how learning starts and in which order it sees the sequences");
}

void add_learning(OptionTable& table, CalibrateOptions& o) {
  table.group("Learning")
      .real_or(
          "lrq-rank", o.lrq_rank, 0.001, 1e6, {{"paper", kPaperRank}, {"full", kFullRank}},
          "rank of the matrix of scales that lrq learns; below 1 a part of a linear's smaller side; paper: 1024, or "
          "2048 where both sides are 8192 or more")
      .number("learn-steps", o.learn_steps, 1, Index{1} << 24, "steps of a block")
      .number("learn-batch", o.learn_batch, 1, Index{1} << 16, "sequences of a step")
      .real_or(
          "learn-rate", o.learn_rate, 1e-8, 1, {{"paper", kPaperRate}},
          "of Adam, falling to 0 by half a cosine; paper: what arXiv 2407.11534 has for the method, the bits and the "
          "size of the model");
}

void add_number_formats(OptionTable& table, CalibrateOptions& o) {
  table.group("Number formats")
      .choice("scheme", o.scheme,
              {{"none", Scheme::none},
               {"w4a8", Scheme::w4a8},
               {"w8a8", Scheme::w8a8},
               {"w4a16", Scheme::w4a16},
               {"w3a16", Scheme::w3a16},
               {"w4a4", Scheme::w4a4}},
              "number formats of arXiv 2407.11534, which set the options below: bits of weights and of activations; "
              "w4a8 and w4a4: minmax of each token, w8a8: static; w4a8 and w8a8 have a KV cache of 8 bits")
      .number("weight-bits", o.weight_bits, 2, 8, "bits of a weight")
      .number("weight-group-size", o.weight_group_size, 0, Index{1} << 20,
              "weights that share a scale, the last of a row maybe fewer; 0 = an output channel")
      .flag("weight-zero-points", o.weight_zero_points,
            "an asymmetric grid: with each scale, which has 32 bits then, a zero point; of lrq, flexround and the "
            "schemes")
      .choice("weight-range", o.weight_range, {{"mse", Range::mse}, {"minmax", Range::minmax}},
              "of a weight grid: that of the least error, which may clip, or the least that holds all weights")
      .choice("activation-bits", o.activation_bits,
              {{"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}, {"16", 16}},
              "bits of an activation; 16 = not quantized, as with lrq and flexround where nothing else is said")
      .real_or(
          "activation-clip", o.activation_clip, 0.05, 1, {{"fitted", kFittedClip}, {"14/15", 14.0 / 15}},
          "scale = clip*absmax/7; 14/15 for compressed-tensors' quantizer; fitted: for each scale at run time, that "
          "of the least error")
      .choice("activation-scale", o.activation_scale,
              {{"absmax", ActivationScale::absmax},
               {"signed", ActivationScale::signed_absmax},
               {"minmax", ActivationScale::minmax},
               {"static", ActivationScale::fixed}},
              "signed: what is largest in magnitude gets the code -8, by a scale that has its sign: 16 codes, not 15; "
              "minmax: asymmetric, from the least to the greatest; static: asymmetric, one range for all tokens, which "
              "is measured")
      .number("activation-group-size", o.activation_group_size, 0, Index{1} << 20,
              "channels of a token that share a scale, the last maybe fewer; 0 = all")
      .choice("kv-bits", o.kv_bits, {{"2", 2}, {"3", 3}, {"4", 4}, {"5", 5}, {"6", 6}, {"7", 7}, {"8", 8}, {"16", 16}},
              "bits of the KV cache: k's and v's outputs, asymmetric, a scale for each token; 16 = not quantized")
      .choice("factor-bits", o.factor_bits, {{"16", 16}, {"8", 8}},
              "bits of the low-rank factors; 8 with twice the rank for the same bits");
}

void add_beyond_the_paper(OptionTable& table, CalibrateOptions& o) {
  table.group("Beyond the paper")
      .flag("center-activations", o.center_activations, "quantize x - mean(x), and add the bias W mean(x)")
      .flag("stack-groups", o.stack_groups, "one V for q, k, v, and for gate, up, of the rank that their budgets buy")
      .flag("residual-activations", o.residual_activations,
            "quantize x - E E'x; the correction is U E'x; needs stack-groups")
      .flag("deflated", o.deflated, "eliminate U from the quantize step instead of holding it fixed");
}

void add_machine(OptionTable& table, CalibrateOptions& o) {
  table.group("Machine")
      .number("threads", o.threads, 0, 4096, "compute threads of each rank; 0 = cores / ranks of the host")
      .bytes("memory", o.memory, "that each rank may use, such as 1.5G; 0 = its share of the host's or the job's")
      .bytes("solve-memory", o.solve_memory,
             "that a solve may use on a rank; a team of ranks shares a larger one, which changes its last bits")
      .number(
          "team-inputs", o.team_inputs, 0, Index{1} << 20,
          "a linear of that many inputs is solved by two ranks or more even where one has the memory, which changes "
          "its last bits; 0 = none is")
      .renamed("group-inputs", "team-inputs")
      .real("time-limit", o.time_limit, 0, 1e9,
            "seconds after which the run ends itself with exit code 75; 0 = the end of the Slurm job");
}

}  // namespace

OptionTable option_table(CalibrateOptions& o) {
  OptionTable table("lrc_calibrate", "quantizes a model to 4-bit weights and activations with low-rank corrections");
  add_input_and_output(table, o);
  add_method(table, o);
  add_learning(table, o);
  add_number_formats(table, o);
  add_beyond_the_paper(table, o);
  add_machine(table, o);
  return table;
}

void complete(CalibrateOptions& o) {
  const auto required = [](const std::string& name, const std::string& value) {
    if (value.empty()) throw InputError("--" + name, "is missing; see lrc_calibrate --help");
  };
  required("model", o.model);
  required("calibration", o.data.path);
  required("output", o.output);
  o.output = plain_place(o.output);
  if (o.checkpoint.empty()) o.checkpoint = o.output + ".checkpoint";
}

ActivationQuantizer CalibrateOptions::quantizer() const {
  ActivationQuantizer quantizer{.bits = static_cast<int>(activation_bits),
                                .clip = 1,
                                .group_size = activation_group_size,
                                .scale = activation_scale};
  quantizer.fits_clip = quantizer.is_symmetric() && activation_clip == kFittedClip;
  if (quantizer.is_symmetric() && !quantizer.fits_clip) quantizer.clip = static_cast<float>(activation_clip);
  quantizer.includes_zero = activation_scale == ActivationScale::minmax && export_for == Loaders::stock;
  return quantizer;
}

Statistics CalibrateOptions::statistics() const {
  return {.kind = moments,
          .quantizer = quantizer(),
          .min_expert_tokens = min_expert_tokens,
          .prepared = takes_two_passes()};
}

std::string CalibrateOptions::method_name() const { return word_of(method, methods()); }

WeightGrid CalibrateOptions::grid() const {
  return {.bits = static_cast<int>(weight_bits),
          .group_size = weight_group_size,
          .zero_points = weight_zero_points,
          .range = weight_range};
}

double CalibrateOptions::centring_bits(const LinearStack& stack, Index d_in) const {
  if (!center_activations) return 0;
  return 16.0 * static_cast<double>(stack.first == 0 ? stack.rows + d_in : stack.rows);
}

Index CalibrateOptions::rank(const LinearStack& linears, Index d_in) const {
  if (!may_correct()) return 0;
  const Stack stack{linears.rows, d_in, centring_bits(linears, d_in)};
  return residual_activations ? residual_rank(rank_fraction, stack, factor_bits)
                              : stack_rank(rank_fraction, stack, factor_bits);
}

GridShape CalibrateOptions::solve_grid(const LinearStack& stack, Index d_in) const {
  if (method == Method::rtn || learns()) return {};
  return team_grid(method, stack.rows, d_in, rank(stack, d_in), solve_memory, is_slow_alone(d_in) ? 2 : 1);
}

SolveOptions CalibrateOptions::solve_options(const std::string& name, Index rank) const {
  return {.name = name,
          .grid = grid(),
          .rank = rank,
          .iterations = iterations,
          .damping = damping,
          .factor_bits = factor_bits,
          .deflated = deflated,
          .factor_dtype = factor_dtype()};
}

void set_time_limit(const CalibrateOptions& options) {
  double seconds = options.time_limit;
  if (const char* end = std::getenv("SLURM_JOB_END_TIME"); seconds == 0 && end) {
    const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
    seconds = std::max(1.0, std::atof(end) - now.count());
  }
  if (seconds > 0) set_time_limit(std::chrono::duration<double>(seconds - std::min(30.0, seconds / 10)));
}

nlohmann::ordered_json deciding_options(const OptionTable& table) {
  nlohmann::ordered_json options = table.effective();
  for (const char* name : {"model", "calibration", "data-kind", "text-key", "output", "checkpoint", "paper", "scheme",
                           "restart", "allow-mixed", "threads", "memory", "time-limit"})
    options.erase(name);
  return options;
}

}  // namespace lrc
