// Groups of the vector path on the sphere: positions from tables, windows across the seam or a pole, and pixels too far
// apart for windows. What is not in the source as it stands is first copied to a patch.
// Included by warp_vector.h inside a namespace of its own for every instruction set that has byte shuffles.

// Positions relative to the windows, as positions_of computes them.
template <int kTaps>
inline void fill_lanes(const KernelArgs& a, const RowPlan& plan, int b, std::int16_t* lane_x, std::int16_t* lane_y) {
  constexpr int kBefore = kTaps / 2 - 1;
  for (int g = 0; g < kGroups; ++g) {
    const TablePositions table = table_of(a, plan, b + g);
    const std::int32_t left = (plan.base_x[b + g] + kBefore) * (1 << kPositionBits);
    const std::int32_t top = (plan.base_y[b + g] + kBefore) * (1 << kPositionBits);
    for (int i = 0; i < kBlock; ++i) {
      const std::int32_t x = table.x ? from_table(table.x[i]) : at_pixel(plan.first_x[b + g], plan.step_x[b + g], i);
      const std::int32_t y = table.x ? from_table(table.y[i]) : at_pixel(plan.first_y[b + g], plan.step_y[b + g], i);
      lane_x[kBlock * g + i] = static_cast<std::int16_t>(x - left);
      lane_y[kBlock * g + i] = static_cast<std::int16_t>(y - top);
    }
  }
}

// Copies kCount samples from column x of row y on, round the seam and over the poles.
template <class T, int kCount>
inline void copy_folded(const KernelArgs& a, std::int32_t x, std::int32_t y, T* to) {
  const Folded folded = fold_row(a, y);
  const T* const row = reinterpret_cast<const T*>(a.src + folded.row * a.src_stride);
  std::int32_t from = fold_column(a, x + folded.turn);
  if (from + kCount <= a.src_width) {
    std::memcpy(to, row + from, kCount * sizeof(T));
    return;
  }
  for (int i = 0; i < kCount; ++i) {
    to[i] = row[from];
    from = from + 1 == a.src_width ? 0 : from + 1;
  }
}

// These groups are few: one variant for all.
template <int kTaps>
inline void group_of_lanes(const KernelArgs& a, const RowPlan& plan, int b, int rows, std::uint8_t* out) {
  group_u8<kTaps, -1, Lanes::given>(a, plan, b, rows, out);
}
template <int kTaps>
inline void group_of_lanes(const KernelArgs& a, const RowPlan& plan, int b, int rows, std::uint16_t* out) {
  if (a.code_bits > 14) {
    group_u16<kTaps, -1, false, true, Lanes::given>(a, plan, b, rows, out);
  } else {
    group_u16<kTaps, -1, false, false, Lanes::given>(a, plan, b, rows, out);
  }
}

template <int kTaps>
inline void group_of_gathered(const KernelArgs& a, const RowPlan& plan, std::uint8_t* out) {
  group_u8<kTaps, 0, Lanes::gathered>(a, plan, 0, kTaps, out);
}
template <int kTaps>
inline void group_of_gathered(const KernelArgs& a, const RowPlan& plan, std::uint16_t* out) {
  if (a.code_bits > 14) {
    group_u16<kTaps, 0, false, true, Lanes::gathered>(a, plan, 0, kTaps, out);
  } else {
    group_u16<kTaps, 0, false, false, Lanes::gathered>(a, plan, 0, kTaps, out);
  }
}

