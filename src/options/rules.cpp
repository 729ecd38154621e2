#include "lrc/options/rules.hpp"

#include <array>

namespace lrc {
namespace {

// What an option needs where it is not at its default.
struct Rule {
  const char* option;
  bool (*holds)(const CalibrateOptions& options);
  const char* needs;
};

using Options = const CalibrateOptions&;

constexpr const char* kCorrection = "a low-rank part: --method lrc or svd, and --rank-fraction above 0";
constexpr const char* kActivations = "activations of fewer than 16 bits";
constexpr const char* kMoments = "--method lrc, gptq or svd";

constexpr const char* kLearning = "--method lrq or flexround";
constexpr const char* kClosedForm = "--method lrc, gptq, svd or rtn: lrq and flexround learn without moments";
constexpr const char* kOriginalInputs = "--propagate original: it is the original model's inputs that are measured";
constexpr const char* kOneRange = "another --activation-scale than static, which has one range for all channels";

// Corrections are found for grids about zero alone.
bool has_no_correction(Options o) { return !o.may_correct(); }
bool learns(Options o) { return o.learns(); }
bool has_moments(Options o) { return !o.learns(); }
bool solves(Options o) { return o.method != Method::rtn && !o.learns(); }
bool is_lrc(Options o) { return o.method == Method::lrc; }

constexpr std::array<Rule, 30> kRules{{
    {"rank-fraction", [](Options o) { return o.may_correct(); }, "--method lrc or svd"},
    {"factor-bits", [](Options o) { return o.corrects(); }, kCorrection},
    {"stack-groups", [](Options o) { return o.corrects(); }, kCorrection},
    {"residual-activations", [](Options o) { return is_lrc(o) && o.corrects(); },
     "--method lrc, and --rank-fraction above 0"},
    {"residual-activations", [](Options o) { return o.stack_groups; },
     "--stack-groups: the directions are shared by the group"},
    {"iterations", is_lrc, "--method lrc"},
    {"iterations", [](Options o) { return !o.residual_activations; },
     "--residual-activations off, whose directions are found once, or --paper"},
    {"deflated", is_lrc, "--method lrc"},
    {"deflated", [](Options o) { return !o.residual_activations; },
     "--residual-activations off: with them, U is eliminated anyway"},
    {"rotate-heads", [](Options o) { return o.rotation == RotationKind::full; }, "--rotation full"},
    {"target-blend", [](Options o) { return o.propagates(); },
     "--propagate quantized: with original inputs there is nothing to blend"},
    {"activation-scale", [](Options o) { return o.quantizes_activations(); }, kActivations},
    {"activation-group-size", [](Options o) { return o.quantizes_activations(); }, kActivations},
    {"activation-clip", [](Options o) { return o.quantizes_activations(); }, kActivations},
    {"activation-clip", [](Options o) { return o.quantizer().is_symmetric(); }, "--activation-scale absmax or signed"},
    {"activation-group-size", [](Options o) { return !o.has_measured_range(); }, kOneRange},
    {"activation-scale", [](Options o) { return !o.has_measured_range() || !o.propagates(); }, kOriginalInputs},
    {"scheme", [](Options o) { return !o.has_measured_range() || !o.propagates(); }, kOriginalInputs},
    {"weight-zero-points", has_no_correction, "--method rtn, gptq, lrq or flexround"},
    {"damping", solves, kMoments},
    {"team-inputs", solves, kMoments},
    {"moments", has_moments, kClosedForm},
    {"propagate", has_moments, kClosedForm},
    {"center-activations", has_moments, kClosedForm},
    {"min-expert-tokens", has_moments, kClosedForm},
    {"weight-group-size", has_moments,
     "another method than lrq and flexround, which learn a scale for each output channel"},
    {"lrq-rank", [](Options o) { return o.method == Method::lrq; }, "--method lrq"},
    {"learn-steps", learns, kLearning},
    {"learn-batch", learns, kLearning},
    {"learn-rate", learns, kLearning},
}};

}  // namespace

void check_rules(const OptionTable& table, const CalibrateOptions& options) {
  CalibrateOptions untouched;
  const nlohmann::ordered_json defaults = option_table(untouched).effective(), values = table.effective();
  for (const Rule& rule : kRules) {
    if (rule.holds(options) || !table.given(rule.option) || values[rule.option] == defaults[rule.option]) continue;
    throw InputError(fmt::format("--{}", rule.option),
                     fmt::format("{} needs {}", values[rule.option].get<std::string>(), rule.needs));
  }
}

void check_rules(const CalibrateOptions& options, const ModelConfig& config) {
  if (options.min_expert_tokens > 0 && config.experts == 0)
    throw InputError("--min-expert-tokens", fmt::format("{} needs a model with experts", options.min_expert_tokens));
  if (options.export_for != Loaders::stock) return;
  if (config.experts > 0)
    throw InputError("--export-for",
                     "stock does not go with experts: stock loaders fuse them, and don't quantize their "
                     "inputs; it must be native");
  for (const auto& [option, size] : {std::pair{"--activation-group-size", options.activation_group_size},
                                     std::pair{"--weight-group-size", options.weight_group_size}}) {
    for (const GroupLayout& group : block_layout(config, 0).groups()) {
      if (size == 0 || group.inputs() % size == 0) continue;
      throw InputError(option, fmt::format("{} does not divide the {} inputs of {}, as the loaders of --export-for "
                                           "stock need; take a divisor, or 0",
                                           size, group.inputs(), group.name));
    }
  }
}

}  // namespace lrc
