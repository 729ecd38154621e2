#include "presets.hpp"

namespace lrc {
namespace {

// An option and what it may be; the first is what it becomes where it was not given.
struct Demand {
  const char* option;
  std::vector<std::string> allowed;
};

// arXiv 2412.07902, as jobs/accuracy measures it.
const std::vector<Demand>& of_paper() {
  static const std::vector<Demand> demands{{"method", {"lrc"}},
                                           {"moments", {"exact"}},
                                           {"propagate", {"original"}},
                                           {"activation-clip", {"0.9"}},
                                           {"factor-bits", {"16"}},
                                           {"center-activations", {"off"}},
                                           {"stack-groups", {"off"}},
                                           {"residual-activations", {"off"}},
                                           {"deflated", {"off"}},
                                           {"descent-sweeps", {"0"}},
                                           {"rank-allocation", {"uniform"}},
                                           {"export-for", {"native"}}};
  return demands;
}

// compressed-tensors quantizes the inputs as they come, in four bits by absmax/7.5, and PEFT has factors for each
// linear of its own.
const std::vector<Demand>& of_stock() {
  static const std::vector<Demand> demands{{"rotation", {"offline", "none"}}, {"activation-bits", {"4", "16"}},
                                           {"activation-clip", {"14/15"}},    {"factor-bits", {"16"}},
                                           {"center-activations", {"off"}},   {"stack-groups", {"off"}},
                                           {"residual-activations", {"off"}}};
  return demands;
}

// The best combination of jobs/accuracy that takes no longer than the paper's form.
void prefer_best(OptionTable& table, const CalibrateOptions& options) {
  for (const char* option : {"center-activations", "stack-groups"}) table.prefer(option, "on");
  if (options.stack_groups) table.prefer("residual-activations", "on");
  table.prefer("factor-bits", "8");
  table.prefer("activation-clip", "auto");
  table.prefer("moments", "diagonal");
}

void apply(OptionTable& table, const std::vector<Demand>& demands, const std::string& asking) {
  for (const Demand& demand : demands) table.demand(demand.option, demand.allowed, asking);
}

}  // namespace

void apply_presets(OptionTable& table, const CalibrateOptions& options) {
  if (options.paper) apply(table, of_paper(), "--paper");
  if (options.export_for == "stock") apply(table, of_stock(), "--export-for stock");
  if (options.method == "lrc" && !options.paper && options.export_for != "stock") prefer_best(table, options);
}

}  // namespace lrc
