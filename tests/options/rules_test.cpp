// Presets and rules: what becomes of options that are given together.
#include "lrc/options/rules.hpp"

#include <gtest/gtest.h>

#include <set>

#include "lrc/options/presets.hpp"

namespace lrc {
namespace {

using Setting = std::pair<std::string, std::string>;

struct Resolved {
  CalibrateOptions options{};
  nlohmann::ordered_json effective{};  // of each option
  std::string refusal{};               // empty: accepted
};

Resolved resolved(const std::vector<Setting>& given) {
  Resolved result;
  OptionTable table = option_table(result.options);
  std::vector<std::string> words{"lrc_calibrate"};
  for (const auto& [name, value] : given) words.push_back("--" + name + "=" + value);
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  try {
    table.parse(static_cast<int>(arguments.size()), arguments.data());
    apply_presets(table, result.options);
    check_rules(table, result.options);
  } catch (const InputError& error) {
    result.refusal = error.what();
  }
  result.effective = table.effective();
  return result;
}

// Values that an option doesn't have by itself, in one method or the other.
const std::vector<Setting> kSettings{{"method", "gptq"},
                                     {"method", "svd"},
                                     {"method", "rtn"},
                                     {"method", "lrq"},
                                     {"method", "flexround"},
                                     {"lrq-rank", "0.5"},
                                     {"learn-steps", "7"},
                                     {"weight-zero-points", "off"},
                                     {"paper", "on"},
                                     {"export-for", "stock"},
                                     {"rank-fraction", "0"},
                                     {"rank-fraction", "0.3"},
                                     {"iterations", "3"},
                                     {"rotation", "offline"},
                                     {"rotation", "none"},
                                     {"rotate-heads", "on"},
                                     {"smooth", "0.8"},
                                     {"propagate", "quantized"},
                                     {"target-blend", "0.5"},
                                     {"moments", "exact"},
                                     {"moments", "diagonal"},
                                     {"damping", "0.1"},
                                     {"weight-group-size", "64"},
                                     {"weight-zero-points", "on"},
                                     {"weight-range", "minmax"},
                                     {"activation-bits", "8"},
                                     {"activation-bits", "16"},
                                     {"activation-clip", "0.8"},
                                     {"activation-clip", "fitted"},
                                     {"activation-scale", "absmax"},
                                     {"activation-scale", "signed"},
                                     {"activation-scale", "minmax"},
                                     {"activation-scale", "static"},
                                     {"kv-bits", "8"},
                                     {"scheme", "w4a8"},
                                     {"scheme", "w8a8"},
                                     {"scheme", "w3a16"},
                                     {"activation-group-size", "64"},
                                     {"factor-bits", "8"},
                                     {"factor-bits", "16"},
                                     {"center-activations", "on"},
                                     {"center-activations", "off"},
                                     {"stack-groups", "on"},
                                     {"stack-groups", "off"},
                                     {"residual-activations", "on"},
                                     {"residual-activations", "off"},
                                     {"deflated", "on"},
                                     {"team-inputs", "64"}};

// What the modules are never asked for.
void expect_sense(const CalibrateOptions& o) {
  if (o.residual_activations) {
    EXPECT_TRUE(o.method == Method::lrc && o.corrects() && o.stack_groups);
    EXPECT_TRUE(o.iterations == 1 && !o.deflated);
  }
  EXPECT_TRUE(o.corrects() || (!o.stack_groups && o.factor_bits == 16));
  EXPECT_TRUE(!o.weight_zero_points || !o.may_correct());
  EXPECT_TRUE(!o.learns() || (o.weight_zero_points && o.weight_group_size == 0));
  EXPECT_TRUE(!o.learns() || (!o.changes_inputs() && !o.propagates()));
  EXPECT_TRUE(o.learns() || o.learn_steps == CalibrateOptions().learn_steps);
  EXPECT_TRUE(o.method == Method::lrq || o.lrq_rank == kPaperRank);
  EXPECT_TRUE(o.method == Method::lrc || (o.iterations == 1 && !o.deflated));
  EXPECT_TRUE(o.rotation == RotationKind::full || !o.rotate_heads);
  EXPECT_TRUE(o.quantizer().is_symmetric() || o.quantizer().clip == 1);
  EXPECT_TRUE(!o.has_measured_range() || (!o.propagates() && o.activation_group_size == 0));
  EXPECT_TRUE(o.rotation == RotationKind::none || o.smooth == 0);
  EXPECT_TRUE(o.propagates() || o.target_blend == CalibrateOptions().target_blend);
  if (o.export_for == Loaders::stock) {
    EXPECT_TRUE(!o.is_native() && o.rotation != RotationKind::full && o.kv_bits == 16);
    EXPECT_NE(o.activation_scale, ActivationScale::signed_absmax);
    EXPECT_TRUE(!o.quantizer().is_symmetric() || o.activation_clip == 14.0 / 15);
  }
  if (o.paper) {
    EXPECT_TRUE(o.method == Method::lrc && o.moments == MomentKind::exact && !o.is_native() && !o.propagates());
    EXPECT_TRUE(o.smooth == 0 && !o.rotate_heads && !o.deflated && o.activation_scale == ActivationScale::absmax &&
                o.activation_clip == 0.9);
    EXPECT_EQ(o.weight_range, Range::mse);
  }
}

void expect_refused_or_sense(const std::vector<Setting>& given) {
  const Resolved result = resolved(given);
  if (result.refusal.empty()) {
    for (const auto& [name, value] : given) EXPECT_EQ(result.effective[name], value) << name;
    return expect_sense(result.options);
  }
  EXPECT_TRUE(std::any_of(given.begin(), given.end(), [&](const Setting& one) {
    return result.refusal.starts_with("--" + one.first + ": ");
  })) << result.refusal;
}

TEST(Rules, WhatIsGivenIsHadOrRefusedByNameAndTheRestMakesSense) {
  for (std::size_t a = 0; a < kSettings.size(); ++a) {
    for (std::size_t b = a + 1; b < kSettings.size(); ++b) {
      for (std::size_t c = b; c < kSettings.size(); ++c) {
        std::vector<Setting> given{kSettings[a], kSettings[b]};
        if (c > b) given.push_back(kSettings[c]);
        std::set<std::string> names;
        for (const Setting& one : given) names.insert(one.first);
        if (names.size() == given.size()) expect_refused_or_sense(given);
        ASSERT_FALSE(testing::Test::HasFailure()) << testing::PrintToString(given);
      }
    }
  }
}

TEST(Rules, ASchemeSetsTheNumberFormatsThatItNames) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> schemes{{"w4a8", {"4", "8", "minmax", "8"}},
                                                                              {"w8a8", {"8", "8", "static", "8"}},
                                                                              {"w4a16", {"4", "16", "absmax", "16"}},
                                                                              {"w3a16", {"3", "16", "absmax", "16"}},
                                                                              {"w4a4", {"4", "4", "minmax", "16"}}};
  for (const std::string method : {"lrc", "rtn"}) {
    for (const auto& [scheme, values] : schemes) {
      const Resolved result = resolved({{"method", method}, {"scheme", scheme}});
      EXPECT_EQ(result.refusal, "");
      const std::vector<std::string> names{"weight-bits", "activation-bits", "activation-scale", "kv-bits"};
      for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(result.effective[names[i]], values[i]) << scheme;
      EXPECT_EQ(result.effective["activation-group-size"], "0") << scheme;
    }
  }
}

TEST(Rules, RefusalsSayWhatIsNeeded) {
  const std::vector<std::pair<std::vector<Setting>, std::string>> refusals{
      {{{"paper", "on"}, {"factor-bits", "8"}}, "--factor-bits: 8 does not go with --paper; it must be 16"},
      {{{"paper", "on"}, {"method", "gptq"}}, "--method: gptq does not go with --paper; it must be lrc"},
      {{{"paper", "on"}, {"export-for", "stock"}}, "--export-for: stock does not go with --paper; it must be native"},
      {{{"export-for", "stock"}, {"stack-groups", "on"}}, "--stack-groups: on does not go with --export-for stock"},
      {{{"export-for", "stock"}, {"activation-clip", "fitted"}}, "--activation-clip: fitted does not go with"},
      {{{"export-for", "stock"}, {"rotation", "full"}},
       "--rotation: full does not go with --export-for stock; it must be offline or none"},
      {{{"rotate-heads", "on"}, {"rotation", "offline"}}, "--rotate-heads: on needs --rotation full"},
      {{{"smooth", "0.8"}, {"rotation", "offline"}}, "--rotation: offline does not go with --smooth; it must be none"},
      {{{"smooth", "0.8"}, {"rotate-heads", "on"}}, "--rotate-heads: on needs --rotation full"},
      {{{"smooth", "0.8"}, {"paper", "on"}}, "--smooth: 0.8 does not go with --paper; it must be off"},
      {{{"smooth", "2"}}, "--smooth: 2 is out of range; it may be 0 to 1, or off"},
      {{{"iterations", "5"}}, "--iterations: 5 needs --residual-activations off"},
      {{{"iterations", "3"}, {"method", "svd"}}, "--iterations: 3 needs --method lrc"},
      {{{"target-blend", "0.5"}}, "--target-blend: 0.5 needs --propagate quantized"},
      {{{"residual-activations", "on"}, {"stack-groups", "off"}}, "--residual-activations: on needs --stack-groups"},
      {{{"residual-activations", "on"}, {"method", "gptq"}}, "--residual-activations: on needs --method lrc"},
      {{{"deflated", "on"}}, "--deflated: on needs --residual-activations off"},
      {{{"deflated", "on"}, {"method", "svd"}}, "--deflated: on needs --method lrc"},
      {{{"rank-fraction", "0.2"}, {"method", "gptq"}}, "--rank-fraction: 0.2 needs --method lrc or svd"},
      {{{"factor-bits", "8"}, {"method", "gptq"}}, "--factor-bits: 8 needs a low-rank part"},
      {{{"stack-groups", "on"}, {"method", "svd"}, {"rank-fraction", "0"}}, "--stack-groups: on needs a low-rank part"},
      {{{"activation-bits", "16"}, {"activation-clip", "0.8"}}, "--activation-clip: 0.8 needs activations of"},
      {{{"activation-bits", "16"}, {"activation-scale", "signed"}}, "--activation-scale: signed needs activations of"},
      {{{"activation-bits", "16"}, {"activation-group-size", "8"}}, "--activation-group-size: 8 needs activations of"},
      {{{"weight-zero-points", "on"}}, "--weight-zero-points: on needs --method rtn, gptq, lrq or flexround"},
      {{{"weight-zero-points", "on"}, {"method", "svd"}},
       "--weight-zero-points: on needs --method rtn, gptq, lrq or flexround"},
      {{{"weight-range", "minmax"}, {"paper", "on"}},
       "--weight-range: minmax does not go with --paper; it must be mse"},
      {{{"weight-zero-points", "off"}, {"method", "lrq"}},
       "--weight-zero-points: off does not go with --method lrq; it must be on"},
      {{{"lrq-rank", "8"}, {"method", "flexround"}}, "--lrq-rank: 8 needs --method lrq"},
      {{{"learn-steps", "8"}}, "--learn-steps: 8 needs --method lrq or flexround"},
      {{{"propagate", "quantized"}, {"method", "lrq"}}, "--propagate: quantized needs --method lrc, gptq, svd or rtn"},
      {{{"weight-group-size", "64"}, {"method", "lrq"}}, "--weight-group-size: 64 needs another method"},
      {{{"lrq-rank", "none"}, {"method", "lrq"}}, "--lrq-rank: 'none' is neither a number nor paper"},
      {{{"activation-scale", "minmax"}, {"activation-clip", "0.8"}},
       "--activation-clip: 0.8 needs --activation-scale absmax or signed"},
      {{{"activation-scale", "static"}, {"activation-group-size", "8"}},
       "--activation-group-size: 8 needs another --activation-scale than static"},
      {{{"activation-scale", "static"}, {"propagate", "quantized"}}, "--activation-scale: static needs --propagate o"},
      {{{"scheme", "w8a8"}, {"propagate", "quantized"}}, "--scheme: w8a8 needs --propagate original"},
      {{{"scheme", "w4a8"}, {"kv-bits", "16"}}, "--kv-bits: 16 does not go with --scheme w4a8; it must be 8"},
      {{{"scheme", "w4a8"}, {"activation-scale", "signed"}},
       "--activation-scale: signed does not go with --scheme w4a8"},
      {{{"scheme", "w4a8"}, {"activation-group-size", "32"}}, "--activation-group-size: 32 does not go with --scheme"},
      {{{"scheme", "w4a16"}, {"weight-bits", "3"}}, "--weight-bits: 3 does not go with --scheme w4a16; it must be 4"},
      {{{"scheme", "w4a8"}, {"export-for", "stock"}}, "--scheme: w4a8 does not go with --export-for stock"},
      {{{"scheme", "w4a4"}, {"paper", "on"}}, "--scheme: w4a4 does not go with --paper; it must be none"},
      {{{"export-for", "stock"}, {"kv-bits", "8"}}, "--kv-bits: 8 does not go with --export-for stock; it must be 16"},
      {{{"kv-bits", "1"}}, "--kv-bits: '1' is not allowed; it may be 2, 3, 4, 5, 6, 7, 8, 16"},
      {{{"damping", "0.1"}, {"method", "rtn"}}, "--damping: 0.1 needs --method lrc, gptq or svd"},
      {{{"team-inputs", "64"}, {"method", "rtn"}}, "--team-inputs: 64 needs --method lrc, gptq or svd"},
      {{{"group-inputs", "64"}}, "--group-inputs: is called team-inputs now"},
      {{{"activation-clip", "auto"}}, "--activation-clip: 'auto' is neither a number nor fitted"},
      {{{"activation-clip", "2"}}, "--activation-clip: 2 is out of range; it may be 0.05 to 1, or fitted"},
      {{{"activation-bits", "12"}}, "--activation-bits: '12' is not allowed; it may be 2, 3, 4, 5, 6, 7, 8, 16"}};
  for (const auto& [given, said] : refusals) EXPECT_TRUE(resolved(given).refusal.starts_with(said)) << said;
}

ModelConfig config_of(const std::string& family) {
  ModelConfig config;
  config.family = family;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.blocks = 1;
  config.heads = config.kv_heads = 4;
  config.head_dim = 8;
  config.experts = family == "mixtral" ? 4 : 0;
  return config;
}

TEST(Rules, WhatDoesNotGoWithTheModelIsRefusedByName) {
  const auto refusal = [](const std::vector<Setting>& given, const std::string& family) -> std::string {
    try {
      check_rules(resolved(given).options, config_of(family));
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_TRUE(
      refusal({{"min-expert-tokens", "5"}}, "llama").starts_with("--min-expert-tokens: 5 needs a model with experts"));
  EXPECT_EQ(refusal({{"min-expert-tokens", "5"}}, "mixtral"), "");
  EXPECT_TRUE(refusal({{"export-for", "stock"}, {"activation-group-size", "16"}}, "mixtral")
                  .starts_with("--export-for: stock does not go with experts"));
  EXPECT_TRUE(
      refusal({{"export-for", "stock"}}, "llama").starts_with("--activation-group-size: 32 does not divide the 48"));
  EXPECT_TRUE(refusal({{"export-for", "stock"}, {"activation-group-size", "16"}, {"weight-group-size", "20"}}, "llama")
                  .starts_with("--weight-group-size: 20 does not divide the 32"));
  EXPECT_EQ(refusal({{"export-for", "stock"}, {"activation-group-size", "16"}}, "llama"), "");
}

}  // namespace
}  // namespace lrc
