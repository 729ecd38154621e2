#include "presets.hpp"

#include <array>
#include <span>

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
                                           {"activation-scale", {"absmax"}},
                                           {"rotate-heads", {"off"}},
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
                                           {"activation-clip", {"14/15"}},    {"activation-scale", {"absmax"}},
                                           {"factor-bits", {"16"}},           {"center-activations", {"off"}},
                                           {"stack-groups", {"off"}},         {"residual-activations", {"off"}}};
  return demands;
}

// The best combination of jobs/accuracy that takes no longer than the paper's form.
struct Preference {
  const char* option;
  const char* value;
  bool (*makes_sense)(const CalibrateOptions& options);
};

constexpr bool always(const CalibrateOptions&) { return true; }
constexpr bool quantizes(const CalibrateOptions& o) { return o.activation_bits != 16; }

constexpr std::array<Preference, 9> kBest{
    {{"center-activations", "on", always},
     {"stack-groups", "on", [](const CalibrateOptions& o) { return o.has_low_rank(); }},
     {"residual-activations", "on", [](const CalibrateOptions& o) { return o.has_low_rank() && o.stack_groups; }},
     {"factor-bits", "8", [](const CalibrateOptions& o) { return o.has_low_rank(); }},
     {"activation-clip", "fitted", quantizes},
     {"activation-scale", "signed", quantizes},
     {"activation-group-size", "32", quantizes},
     {"rotate-heads", "on", [](const CalibrateOptions& o) { return o.rotation == "full"; }},
     {"moments", "diagonal", always}}};

// Likewise, of what stock loaders run.
constexpr std::array<Preference, 2> kBestOfStock{
    {{"activation-group-size", "32", quantizes},
     {"deflated", "on", [](const CalibrateOptions& o) { return o.has_low_rank(); }}}};

void prefer(OptionTable& table, const CalibrateOptions& options, std::span<const Preference> preferences) {
  for (const Preference& best : preferences) {
    if (best.makes_sense(options)) table.prefer(best.option, best.value);
  }
}

void apply(OptionTable& table, const std::vector<Demand>& demands, const std::string& asking) {
  for (const Demand& demand : demands) table.demand(demand.option, demand.allowed, asking);
}

}  // namespace

void describe_presets(OptionTable& table) {
  const nlohmann::ordered_json others = table.effective();
  const auto describe = [&](const Preference& best, const char* where) {
    const std::string elsewhere = others[best.option].get<std::string>();
    table.describe_default(best.option,
                           fmt::format("{} with {}; {} with other methods or --paper", best.value, where, elsewhere));
  };
  for (const Preference& best : kBestOfStock) describe(best, "--export-for stock");
  for (const Preference& best : kBest) describe(best, "--method lrc");
}

void apply_presets(OptionTable& table, const CalibrateOptions& options) {
  if (options.paper) apply(table, of_paper(), "--paper");
  if (options.export_for == "stock") apply(table, of_stock(), "--export-for stock");
  if (options.method != "lrc" || options.paper) return;
  prefer(table, options, options.export_for == "stock" ? std::span<const Preference>(kBestOfStock) : kBest);
}

}  // namespace lrc