// Pixels anywhere: every pixel's own taps are copied together. Where the picture is compressed towards a pole, a run
// needs more samples of a row than a window holds.
template <class T, int kTaps>
VSTAB_NOINLINE void gathered_group(const KernelArgs& a, const RowPlan& plan, int b, T* out) {
  constexpr int kBefore = kTaps / 2 - 1, kPairs = kTaps / 2, kLane = 16 * kPairs, kRow = kGroups * kLane;
  constexpr bool kBytes = sizeof(T) == 1;
  constexpr std::int32_t kPhase = (1 << kPositionBits) - 1;
  T patch[kTaps * kRow];
  std::int16_t lane_x[kGroups * kBlock], lane_y[kGroups * kBlock];
  std::int32_t base_x[kGroups], base_y[kGroups], shift_x[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    base_x[g] = g * kLane;
    base_y[g] = 0;
    shift_x[g] = 8 * kPairs * (1 << kPositionBits);  // 16 bits: pixels 4..7 stand behind pixels 0..3
    const TablePositions table = table_of(a, plan, b + g);
    for (int i = 0; i < kBlock; ++i) {
      const std::int32_t x = table.x ? from_table(table.x[i]) : at_pixel(plan.first_x[b + g], plan.step_x[b + g], i);
      const std::int32_t y = table.x ? from_table(table.y[i]) : at_pixel(plan.first_y[b + g], plan.step_y[b + g], i);
      const int at = kBytes ? 2 * i : 2 * (i % 4) + i / 4 * 8 * kPairs;
      lane_x[kBlock * g + i] = static_cast<std::int16_t>((x & kPhase) + at * (1 << kPositionBits));
      lane_y[kBlock * g + i] = static_cast<std::int16_t>(y & kPhase);
      const std::int32_t ix = (x >> kPositionBits) - kBefore, iy = (y >> kPositionBits) - kBefore;
      const bool inside = ix >= 0 && iy >= 0 && ix + kTaps <= a.src_width && iy + kTaps <= a.src_height;
      T* to = patch + g * kLane + at;
      for (int r = 0; r < kTaps; ++r, to += kRow) {
        T folded[kTaps];
        const T* from = reinterpret_cast<const T*>(a.src + (iy + r) * a.src_stride) + ix;
        if (!inside) {
          copy_folded<T, kTaps>(a, ix, iy + r, folded);
          from = folded;
        }
        for (int k = 0; k < kPairs; ++k) {
          std::memcpy(to + (kBytes ? 16 : 8) * k, from + 2 * k, 2 * sizeof(T));
        }
      }
    }
  }
  KernelArgs patched = a;
  patched.src = reinterpret_cast<const std::uint8_t*>(patch);
  patched.src_stride = kRow * static_cast<std::ptrdiff_t>(sizeof(T));
  RowPlan lanes = plan;
  lanes.lane_x = lane_x;
  lanes.lane_y = lane_y;
  lanes.base_x = base_x;
  lanes.base_y = base_y;
  lanes.shift_x = shift_x;
  group_of_gathered<kTaps>(patched, lanes, out);
}

template <class T, int kTaps>
VSTAB_NOINLINE void sphere_group(const KernelArgs& a, const RowPlan& plan, int b, int rows, bool folded, T* out) {
  // 16 bits: both windows, 12 samples each with the pairs of taps that have their own.
  constexpr int kSamples = sizeof(T) == 1 ? 16 : 32;
  std::int16_t lane_x[kGroups * kBlock], lane_y[kGroups * kBlock];
  fill_lanes<kTaps>(a, plan, b, lane_x, lane_y);
  RowPlan lanes = plan;
  lanes.lane_x = lane_x;
  lanes.lane_y = lane_y;
  if (!folded) {
    group_of_lanes<kTaps>(a, lanes, b, rows, out);
    return;
  }
  T patch[kMaxRows * kGroups * kSamples];
  std::int32_t base_x[kGroups], base_y[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    const std::int32_t shift = plan.shift_x[b + g] >> kPositionBits;
    if (sizeof(T) == 2 && (shift < -20 || shift > 20)) {
      gathered_group<T, kTaps>(a, plan, b, out);
      return;
    }
    const std::int32_t before = sizeof(T) == 2 ? max_of(-shift, 0) : 0;  // from the first of the two windows on
    for (int r = 0; r < rows; ++r) {
      copy_folded<T, kSamples>(a, plan.base_x[b + g] - before, plan.base_y[b + g] + r,
                               patch + (r * kGroups + g) * kSamples);
    }
    base_x[g] = g * kSamples + before;
    base_y[g] = 0;
  }
  KernelArgs patched = a;
  patched.src = reinterpret_cast<const std::uint8_t*>(patch);
  patched.src_stride = kGroups * kSamples * static_cast<std::ptrdiff_t>(sizeof(T));
  lanes.base_x = base_x;
  lanes.base_y = base_y;
  lanes.shift_x = plan.shift_x + b;
  lanes.reach_x = plan.reach_x + b;
  group_of_lanes<kTaps>(patched, lanes, 0, rows, out);
}
