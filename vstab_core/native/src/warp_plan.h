// One output row planned: for every 8-pixel run where it starts in the source, how it steps, and whether the vector path
// may take it. Structure of arrays, so that the compiler vectorises the planning itself (0.2 cycles a pixel).
// Included by warp_kernel.h inside a namespace of its own for every instruction set.
//
// Position of pixel i of a run: first + ((step * i + 4) >> 3), in 1/2048 px, half a pixel already taken off, so that the
// integer part is the sample left of (above) the position and the fraction is the filter's phase.

constexpr int kPositionBits = 11;

struct RowPlan {
  // At grid columns.
  std::int32_t *edge_x, *edge_y;
  // At runs. `first` in 1/2048 px, `step` in 1/16384 px a pixel.
  std::int32_t *first_x, *step_x, *first_y, *step_y;
  std::int32_t* nowhere;  // not 0: sees nothing of the source
  // Only for the vector path:
  std::int32_t* rows;            // source rows under the run and its taps; 0: not for the vector path
  std::int32_t *base_x, *base_y;  // first source sample and row of the window
  std::int32_t *rel_x, *rel_y;    // first tap's position relative to the window, 1/2048 px
  std::int32_t* folded;   // not 0: the window crosses the sphere's seam or a pole
  std::int32_t* shift_x;  // 16 bits: window of pixels 4..7 minus window of pixels 0..3, 1/2048 px
  std::int32_t* reach_x;  // 16 bits: furthest first tap in either window, samples from its beginning
  // Not of every run alike:
  const std::int32_t* table;      // at runs, or null: the number of the block's table of positions, or -1
  std::ptrdiff_t table_row;       // of tables, where the row's positions begin
  const std::int16_t *lane_x, *lane_y;  // null, or positions of a group's pixels relative to the windows
  int runs;
  int max_rows;  // most rows of any run
};

inline RowPlan carve_plan(const KernelArgs& a) {
  std::int32_t* p = a.scratch;
  const int n = a.grid_cols;
  return {p,         p + n,     p + 2 * n, p + 3 * n,  p + 4 * n,  p + 5 * n, p + 6 * n, p + 7 * n,
          p + 8 * n, p + 9 * n, p + 10 * n, p + 11 * n, p + 12 * n, p + 13 * n,
          p + 14 * n, nullptr, 0, nullptr, nullptr, n - 1, 0};
}

inline std::int32_t wrap_sub(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
}
inline std::int32_t min_of(std::int32_t a, std::int32_t b) { return a < b ? a : b; }
inline std::int32_t max_of(std::int32_t a, std::int32_t b) { return a > b ? a : b; }
inline std::int32_t at_pixel(std::int32_t first, std::int32_t step, int i) { return first + ((step * i + 4) >> 3); }

// On the sphere, the shorter way round.
inline std::int32_t shorter_way(std::int32_t span, std::int32_t period) {
  const std::int32_t half = period >> 1;
  return wrap_sub(wrap_sub(span, span > half ? period : 0), span < -half ? wrap_sub(0, period) : 0);
}

// Table positions of run b, 8 of each, or null. In 1/16384 px.
struct TablePositions {
  const std::int32_t *x, *y;
};
inline TablePositions table_of(const KernelArgs& a, const RowPlan& plan, int b) {
  if (!plan.table || plan.table[b] < 0) {
    return {nullptr, nullptr};
  }
  const std::ptrdiff_t at = plan.table[b] * std::ptrdiff_t{kBlock * kBlock} + plan.table_row;
  return {a.exact_x + at, a.exact_y + at};
}
// - 0.5 px; to 1/2048 px, rounded.
inline std::int32_t from_table(std::int32_t v) {
  return (v - (1 << (kGridBits - 1)) + 4) >> (kGridBits - kPositionBits);
}

// Marks the runs of a block row that see nothing: a corner is nowhere, or two corners lie 8192 px apart (reduced a
// thousandfold and near the horizon; the bound keeps what follows inside 32 bits).
inline void plan_block_row(const KernelArgs& a, int block_row, RowPlan& plan) {
  constexpr std::uint32_t kLimit = 1u << 27;
  const std::int32_t* x = a.grid_x + static_cast<std::ptrdiff_t>(block_row) * a.grid_cols;
  const std::int32_t* y = a.grid_y + static_cast<std::ptrdiff_t>(block_row) * a.grid_cols;
  const int cols = a.grid_cols;
  plan.table = a.exact ? a.exact + static_cast<std::ptrdiff_t>(block_row) * (cols - 1) : nullptr;
  if (a.sphere) {  // every point is seen, and blocks with corners far apart have a table
    for (int b = 0; b < plan.runs; ++b) {
      plan.nowhere[b] = 0;
    }
    return;
  }
  const auto far_apart = [](std::int32_t p, std::int32_t q) {
    return int{(static_cast<std::uint32_t>(p) - static_cast<std::uint32_t>(q) + kLimit) > 2 * kLimit};
  };
  VSTAB_INDEPENDENT
  for (int b = 0; b < plan.runs; ++b) {
    const int none = int{x[b] == kNowhere} | int{x[b + 1] == kNowhere} | int{x[b + cols] == kNowhere} |
                     int{x[b + cols + 1] == kNowhere};
    const int wild = far_apart(x[b], x[b + 1]) | far_apart(x[b], x[b + cols]) | far_apart(x[b + 1], x[b + cols + 1]) |
                     far_apart(x[b + cols], x[b + cols + 1]) | far_apart(y[b], y[b + 1]) |
                     far_apart(y[b], y[b + cols]) | far_apart(y[b + 1], y[b + cols + 1]) |
                     far_apart(y[b + cols], y[b + cols + 1]);
    plan.nowhere[b] = none | wild;
  }
}

