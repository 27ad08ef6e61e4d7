// Groups of the vector path on the sphere: positions from tables, and windows across the seam or a pole, which are first
// copied to a patch of their own.
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
  group_u8<kTaps, -1, true>(a, plan, b, rows, out);
}
template <int kTaps>
inline void group_of_lanes(const KernelArgs& a, const RowPlan& plan, int b, int rows, std::uint16_t* out) {
  if (a.code_bits > 14) {
    group_u16<kTaps, -1, false, true, true>(a, plan, b, rows, out);
  } else {
    group_u16<kTaps, -1, false, false, true>(a, plan, b, rows, out);
  }
}

template <class T, int kTaps>
VSTAB_NOINLINE bool sphere_group(const KernelArgs& a, const RowPlan& plan, int b, int rows, bool folded, T* out) {
  // 16 bits: both windows, 12 samples each with the pairs of taps that have their own.
  constexpr int kSamples = sizeof(T) == 1 ? 16 : 32;
  std::int16_t lane_x[kGroups * kBlock], lane_y[kGroups * kBlock];
  fill_lanes<kTaps>(a, plan, b, lane_x, lane_y);
  RowPlan lanes = plan;
  lanes.lane_x = lane_x;
  lanes.lane_y = lane_y;
  if (!folded) {
    group_of_lanes<kTaps>(a, lanes, b, rows, out);
    return true;
  }
  T patch[kMaxRows * kGroups * kSamples];
  std::int32_t base_x[kGroups], base_y[kGroups];
  for (int g = 0; g < kGroups; ++g) {
    const std::int32_t shift = plan.shift_x[b + g] >> kPositionBits;
    if (sizeof(T) == 2 && (shift < -20 || shift > 20)) {
      return false;
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
  return true;
}
