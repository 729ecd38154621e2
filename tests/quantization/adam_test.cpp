#include "lrc/quantization/lrq/adam.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "linalg/random_matrix.hpp"

namespace lrc {
namespace {

// PyTorch 2.15's rates and parameters after each step:
//   p = torch.nn.Parameter(torch.tensor([.5, -1., 2., 0.])); o = torch.optim.Adam([p], lr=3e-3)
//   s = torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=5)
//   for t in range(1, 6):
//     p.grad = torch.tensor([.1 * t, -1e-5, 30. / t, 0.]); print(o.param_groups[0]['lr']); o.step(); s.step()
//     print([x.hex() for x in p.tolist()])
constexpr double kRates[5] = {0.003, 0.002713525491562421, 0.001963525491562421, 0.0010364745084375786,
                              0.00028647450843757887};
constexpr float kParameters[5][4] = {{0x1.fced92p-2F, -0x1.fe772ep-1F, 0x1.ff3b64p+0F, 0},
                                     {0x1.fa3f00p-2F, -0x1.fd13dep-1F, 0x1.fe959ep+0F, 0},
                                     {0x1.f851e4p-2F, -0x1.fc12c2p-1F, 0x1.fe2542p+0F, 0},
                                     {0x1.f74cf2p-2F, -0x1.fb8b0ap-1F, 0x1.fded7ap+0F, 0},
                                     {0x1.f7044ep-2F, -0x1.fb6588p-1F, 0x1.fddeeep+0F, 0}};

TEST(Adam, GoesAsPyTorchGoes) {
  Execution exec;
  MatrixF p(1, 4), gradient(1, 4);
  p << 0.5F, -1, 2, 0;
  AdamMoments moments = AdamMoments::zeros(p);
  for (Index step = 1; step <= 5; ++step) {
    const double rate = cosine_rate(3e-3, step, 5);
    EXPECT_NEAR(rate, kRates[step - 1], 1e-15);
    const auto t = static_cast<double>(step);
    gradient << static_cast<float>(0.1 * t), -1e-5F, static_cast<float>(30 / t), 0;
    adam_step(exec, step, rate, gradient, moments, p);
    for (Index i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(p(0, i), kParameters[step - 1][i]) << step << " " << i;
  }
}

struct Case {
  Index rows, cols;
};

class AdamOf : public testing::TestWithParam<Case> {};

TEST_P(AdamOf, AnyShapeFollowsTheFormulaOnAnyNumberOfThreads) {
  const auto [rows, cols] = GetParam();
  Execution one(1), three(3);
  MatrixF p = random_floats(rows, cols, 1);
  MatrixD exact = p.cast<double>(), m = MatrixD::Zero(rows, cols), v = m;
  AdamMoments moments = AdamMoments::zeros(p);
  for (Index step = 1; step <= 4; ++step) {
    const MatrixF gradient = random_floats(rows, cols, static_cast<unsigned>(10 + step));
    MatrixF again = p;
    AdamMoments other = moments;
    adam_step(one, step, 1e-2, gradient, moments, p);
    adam_step(three, step, 1e-2, gradient, other, again);
    EXPECT_EQ(again, p);
    EXPECT_EQ(other.first, moments.first);
    EXPECT_EQ(other.second, moments.second);

    const MatrixD g = gradient.cast<double>();
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g.cwiseAbs2();
    const double c1 = 1 - std::pow(0.9, step), c2 = 1 - std::pow(0.999, step);
    exact.array() -= 1e-2 * (m.array() / c1) / ((v.array() / c2).sqrt() + 1e-8);
    EXPECT_LE((p.cast<double>() - exact).cwiseAbs().maxCoeff(), 2e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, AdamOf, testing::Values(Case{1, 1}, Case{7, 1}, Case{1, 33}, Case{130, 257}));

TEST(CosineRate, FallsFromTheFirstToNearlyZero) {
  EXPECT_EQ(cosine_rate(2, 1, 10), 2);
  EXPECT_NEAR(cosine_rate(2, 6, 10), 1, 1e-12);
  EXPECT_GT(cosine_rate(2, 10, 10), 0);
  EXPECT_LT(cosine_rate(2, 10, 10), 0.06);
}

}  // namespace
}  // namespace lrc