// kTurn: x on the sphere, which comes round after `period`.
template <bool kTurn>
inline void plan_edges(const std::int32_t* top, const std::int32_t* bottom, int cols, int m, std::int32_t period,
                       std::int32_t* edge) {
  VSTAB_INDEPENDENT
  for (int c = 0; c < cols; ++c) {
    const std::int32_t way = wrap_sub(bottom[c], top[c]);
    const auto span = static_cast<std::uint32_t>(kTurn ? shorter_way(way, period) : way);
    const std::uint32_t part = span * static_cast<std::uint32_t>(m) + 8u;
    edge[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(top[c]) +
                                        static_cast<std::uint32_t>(static_cast<std::int32_t>(part) >> 4));
  }
}

template <bool kTurn>
inline void plan_steps(const std::int32_t* edge, int runs, std::int32_t period, std::int32_t* first,
                       std::int32_t* step) {
  VSTAB_INDEPENDENT
  for (int b = 0; b < runs; ++b) {
    const std::int32_t way = wrap_sub(edge[b + 1], edge[b]);
    const std::int32_t span = kTurn ? shorter_way(way, period) : way;
    step[b] = wrap_sub(span, -4) >> 3;
    // Centre of the first pixel is 1/16 into the span; - 0.5 px; to 1/2048 px, rounded.
    std::int32_t centre = wrap_sub(edge[b], -(wrap_sub(span, -8) >> 4));
    if (kTurn) {
      centre = wrap_sub(centre, centre >= period ? period : 0);
      centre = wrap_sub(centre, centre < 0 ? wrap_sub(0, period) : 0);
    }
    first[b] = wrap_sub(centre, (1 << (kGridBits - 1)) - 4) >> (kGridBits - kPositionBits);
  }
}

// First taps of a run's pixels, and the rows of all taps.
struct Reach {
  std::int32_t left0, right0;  // 8 bits: all pixels; 16 bits: pixels 0..3
  std::int32_t left1, right1;  // 16 bits: pixels 4..7
  std::int32_t top, bottom;
};

// Decides whether a run may take the vector path. A window is 16 bytes of each source row: 16 samples of 8 bits under
// all 8 pixels, or 8 samples of 16 bits under 4 pixels and a pair of taps.
template <int kTaps, bool kBytes, bool kSphere>
VSTAB_INLINE void plan_window(const KernelArgs& a, RowPlan& plan, int b, const Reach& r, int fits) {
  constexpr int kLastBase = kBytes ? 16 : kTaps + 6;  // a window may not reach past the row's end
  const std::int32_t last_base = a.src_width - kLastBase;
  const std::int32_t left = kBytes ? r.left0 : min_of(r.left0, r.left1);
  const std::int32_t right = kBytes ? r.right0 : max_of(r.right0, r.right1);
  const int inside = int{left >= 0} & int{right + kTaps <= a.src_width} & int{r.top >= 0} &
                     int{r.bottom <= a.src_height} & int{last_base >= 0};
  // A folded window is copied sample by sample.
  const std::int32_t room = !kSphere || inside ? last_base : INT32_MAX;
  fits &= (inside | int{kSphere}) & int{r.bottom - r.top <= kMaxRows};
  const std::int32_t base = min_of(r.left0, room);
  std::int32_t shift = 0;
  if (kBytes) {
    fits &= int{right + kTaps - base <= 16};
  } else {
    const std::int32_t base1 = min_of(r.left1, room);
    fits &= int{r.right0 - base <= 6} & int{r.right1 - base1 <= 6};
    shift = wrap_sub(base1, base);
    plan.reach_x[b] = max_of(r.right0 - base, r.right1 - base1);
  }
  plan.base_x[b] = base;
  plan.base_y[b] = r.top;
  if (kSphere) {
    plan.folded[b] = inside ^ 1;
  }
  plan.shift_x[b] = shift * (1 << kPositionBits);
  plan.rows[b] = fits ? r.bottom - r.top : 0;
}

