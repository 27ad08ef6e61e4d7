// Float planes: runs whose taps all lie inside the source.
//
// Runs are placed some way ahead of being written: from a position over its weights to a sum of taps is a long chain, and
// a processor finds work to do meanwhile only in what follows soon. And while a row is written, the source row that the
// next one needs is fetched: rows turned by a degree leave a source row every 57 pixels, too soon for a processor to see
// a pattern in it. Both halve the time.
// Included by warp_kernel.h inside a namespace of its own for every instruction set with vectors.

constexpr int kRunsAhead = 16;  // 5 KiB of bicubic weights and positions: they stay in the first cache

// Pixels of a run: their first taps, in bytes from the source's first sample, and their weights.
template <int kTaps>
struct FloatRun {
  std::ptrdiff_t at[kBlock];
  float cx[kTaps][kBlock], cy[kTaps][kBlock];
  std::int32_t phase[kBlock];  // 0: the pixel is a sample itself, see ScalarPath
  std::int32_t exact;          // not 0: there are such pixels
};

#if defined(__GNUC__)
inline void fetch(std::uintptr_t p) { __builtin_prefetch(reinterpret_cast<const void*>(p), 0, 2); }
#elif !VSTAB_LEVEL_NEON
inline void fetch(std::uintptr_t p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }
#else
inline void fetch(std::uintptr_t) {}
#endif

template <int kChannels, int kTaps>
inline bool inside(const KernelArgs& a, const RowPlan& plan, int b, const TablePositions& table) {
  constexpr int kBefore = kTaps / 2 - 1;
  constexpr int kSpare = kChannels == 3 ? 1 : 0;  // samples that are loaded for nothing
  // Along a line the ends say enough.
  const std::int32_t x0 = plan.first_x[b], x7 = at_pixel(x0, plan.step_x[b], kBlock - 1);
  const std::int32_t y0 = plan.first_y[b], y7 = at_pixel(y0, plan.step_y[b], kBlock - 1);
  std::int32_t left = min_of(x0, x7), right = max_of(x0, x7), top = min_of(y0, y7), bottom = max_of(y0, y7);
  if (table.x) {
    left = right = from_table(table.x[0]);
    top = bottom = from_table(table.y[0]);
    for (int i = 1; i < kBlock; ++i) {
      left = min_of(left, from_table(table.x[i]));
      right = max_of(right, from_table(table.x[i]));
      top = min_of(top, from_table(table.y[i]));
      bottom = max_of(bottom, from_table(table.y[i]));
    }
  }
  return (left >> kPositionBits) >= kBefore && (top >> kPositionBits) >= kBefore &&
         (right >> kPositionBits) - kBefore + kTaps + kSpare <= a.src_width &&
         (bottom >> kPositionBits) - kBefore + kTaps <= a.src_height;
}

#if VSTAB_LEVEL_AVX512
#include "warp_float_zmm.h"
#else
template <int kTaps>
VSTAB_INLINE void weights_of_run(const std::int32_t* positions, float (*weights)[kBlock]) {
  Eight c[kTaps];
  FilterTaps<kTaps>::float_weights(phases_of(positions), c);
  VSTAB_UNROLL
  for (int k = 0; k < kTaps; ++k) {
    store8(weights[k], c[k]);
  }
}

template <int kChannels, int kTaps>
VSTAB_INLINE void place_run(const KernelArgs& a, const RowPlan& plan, int b, const TablePositions& table,
                            FloatRun<kTaps>& run) {
  constexpr int kBefore = kTaps / 2 - 1;
  constexpr std::int32_t kPhase = (1 << kPositionBits) - 1;
  std::int32_t x[kBlock], y[kBlock];
  if (table.x) {
    for (int i = 0; i < kBlock; ++i) {
      x[i] = from_table(table.x[i]);
      y[i] = from_table(table.y[i]);
    }
  } else {
    line8(plan.first_x[b], plan.step_x[b], x);
    line8(plan.first_y[b], plan.step_y[b], y);
  }
  weights_of_run<kTaps>(x, run.cx);
  weights_of_run<kTaps>(y, run.cy);
  run.exact = 0;
  for (int i = 0; i < kBlock; ++i) {
    run.at[i] = ((y[i] >> kPositionBits) - kBefore) * a.src_stride +
                ((x[i] >> kPositionBits) - kBefore) * std::ptrdiff_t{kChannels * sizeof(float)};
    run.phase[i] = (x[i] | y[i]) & kPhase;
    run.exact |= int{run.phase[i] == 0};
  }
}
#endif

