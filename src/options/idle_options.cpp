#include "lrc/options/idle_options.hpp"

namespace lrc {
namespace {

struct Use {
  const char* option;
  bool has_effect;
  const char* needs;
};

std::vector<Use> uses_of(const CalibrateOptions& o) {
  const bool lrc = o.method == "lrc", low_rank = o.has_low_rank(), sized = lrc || o.method == "svd";
  const char* a_low_rank = "a low-rank part: --method lrc or svd, and --rank-fraction above 0";
  return {{"rank-fraction", sized, "--method lrc or svd"},
          {"factor-bits", low_rank, a_low_rank},
          {"rank-allocation", low_rank, a_low_rank},
          {"stack-groups", low_rank, a_low_rank},
          {"residual-activations", low_rank, a_low_rank},
          {"iterations", lrc, "--method lrc"},
          {"deflated", lrc && !o.residual_activations,
           "--method lrc with --residual-activations off: with them, U is eliminated anyway"},
          {"residual-directions", o.residual_activations, "--residual-activations on"},
          {"activation-scale", o.activation_bits != 16, "activations of fewer than 16 bits"},
          {"activation-group-size", o.activation_bits != 16, "activations of fewer than 16 bits"},
          {"activation-clip", o.activation_bits != 16, "activations of fewer than 16 bits"},
          {"damping", o.method != "rtn", "--method lrc, gptq or svd"},
          {"group-inputs", o.method != "rtn", "--method lrc, gptq or svd"}};
}

}  // namespace

void refuse_idle_options(const OptionTable& table, const CalibrateOptions& options) {
  CalibrateOptions untouched;
  const nlohmann::ordered_json defaults = option_table(untouched).effective(), values = table.effective();
  for (const Use& use : uses_of(options)) {
    if (use.has_effect || !table.given(use.option) || values[use.option] == defaults[use.option]) continue;
    throw InputError(fmt::format("--{}", use.option),
                     fmt::format("{} has no effect: it needs {}", values[use.option].get<std::string>(), use.needs));
  }
}

}  // namespace lrc
