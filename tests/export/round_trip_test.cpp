// What the exporter is given comes out of the model that is read back, and runs as docs/method.md says.
#include <gtest/gtest.h>

#include <cmath>

#include "lrc/export/solved_group.hpp"
#include "lrc/linalg/gemm.hpp"
#include "lrc/model/forward/forward.hpp"
#include "solved_model.hpp"

namespace lrc {
namespace {

std::vector<ExportCase> all_cases() {
  std::vector<ExportCase> cases;
  for (int bits = 0; bits < 32; ++bits) {
    const auto on = [bits](int bit) { return (bits >> bit & 1) != 0; };
    if (on(1) && !on(0)) continue;  // residual needs stacked
    cases.push_back(
        {.stacked = on(0), .centered = on(2), .residual = on(1), .rotated = on(3), .factor_bits = on(4) ? 8 : 16});
  }
  for (const char* family : {"mixtral", "phi3", "qwen2"})
    cases.push_back(
        {.family = family, .stacked = true, .centered = true, .residual = true, .rotated = true, .factor_bits = 8});
  ExportCase groups = cases.back();
  groups.weight_group = 10;  // 32 and 48 inputs leave a short last group
  groups.activation_group = 10;
  cases.push_back(groups);
  cases.push_back({.stacked = true, .centered = true, .rank = 0});
  for (const bool rotated : {false, true}) cases.push_back({.rotated = rotated, .adapter = Dtype::bf16});
  for (const int bits : {3, 4, 8}) {
    for (const bool packed : {false, true})
      cases.push_back({.rank = 0, .weight_bits = bits, .zero_points = true, .packed = packed});
  }
  groups.weight_bits = 3;
  groups.zero_points = true;
  cases.push_back(groups);
  return cases;
}

std::string description(const ExportCase& c) {
  return fmt::format(
      "{}: stacked {}, centered {}, residual {}, rotated {}, {} bits, {} adapter, rank {}, weights of {} "
      "bits, zero points {}, packed {}",
      c.family, c.stacked, c.centered, c.residual, c.rotated, c.factor_bits, name_of(c.adapter), c.rank, c.weight_bits,
      c.zero_points, c.packed);
}

// Q_a of one token's channels, as its definition says.
VectorD quantized(const VectorD& token, double clip, Index group) {
  VectorD result(token.size());
  for (Index first = 0; first < token.size(); first += group) {
    const Index size = std::min(group, token.size() - first);
    const double scale = clip * token.segment(first, size).cwiseAbs().maxCoeff() / 7;
    for (Index i = first; i < first + size; ++i)
      result(i) = scale * std::clamp(std::nearbyint(token(i) / scale), -8.0, 7.0);
  }
  return result;
}

// Ŵ Q_a(P(x H − μ)) + U Vᵀ(x H − μ) + W μ + b of one stack, for one token x; P = I − V Vᵀ where the case is residual.
VectorD expected(const ExportCase& c, const QuantizedStack& solved, const HadamardTransform* rotation, const VectorF& x,
                 const VectorD& own_bias) {
  VectorD inputs = x.cast<double>();
  if (rotation) inputs = rotation->dense().transpose() * inputs;
  if (c.centered) inputs -= solved.mean.cast<double>();
  const MatrixD u = solved.u.values.cast<double>(), v = solved.v.values.cast<double>();
  const VectorD inside = v.transpose() * inputs;
  VectorD seen = inputs;
  if (c.residual) seen -= v * inside;
  const MatrixD weight = dequantized(solved.codes, solved.scales, solved.zero_points, c.weight_group).cast<double>();
  VectorD out =
      weight * quantized(seen, static_cast<double>(0.9F), c.activation_group > 0 ? c.activation_group : x.size());
  out += u * inside + own_bias;
  if (c.centered) out += solved.center_bias.cast<double>();
  return out;
}

void expect_outputs(SolvedModel& model, const GroupLayout& layout, const LinearGroup& group, const LinearGroup& own) {
  constexpr Index kTokens = 7;
  const ExportCase& c = model.what();
  const MatrixF x = model.random_matrix(kTokens, layout.inputs(), 1);
  MatrixF used = x;
  Execution exec(1);
  const std::vector<MatrixF> outputs = forward_group(exec, group, used);
  // fp16 rounds the adapter's V once more, in another basis; bfloat16 both factors.
  const double tolerance = c.adapter == Dtype::bf16 ? 2e-2 : c.is_native() || !c.rotated ? 1e-5 : 2e-3;
  for (const LinearStack& stack : stacks_of(layout, c.stacked)) {
    VectorD biases(stack.rows);
    MatrixD found(kTokens, stack.rows);
    for (Index row = 0, i = static_cast<Index>(stack.first); row < stack.rows; ++i) {
      const VectorF& bias = own.linears[static_cast<std::size_t>(i)].bias;
      const MatrixF& output = outputs[static_cast<std::size_t>(i)];
      biases.segment(row, output.cols()) =
          bias.size() > 0 ? VectorD(bias.cast<double>()) : VectorD::Zero(output.cols());
      found.middleCols(row, output.cols()) = output.cast<double>();
      row += output.cols();
    }
    const HadamardTransform* rotation = model.rotations().of(layout.role);
    for (Index token = 0; token < kTokens; ++token) {
      const VectorD right = expected(c, model.solved(stack.name), rotation, x.row(token).transpose(), biases);
      EXPECT_LT((found.row(token).transpose() - right).norm(), tolerance * right.norm()) << stack.name;
    }
  }
}

TEST(Export, AGroupThatIsReadBackComputesTheNaiveFormula) {
  single_threaded_blas();
  for (const ExportCase& c : all_cases()) {
    SCOPED_TRACE(description(c));
    SolvedModel model(c);
    model.write();
    const StoredModel read(model.output());
    for (Index block = 0; block < read.config().blocks; ++block) {
      for (const GroupLayout& layout : block_layout(read.config(), block).groups())
        expect_outputs(model, layout, read.group(block, layout), model.original().group(block, layout));
    }
  }
}

TEST(Export, ASolvedGroupComputesTheBitsOfTheGroupThatIsReadBack) {
  single_threaded_blas();
  Execution exec(1);
  for (const ExportCase& c : all_cases()) {
    SCOPED_TRACE(description(c));
    SolvedModel model(c);
    model.write();
    const StoredModel read(model.output());
    for (const GroupLayout& layout : block_layout(read.config(), 1).groups()) {
      LinearGroup own = model.original().group(1, layout);
      own.rotation = model.rotations().of(layout.role);
      const LinearGroup solved = solved_group(std::move(own), layout, model.format(),
                                              {.biases = read.config().dtype.value(), .adapter = c.adapter},
                                              [&](const std::string& stack) { return model.solved(stack); });
      MatrixF x = model.random_matrix(7, layout.inputs(), 1), same = x;
      EXPECT_EQ(forward_group(exec, solved, x), forward_group(exec, read.group(1, layout), same)) << layout.name;
    }
  }
}

TEST(Export, TheActivationQuantizerComesBack) {
  for (const bool fitted : {false, true}) {
    const SolvedModel model({.activation_group = 16, .fitted = fitted});
    model.write();
    const StoredModel read(model.output());
    EXPECT_EQ(read.group(0, block_layout(read.config(), 0).qkv).quantizer, model.format().activations);
    EXPECT_EQ(read.quantized()->activations, model.format().activations);
  }
}

TEST(Export, AsymmetricActivationsAndTheBitsOfTheCacheComeBack) {
  for (const int kv_bits : {16, 8, 2}) {
    for (const bool zero : {false, true}) {
      const SolvedModel model(
          {.activation_group = 16, .asymmetric = ActivationScale::minmax, .includes_zero = zero, .kv_bits = kv_bits});
      model.write();
      const StoredModel read(model.output());
      EXPECT_EQ(read.group(0, block_layout(read.config(), 0).qkv).quantizer, model.activations());
      EXPECT_EQ(read.quantized()->activations, model.activations());
      EXPECT_EQ(read.quantized()->kv_bits, kv_bits);
      EXPECT_EQ(read.block(1).kv, kv_quantizer(kv_bits));
    }
  }
}

TEST(Export, AFixedGridComesBackForEachGroup) {
  for (const bool stacked : {false, true}) {
    const SolvedModel model({.stacked = stacked, .asymmetric = ActivationScale::fixed});
    model.write();
    const StoredModel read(model.output());
    for (const GroupLayout& layout : block_layout(read.config(), 1).groups()) {
      const VectorF& range = model.solved(stacks_of(layout, stacked).front().name).input_range;
      ActivationQuantizer expected = model.activations();
      expected.grid = asymmetric_grid(range[0], range[1], 8);
      EXPECT_EQ(read.group(1, layout).quantizer, expected) << layout.name;
      EXPECT_EQ(solved_group(model.original().group(1, layout), layout, model.format(), {},
                             [&](const std::string& name) { return model.solved(name); })
                    .quantizer,
                expected);
    }
    EXPECT_TRUE(read.unread().empty());
  }
}

TEST(Export, ASolveOfAnotherSizeIsRefusedByName) {
  SolvedModel model({.stacked = true});
  const GroupLayout layout = block_layout(model.original().config(), 1).qkv;
  const std::string stack = stacks_of(layout, true).front().name;
  MatrixI8& codes = model.solved(stack).codes;
  codes.conservativeResize(codes.rows() - 1, codes.cols());
  const auto refusal = [](const auto& use) -> std::string {
    try {
      use();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const auto solved = [&](const std::string& name) { return model.solved(name); };
  for (const std::string& message :
       {refusal([&] { model.write(); }),
        refusal([&] { solved_group(model.original().group(1, layout), layout, model.format(), {}, solved); })})
    EXPECT_EQ(message.find(stack + ": the committed solve is"), 0U) << message;
}

TEST(Export, ZeroPointsThatAreNotOfTheFormatAreRefusedByName) {
  const auto refusal = [](bool zero_points, const std::function<void(MatrixI8&)>& change) -> std::string {
    SolvedModel model({.rank = 0, .zero_points = zero_points});
    const GroupLayout layout = block_layout(model.original().config(), 1).qkv;
    change(model.solved(stacks_of(layout, false).front().name).zero_points);
    try {
      model.write();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::string solve = "model.layers.1.self_attn.q_proj: the committed solve has ";
  EXPECT_EQ(refusal(true, [](MatrixI8&) {}), "accepted");
  EXPECT_EQ(refusal(true, [](MatrixI8& zeros) { zeros.resize(0, 0); }).find(solve + "0×0 zero points"), 0U);
  EXPECT_EQ(refusal(true, [](MatrixI8& zeros) { zeros.conservativeResize(3, 1); }).find(solve + "3×1 zero"), 0U);
  EXPECT_EQ(refusal(false, [](MatrixI8& zeros) { zeros.setZero(3, 1); }).find(solve + "3×1 zero points"), 0U);
  for (const int beyond : {-9, 8, 127})
    EXPECT_EQ(refusal(true, [&](MatrixI8& zeros) { zeros(2, 0) = static_cast<std::int8_t>(beyond); })
                  .find(fmt::format("{}the zero point {}, which is no code of 4 bits", solve, beyond)),
              0U);
}

TEST(Export, AValueBeyondItsDtypeIsRefusedByName) {
  SolvedModel model({.stacked = true, .centered = true});
  const GroupLayout layout = block_layout(model.original().config(), 1).qkv;
  QuantizedStack& solved = model.solved(stacks_of(layout, true).front().name);
  const auto refusal = [](const auto& use) -> std::string {
    try {
      use();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  const auto propagated = [&] {
    solved_group(model.original().group(1, layout), layout, model.format(), {},
                 [&](const std::string& name) { return model.solved(name); });
  };
  solved.center_bias[3] = 7e4F;
  EXPECT_NE(refusal(propagated).find("q_proj: a bias, mean or factor of 70000 is no finite F16"), std::string::npos);
  EXPECT_NE(refusal([&] { model.write(); }).find("qkv.center_bias' would hold 70000"), std::string::npos);
  solved.center_bias[3] = 0;
  solved.scales(2, 0) = std::numeric_limits<float>::max();
  EXPECT_NE(refusal([&] { model.write(); }).find("q_proj.weight_scale' would hold 3.4"), std::string::npos);
}

TEST(Export, EveryNumberComesBackAsItWasStored) {
  for (const int factor_bits : {16, 8}) {
    SolvedModel model({.stacked = true, .centered = true, .residual = true, .factor_bits = factor_bits});
    model.write();
    const StoredModel read(model.output());
    for (const GroupLayout& layout : block_layout(read.config(), 1).groups()) {
      const LinearGroup group = read.group(1, layout), own = model.original().group(1, layout);
      const QuantizedStack& solved = model.solved(stacks_of(layout, true).front().name);
      EXPECT_EQ(group.mean, solved.mean) << layout.name;
      ASSERT_EQ(group.branches.size(), 1U) << layout.name;
      EXPECT_EQ(group.branches[0].v, solved.v.values) << layout.name;
      const MatrixF weight = dequantized(solved.codes, solved.scales, solved.zero_points, 0);
      Index row = 0;
      for (std::size_t i = 0; i < group.linears.size(); ++i) {
        const Linear& linear = group.linears[i];
        const Index rows = linear.weight.rows();
        EXPECT_EQ(linear.weight, weight.middleRows(row, rows)) << linear.name;
        EXPECT_EQ(group.branches[0].u[i], solved.u.values.middleRows(row, rows)) << linear.name;
        VectorF bias = solved.center_bias.segment(row, rows);
        if (own.linears[i].bias.size() > 0) bias += own.linears[i].bias;
        EXPECT_EQ(linear.bias, bias) << linear.name;
        row += rows;
      }
    }
  }
}

}  // namespace
}  // namespace lrc
