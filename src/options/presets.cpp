#include "lrc/options/presets.hpp"

#include <array>
#include <map>
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
                                           {"weight-range", {"mse"}},
                                           {"scheme", {"none"}},
                                           {"kv-bits", {"16"}},
                                           {"rotate-heads", {"off"}},
                                           {"smooth", {"off"}},
                                           {"factor-bits", {"16"}},
                                           {"center-activations", {"off"}},
                                           {"stack-groups", {"off"}},
                                           {"residual-activations", {"off"}},
                                           {"deflated", {"off"}},
                                           {"export-for", {"native"}}};
  return demands;
}

// compressed-tensors quantizes the inputs as they come, keys only after RoPE, and PEFT has factors for each linear of
// its own.
const std::vector<Demand>& of_stock() {
  static const std::vector<Demand> demands{{"scheme", {"none", "w4a16", "w4a4"}},
                                           {"rotation", {"offline", "none"}},
                                           {"activation-scale", {"absmax", "minmax", "static"}},
                                           {"kv-bits", {"16"}},
                                           {"factor-bits", {"16"}},
                                           {"center-activations", {"off"}},
                                           {"stack-groups", {"off"}},
                                           {"residual-activations", {"off"}}};
  return demands;
}

// Of the schemes, but where there is a correction.
bool has_zero_points(const CalibrateOptions& o) { return o.scheme != Scheme::none && !o.may_correct(); }

// arXiv 2407.11534: asymmetric grids, no rotations; weights alone, where nothing else is asked for.
void apply_learning(OptionTable& table, const CalibrateOptions& options) {
  table.demand("weight-zero-points", {"on"}, "--method " + options.method_name());
  table.prefer("rotation", "none");
  if (options.scheme == Scheme::none) table.prefer("activation-bits", "16");
}

// Symmetric scales it has in four bits by absmax/7.5.
const std::vector<Demand>& of_symmetric_stock() {
  static const std::vector<Demand> demands{{"activation-bits", {"4", "16"}}, {"activation-clip", {"14/15"}}};
  return demands;
}

// Of arXiv 2407.11534, section 3.
const std::vector<Demand>& of_scheme(Scheme scheme) {
  const auto bits = [](const char* of_weights, const char* of_activations, const char* of_kv, const char* scale) {
    std::vector<Demand> demands{
        {"weight-bits", {of_weights}}, {"activation-bits", {of_activations}}, {"kv-bits", {of_kv}}};
    if (scale) demands.insert(demands.end(), {{"activation-scale", {scale}}, {"activation-group-size", {"0"}}});
    return demands;
  };
  static const std::map<Scheme, std::vector<Demand>> demands{{Scheme::none, {}},
                                                             {Scheme::w4a8, bits("4", "8", "8", "minmax")},
                                                             {Scheme::w8a8, bits("8", "8", "8", "static")},
                                                             {Scheme::w4a16, bits("4", "16", "16", nullptr)},
                                                             {Scheme::w3a16, bits("3", "16", "16", nullptr)},
                                                             {Scheme::w4a4, bits("4", "4", "16", "minmax")}};
  return demands.at(scheme);
}

// A rotation of the residual stream fuses the norms, through which channels are smoothed.
const std::vector<Demand>& of_smooth() {
  static const std::vector<Demand> demands{{"rotation", {"none"}}};
  return demands;
}

// The best combination of jobs/accuracy that takes no longer than the paper's form.
struct Preference {
  const char* option;
  const char* value;
  bool (*makes_sense)(const CalibrateOptions& options);
};

constexpr bool always(const CalibrateOptions&) { return true; }
bool is_symmetric(const CalibrateOptions& o) { return o.quantizes_activations() && o.quantizer().is_symmetric(); }
bool may_group(const CalibrateOptions& o) {
  return o.quantizes_activations() && o.scheme == Scheme::none && !o.has_measured_range();
}

constexpr std::array<Preference, 9> kBest{
    {{"center-activations", "on", always},
     {"stack-groups", "on", [](const CalibrateOptions& o) { return o.corrects(); }},
     {"residual-activations", "on", [](const CalibrateOptions& o) { return o.corrects() && o.stack_groups; }},
     {"factor-bits", "8", [](const CalibrateOptions& o) { return o.corrects(); }},
     {"activation-clip", "fitted", is_symmetric},
     {"activation-scale", "signed", is_symmetric},
     {"activation-group-size", "32", may_group},
     {"rotate-heads", "on", [](const CalibrateOptions& o) { return o.rotation == RotationKind::full; }},
     {"moments", "diagonal", always}}};

// Likewise, of what stock loaders run.
constexpr std::array<Preference, 2> kBestOfStock{
    {{"activation-group-size", "32", may_group},
     {"deflated", "on", [](const CalibrateOptions& o) { return o.corrects(); }}}};

void prefer(OptionTable& table, const CalibrateOptions& options, std::span<const Preference> preferences) {
  for (const Preference& best : preferences) {
    if (best.makes_sense(options)) table.prefer(best.option, best.value);
  }
}

void apply(OptionTable& table, const std::vector<Demand>& demands, const std::string& asking) {
  for (const Demand& demand : demands) table.demand(demand.option, demand.allowed, asking);
}

// For --help: `usual` is what the option table has, `best` what --method lrc makes of it, `stock` that for stock
// loaders.
std::string default_text(const std::string& usual, const std::string& best, const std::string& stock) {
  if (best == usual) return fmt::format("{}; {} with --export-for stock", usual, stock);
  const std::string of_best = fmt::format("{} with --method lrc", best);
  if (stock == usual) return fmt::format("{}; {} with --export-for stock, other methods or --paper", of_best, usual);
  const std::string of_stock = stock == best ? "" : fmt::format("; {} with --export-for stock", stock);
  return fmt::format("{}{}; {} with other methods or --paper", of_best, of_stock, usual);
}

}  // namespace

void apply_presets(OptionTable& table, const CalibrateOptions& options) {
  apply(table, of_scheme(options.scheme), "--scheme " + table.effective()["scheme"].get<std::string>());
  if (has_zero_points(options)) table.prefer("weight-zero-points", "on");
  if (options.paper) apply(table, of_paper(), "--paper");
  if (options.learns()) apply_learning(table, options);
  if (options.export_for == Loaders::stock) {
    apply(table, of_stock(), "--export-for stock");
    if (options.quantizer().is_symmetric()) apply(table, of_symmetric_stock(), "--export-for stock");
  }
  if (options.smooth > 0) apply(table, of_smooth(), "--smooth");
  if (options.method != Method::lrc || options.paper) return;
  prefer(table, options, options.export_for == Loaders::stock ? std::span<const Preference>(kBestOfStock) : kBest);
}

void describe_presets(OptionTable& table) {
  const auto values_for = [](Loaders loaders) {
    CalibrateOptions options;
    OptionTable untouched = option_table(options);
    options.export_for = loaders;
    apply_presets(untouched, options);
    return untouched.effective();
  };
  const nlohmann::ordered_json usual = table.effective(), native = values_for(Loaders::native),
                               stock = values_for(Loaders::stock);
  for (const auto& [name, value] : usual.items()) {
    if (name != "export-for" && (native[name] != value || stock[name] != value))
      table.describe_default(name, default_text(value, native[name], stock[name]));
  }
}

}  // namespace lrc