template <int kTaps, bool kBytes, bool kSphere>
inline void plan_windows(const KernelArgs& a, RowPlan& plan) {
  constexpr int kBefore = kTaps / 2 - 1;
  VSTAB_INDEPENDENT
  for (int b = 0; b < plan.runs; ++b) {
    const std::int32_t x0 = plan.first_x[b], x7 = at_pixel(x0, plan.step_x[b], 7);
    const std::int32_t y0 = plan.first_y[b], y7 = at_pixel(y0, plan.step_y[b], 7);
    const std::int32_t x3 = kBytes ? x7 : at_pixel(x0, plan.step_x[b], 3);
    const std::int32_t x4 = kBytes ? x7 : at_pixel(x0, plan.step_x[b], 4);
    const Reach reach{(min_of(x0, x3) >> kPositionBits) - kBefore, (max_of(x0, x3) >> kPositionBits) - kBefore,
                      (min_of(x4, x7) >> kPositionBits) - kBefore, (max_of(x4, x7) >> kPositionBits) - kBefore,
                      (min_of(y0, y7) >> kPositionBits) - kBefore,
                      (max_of(y0, y7) >> kPositionBits) - kBefore + kTaps};
    const int fits = int{plan.nowhere[b] == 0} & int{plan.step_x[b] > -32768} & int{plan.step_x[b] < 32768} &
                     int{plan.step_y[b] > -32768} & int{plan.step_y[b] < 32768};
    plan_window<kTaps, kBytes, kSphere>(a, plan, b, reach, fits);
    plan.rel_x[b] = wrap_sub(x0, (plan.base_x[b] + kBefore) * (1 << kPositionBits));
    plan.rel_y[b] = wrap_sub(y0, (plan.base_y[b] + kBefore) * (1 << kPositionBits));
  }
}

// The same for the runs whose positions stand in tables.
template <int kTaps, bool kBytes>
inline void plan_table_windows(const KernelArgs& a, RowPlan& plan) {
  constexpr int kBefore = kTaps / 2 - 1;
  for (int b = 0; b < plan.runs; ++b) {
    const TablePositions at = table_of(a, plan, b);
    if (!at.x) {
      continue;
    }
    std::int32_t low_x[2], high_x[2], low_y = at.y[0], high_y = at.y[0];
    for (int half = 0; half < 2; ++half) {
      low_x[half] = high_x[half] = at.x[4 * half];
      for (int i = 4 * half; i < 4 * half + 4; ++i) {
        low_x[half] = min_of(low_x[half], at.x[i]);
        high_x[half] = max_of(high_x[half], at.x[i]);
        low_y = min_of(low_y, at.y[i]);
        high_y = max_of(high_y, at.y[i]);
      }
    }
    if (kBytes) {
      low_x[0] = min_of(low_x[0], low_x[1]);
      high_x[0] = max_of(high_x[0], high_x[1]);
    }
    const auto tap = [](std::int32_t v) { return (from_table(v) >> kPositionBits) - kBefore; };
    plan_window<kTaps, kBytes, true>(a, plan, b,
                               {tap(low_x[0]), tap(high_x[0]), tap(low_x[1]), tap(high_x[1]), tap(low_y),
                                tap(high_y) + kTaps},
                               1);
  }
}

// A group of runs takes as many rows as its tallest run needs; a run too near the bottom edge for the tallest of the
// whole row goes the slow way, or is folded.
template <bool kSphere>
inline void plan_tallest(const KernelArgs& a, RowPlan& plan) {
  std::int32_t most = 0;
  for (int b = 0; b < plan.runs; ++b) {
    most = max_of(most, plan.rows[b]);
  }
  VSTAB_INDEPENDENT
  for (int b = 0; b < plan.runs; ++b) {
    const int below = int{plan.base_y[b] + most > a.src_height};
    if (kSphere) {
      plan.folded[b] |= below;
    } else {
      plan.rows[b] = below ? 0 : plan.rows[b];
    }
  }
  plan.max_rows = most;
}

template <int kTaps, bool kVector, bool kBytes, bool kSphere>
inline void plan_row_on(const KernelArgs& a, int y, RowPlan& plan) {
  const std::ptrdiff_t top = static_cast<std::ptrdiff_t>(y / kBlock) * a.grid_cols;
  const int m = 2 * (y % kBlock) + 1;  // sixteenths of the block down to the pixel centres
  const std::int32_t turn = kSphere ? a.src_width << kGridBits : 0;
  plan.table_row = y % kBlock * kBlock;
  plan_edges<kSphere>(a.grid_x + top, a.grid_x + top + a.grid_cols, a.grid_cols, m, turn, plan.edge_x);
  plan_edges<false>(a.grid_y + top, a.grid_y + top + a.grid_cols, a.grid_cols, m, 0, plan.edge_y);
  plan_steps<kSphere>(plan.edge_x, plan.runs, turn, plan.first_x, plan.step_x);
  plan_steps<false>(plan.edge_y, plan.runs, 0, plan.first_y, plan.step_y);
  if (kVector) {
    plan_windows<kTaps, kBytes, kSphere>(a, plan);
    if (kSphere && plan.table) {
      plan_table_windows<kTaps, kBytes>(a, plan);
    }
    plan_tallest<kSphere>(a, plan);
  }
}

template <int kTaps, bool kVector, bool kBytes>
inline void plan_row(const KernelArgs& a, int y, RowPlan& plan) {
  if (a.sphere) {
    plan_row_on<kTaps, kVector, kBytes, true>(a, y, plan);
  } else {
    plan_row_on<kTaps, kVector, kBytes, false>(a, y, plan);
  }
}