template <int kChannels, int kTaps>
VSTAB_NOINLINE void copy_exact(const KernelArgs& a, const FloatRun<kTaps>& run, float* out) {
  constexpr int kBefore = kTaps / 2 - 1;
  for (int i = 0; i < kBlock; ++i) {
    if (run.phase[i] == 0) {
      const float* const first = reinterpret_cast<const float*>(a.src + run.at[i]);
      std::memcpy(out + i * kChannels, below(first, kBefore * a.src_stride) + kBefore * kChannels,
                  kChannels * sizeof(float));
    }
  }
}

// False: a pixel is no number, so that the run is for ScalarPath.
template <int kChannels, int kTaps, bool kFloor>
VSTAB_INLINE bool write_run(const KernelArgs& a, const FloatRun<kTaps>& run, float* out) {
#if VSTAB_LEVEL_AVX512
  if constexpr (kChannels == 4 && kTaps >= 4 && !kFloor) {
    if (!run.exact) {
      return write_rgba_run(a, run, out);
    }
  }
#endif
  VSTAB_ROLLED
  for (int i = 0; i < kBlock; ++i) {
    FloatPixel<kChannels, kTaps>::template run<kFloor>(reinterpret_cast<const float*>(a.src + run.at[i]), a.src_stride,
                                                       &run.cx[0][i], &run.cy[0][i], out + i * kChannels,
                                                       i + 1 == kBlock);
  }
  if (run.exact) {
    copy_exact<kChannels>(a, run, out);
  }
  bool numbers = true;
  for (int i = 0; i < kBlock * kChannels; ++i) {
    numbers &= out[i] - out[i] == 0.0f;
  }
  return numbers;
}

// Writes runs from b on, before `end`, and returns how many. 0: run b is for ScalarPath, as a tap lies outside, or is no
// number.
template <int kChannels, int kTaps, bool kFloor>
inline int float_runs_of(const KernelArgs& a, const RowPlan& plan, int b, int end, float* out) {
  constexpr int kLine = kChannels == 1 ? kBlock : 4;  // pixels in a line of the cache
  FloatRun<kTaps> runs[kRunsAhead];
  int placed = 0;
  for (; placed < min_of(kRunsAhead, end - b); ++placed) {
    const TablePositions table = table_of(a, plan, b + placed);
    if (plan.nowhere[b + placed] || !inside<kChannels, kTaps>(a, plan, b + placed, table)) {
      break;
    }
    place_run<kChannels>(a, plan, b + placed, table, runs[placed]);
  }
  for (int written = 0; written < placed; ++written) {
    const FloatRun<kTaps>& run = runs[written];
    for (int i = 0; i < kBlock; i += kLine) {  // at the picture's end of what lies behind it, which is allowed
      fetch(reinterpret_cast<std::uintptr_t>(a.src) + static_cast<std::uintptr_t>(run.at[i] + kTaps * a.src_stride));
    }
    if (!write_run<kChannels, kTaps, kFloor>(a, run, out + written * kBlock * kChannels)) {
      return written;
    }
  }
  return placed;
}

template <int kChannels, int kTaps>
inline int float_runs(const KernelArgs& a, const RowPlan& plan, int b, int end, float* out) {
  if (!a.floor) {
    return float_runs_of<kChannels, kTaps, false>(a, plan, b, end, out);
  }
  return kChannels == 4 ? float_runs_of<kChannels, kTaps, true>(a, plan, b, end, out) : 0;
}
