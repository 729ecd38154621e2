#include "lrc/linalg/moments.hpp"

#include <algorithm>
#include <cassert>

namespace lrc {
namespace {

// A tile's product in fp32 and its sum in int64 stay in the second-level cache, and the packing that BLAS does for it
// is small beside thousands of tokens.
constexpr Index kTile = 256;
constexpr Index kPanelFloats = (Index{64} << 20) / (3 * static_cast<Index>(sizeof(float)));  // of each matrix

Index panel_height(Index inputs) {
  const Index tile = moment_tile(inputs);
  return std::max<Index>(1, kPanelFloats / (tile * inputs)) * tile;
}

// `lower` (rows×end) is what a panel has of a symmetric matrix.
void put_symmetric(const MatrixF& lower, Index first, MatrixF& whole) {
  whole.block(first, 0, lower.rows(), lower.cols()) = lower;
  whole.block(0, first, lower.cols(), lower.rows()) = lower.transpose();
}

SummedMoments empty_whole(const SummedMoments& like, Index d) {
  const Index rows = has_diagonals(like) ? 1 : d;
  const Index drifting = like.drift.size() > 0 ? d : 0;
  return {like.tokens, MatrixF(d, d), MatrixF(rows, d), MatrixF(rows, d), like.borrowed, MatrixF(drifting, drifting)};
}

void put_panel(const SummedMoments& panel, Index first, SummedMoments& whole) {
  const Index rows = panel.xx.rows();
  put_symmetric(panel.xx, first, whole.xx);
  if (panel.drift.size() > 0) whole.drift.middleRows(first, rows) = panel.drift;
  if (has_diagonals(panel)) {
    whole.xy.middleCols(first, rows) = panel.xy;
    whole.yy.middleCols(first, rows) = panel.yy;
  } else {
    whole.xy.middleRows(first, rows) = panel.xy;
    put_symmetric(panel.yy, first, whole.yy);
  }
}

}  // namespace

Index moment_tile(Index inputs) { return even_tile(inputs, kTile); }

Index MomentPanels::count() const { return ceil_div(inputs, panel_height(inputs)); }

RowRange MomentPanels::rows(Index panel) const {
  const Index height = panel_height(inputs);
  assert(0 <= panel && panel < count());
  return {panel * height, std::min(inputs, (panel + 1) * height)};
}

bool has_diagonals(const SummedMoments& moments) { return moments.xy.rows() == 1; }

SummedMoments panel_of(const SummedMoments& whole, RowRange rows) {
  SummedMoments panel;
  panel.tokens = whole.tokens;
  panel.borrowed = whole.borrowed;
  panel.xx = whole.xx.block(rows.first, 0, rows.size(), rows.end);
  if (whole.drift.size() > 0) panel.drift = whole.drift.middleRows(rows.first, rows.size());
  if (has_diagonals(whole)) {
    panel.xy = whole.xy.middleCols(rows.first, rows.size());
    panel.yy = whole.yy.middleCols(rows.first, rows.size());
  } else {
    panel.xy = whole.xy.middleRows(rows.first, rows.size());
    panel.yy = whole.yy.block(rows.first, 0, rows.size(), rows.end);
  }
  return panel;
}

SummedMoments assembled(Index inputs, const std::function<SummedMoments(Index)>& panel) {
  const MomentPanels panels{inputs};
  SummedMoments whole = panel(0);
  if (panels.count() == 1) return whole;
  for (Index i = 0; i < panels.count(); ++i) {
    const SummedMoments part = i == 0 ? std::move(whole) : panel(i);
    if (i == 0) whole = empty_whole(part, inputs);
    put_panel(part, panels.rows(i).first, whole);
  }
  return whole;
}

}  // namespace lrc
