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
  std::int32_t* shift_x;  // 16 bits: window of pixels 4..7 minus window of pixels 0..3, 1/2048 px
  std::int32_t* reach_x;  // 16 bits: furthest first tap in either window, samples from its beginning
  int runs;
  int max_rows;  // most rows of any run
};

inline RowPlan carve_plan(const KernelArgs& a) {
  std::int32_t* p = a.scratch;
  const int n = a.grid_cols;
  return {p,         p + n,     p + 2 * n, p + 3 * n,  p + 4 * n,  p + 5 * n, p + 6 * n, p + 7 * n,
          p + 8 * n, p + 9 * n, p + 10 * n, p + 11 * n, p + 12 * n, p + 13 * n, n - 1, 0};
}

inline std::int32_t wrap_sub(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) - static_cast<std::uint32_t>(b));
}
inline std::int32_t min_of(std::int32_t a, std::int32_t b) { return a < b ? a : b; }
inline std::int32_t max_of(std::int32_t a, std::int32_t b) { return a > b ? a : b; }
inline std::int32_t at_pixel(std::int32_t first, std::int32_t step, int i) { return first + ((step * i + 4) >> 3); }

// Marks the runs of a block row that see nothing: a corner is nowhere, or two corners lie 8192 px apart (reduced a
// thousandfold and near the horizon; the bound keeps what follows inside 32 bits).
inline void plan_block_row(const KernelArgs& a, int block_row, RowPlan& plan) {
  constexpr std::uint32_t kLimit = 1u << 27;
  const std::int32_t* x = a.grid_x + static_cast<std::ptrdiff_t>(block_row) * a.grid_cols;
  const std::int32_t* y = a.grid_y + static_cast<std::ptrdiff_t>(block_row) * a.grid_cols;
  const int cols = a.grid_cols;
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

inline void plan_edges(const std::int32_t* top, const std::int32_t* bottom, int cols, int m, std::int32_t* edge) {
  VSTAB_INDEPENDENT
  for (int c = 0; c < cols; ++c) {
    const std::uint32_t span = static_cast<std::uint32_t>(bottom[c]) - static_cast<std::uint32_t>(top[c]);
    const std::uint32_t part = span * static_cast<std::uint32_t>(m) + 8u;
    edge[c] = static_cast<std::int32_t>(static_cast<std::uint32_t>(top[c]) +
                                        static_cast<std::uint32_t>(static_cast<std::int32_t>(part) >> 4));
  }
}

inline void plan_steps(const std::int32_t* edge, int runs, std::int32_t* first, std::int32_t* step) {
  VSTAB_INDEPENDENT
  for (int b = 0; b < runs; ++b) {
    const std::int32_t span = wrap_sub(edge[b + 1], edge[b]);
    step[b] = wrap_sub(span, -4) >> 3;
    // Centre of the first pixel is 1/16 into the span; - 0.5 px; to 1/2048 px, rounded.
    const std::int32_t centre = wrap_sub(edge[b], -(wrap_sub(span, -8) >> 4));
    first[b] = wrap_sub(centre, (1 << (kGridBits - 1)) - 4) >> (kGridBits - kPositionBits);
  }
}

// Decides which runs the vector path may take. A window is 16 bytes of each source row: 16 samples of 8 bits under all 8
// pixels, or 8 samples of 16 bits under 4 pixels and a pair of taps.
template <int kTaps, bool kBytes>
inline void plan_windows(const KernelArgs& a, RowPlan& plan) {
  constexpr int kBefore = kTaps / 2 - 1;
  constexpr int kLastBase = kBytes ? 16 : kTaps + 6;  // a window may not reach past the row's end
  const int width = a.src_width, height = a.src_height;
  const int last_base = width - kLastBase;
  VSTAB_INDEPENDENT
  for (int b = 0; b < plan.runs; ++b) {
    const std::int32_t x0 = plan.first_x[b], x7 = at_pixel(x0, plan.step_x[b], 7);
    const std::int32_t y0 = plan.first_y[b], y7 = at_pixel(y0, plan.step_y[b], 7);
    const std::int32_t left = (min_of(x0, x7) >> kPositionBits) - kBefore;
    const std::int32_t right = (max_of(x0, x7) >> kPositionBits) - kBefore;  // first tap of the rightmost pixel
    const std::int32_t top = (min_of(y0, y7) >> kPositionBits) - kBefore;
    const std::int32_t bottom = (max_of(y0, y7) >> kPositionBits) - kBefore + kTaps;
    int fits = int{left >= 0} & int{right + kTaps <= width} & int{top >= 0} & int{bottom <= height} &
               int{last_base >= 0} & int{plan.nowhere[b] == 0} & int{plan.step_x[b] > -32768} &
               int{plan.step_x[b] < 32768} & int{plan.step_y[b] > -32768} & int{plan.step_y[b] < 32768} &
               int{bottom - top <= kMaxRows};
    std::int32_t base = min_of(left, last_base);
    std::int32_t shift = 0;
    if (kBytes) {
      fits &= int{right + kTaps - base <= 16};
    } else {
      const std::int32_t x3 = at_pixel(x0, plan.step_x[b], 3), x4 = at_pixel(x0, plan.step_x[b], 4);
      const std::int32_t left0 = (min_of(x0, x3) >> kPositionBits) - kBefore;
      const std::int32_t left1 = (min_of(x4, x7) >> kPositionBits) - kBefore;
      const std::int32_t right0 = (max_of(x0, x3) >> kPositionBits) - kBefore;
      const std::int32_t right1 = (max_of(x4, x7) >> kPositionBits) - kBefore;
      base = min_of(left0, last_base);
      const std::int32_t base1 = min_of(left1, last_base);
      fits &= int{right0 - base <= 6} & int{right1 - base1 <= 6};
      shift = wrap_sub(base1, base);
      plan.reach_x[b] = max_of(right0 - base, right1 - base1);
    }
    plan.base_x[b] = base;
    plan.base_y[b] = top;
    plan.rel_x[b] = wrap_sub(x0, (base + kBefore) * (1 << kPositionBits));
    plan.rel_y[b] = wrap_sub(y0, (top + kBefore) * (1 << kPositionBits));
    plan.shift_x[b] = shift * (1 << kPositionBits);
    plan.rows[b] = fits ? bottom - top : 0;
  }
  // A group of runs takes as many rows as its tallest run needs; a run too near the bottom edge for the tallest of the
  // whole row goes the slow way.
  std::int32_t most = 0;
  for (int b = 0; b < plan.runs; ++b) {
    most = max_of(most, plan.rows[b]);
  }
  VSTAB_INDEPENDENT
  for (int b = 0; b < plan.runs; ++b) {
    plan.rows[b] = plan.base_y[b] + most <= height ? plan.rows[b] : 0;
  }
  plan.max_rows = most;
}

template <int kTaps, bool kVector, bool kBytes>
inline void plan_row(const KernelArgs& a, int y, RowPlan& plan) {
  const std::ptrdiff_t top = static_cast<std::ptrdiff_t>(y / kBlock) * a.grid_cols;
  const int m = 2 * (y % kBlock) + 1;  // sixteenths of the block down to the pixel centres
  plan_edges(a.grid_x + top, a.grid_x + top + a.grid_cols, a.grid_cols, m, plan.edge_x);
  plan_edges(a.grid_y + top, a.grid_y + top + a.grid_cols, a.grid_cols, m, plan.edge_y);
  plan_steps(plan.edge_x, plan.runs, plan.first_x, plan.step_x);
  plan_steps(plan.edge_y, plan.runs, plan.first_y, plan.step_y);
  if (kVector) {
    plan_windows<kTaps, kBytes>(a, plan);
  }
}
