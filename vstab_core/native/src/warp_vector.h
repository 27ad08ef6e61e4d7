// The vector path: runs whose taps all lie inside the source, kGroups runs of 8 pixels at a time, one channel.
// Included by warp_kernel.h inside a namespace of its own for every instruction set that has byte shuffles.
//
// A run's taps in one source row lie in one 16-byte window, loaded whole; a byte shuffle picks tap k of all 8 pixels.
// Runs step down as they go, so the group takes the band of rows that all its pixels need together and each pixel gives
// weight zero to the rows it does not use: 4 rows for most bicubic groups of a nearly level warp, 5 for the others.

// Phase and whole part of the 8 positions of each run; all relative to the windows, unsigned, 5 + 11 bits.
struct Positions {
  V x, y;
};

inline V phase_of(V position) { return bit_and(shl16<3>(position), dup<V>(0x3ff8)); }

// Where a group's pixels are: along the plan's lines; each as the plan's lanes say; or the same with the samples of
// every pixel side by side, a pair of taps of all pixels in 16 bytes (warp_sphere.h).
enum class Lanes { line, given, gathered };

template <Lanes kLanes>
VSTAB_INLINE Positions positions_of(const RowPlan& plan, int b) {
  if constexpr (kLanes != Lanes::line) {
    Positions at;
    std::memcpy(&at.x, plan.lane_x, sizeof at.x);
    std::memcpy(&at.y, plan.lane_y, sizeof at.y);
    return at;
  }
  const V steps = shl16<12>(iota8());
  return {add(dup_groups(plan.rel_x + b), mulhrs(dup_groups(plan.step_x + b), steps)),
          add(dup_groups(plan.rel_y + b), mulhrs(dup_groups(plan.step_y + b), steps))};
}

// Weight of row r of the band: the filter's weight r - down, where `down` is how far below the band's top the pixel
// starts. kExtra: rows of the band beyond the filter's taps, or -1 if only known at run time.
template <int kTaps, int kExtra>
VSTAB_INLINE V row_weight(const V* c, V down, int r) {
  if constexpr (kExtra == 0) {
    static_cast<void>(down);
    return c[r];
  }
  V w = dup<V>(0);
  VSTAB_UNROLL
  for (int k = 0; k < kTaps; ++k) {
    if (kExtra < 0 || (r - k >= 0 && r - k <= kExtra)) {
      w = bit_or(w, where_equal(down, dup<V>(r - k), c[k]));
    }
  }
  return w;
}

// Calls step(r) for the rows of the band: unrolled where their number is known.
template <int kTaps, int kExtra, int kStride, class Step>
VSTAB_INLINE void for_rows(int rows, const Step& step) {
  if constexpr (kExtra >= 0) {
    static_cast<void>(rows);
    VSTAB_UNROLL
    for (int r = 0; r < kTaps + kExtra; r += kStride) {
      step(r);
    }
  } else {
    for (int r = 0; r < rows; r += kStride) {
      step(r);
    }
  }
}

VSTAB_INLINE void window_pointers(const KernelArgs& a, const RowPlan& plan, int b, const std::uint8_t** p) {
  for (int g = 0; g < kGroups; ++g) {
    p[g] = a.src + plan.base_y[b + g] * a.src_stride +
           static_cast<std::ptrdiff_t>(plan.base_x[b + g]) * (a.depth == Depth::u8 ? 1 : 2);
  }
}

// 8 bits. Samples minus 128 in the high byte of 16-bit lanes; rows at 7 fractional bits, columns at 6, each product
// rounded: at most 0.06 code from exact sums, far less than the final rounding.
template <int kTaps, int kExtra, Lanes kLanes = Lanes::line>
inline void group_u8(const KernelArgs& a, const RowPlan& plan, int b, int rows, std::uint8_t* out) {
  const Positions at = positions_of<kLanes>(plan, b);
  V cx[kTaps], cy[kTaps], index[kTaps];
  FilterTaps<kTaps>::weights(phase_of(at.x), cx);
  FilterTaps<kTaps>::weights(phase_of(at.y), cy);
  const V down = shr16<kPositionBits>(at.y);
  // Shuffle index: the tap's byte into the high half of the lane, zero into the low half.
  const V first = bit_or(bit_and(shr16<3>(at.x), dup<V>(0x1f00)), dup<V>(0x0080));
  for (int k = 0; k < kTaps; ++k) {
    index[k] = add(first, dup<V>((kLanes == Lanes::gathered ? k % 2 : k) << 8));
  }
  const std::uint8_t* window[kGroups];
  window_pointers(a, plan, b, window);
  const V flip = dup<V>(0x8080);
  V sum = dup<V>(32);
  for_rows<kTaps, kExtra, 1>(rows, [&](int r) {
    V samples = bit_xor(load_groups(window, r * a.src_stride), flip);
    V h = mulhrs(shuffle(samples, index[0]), cx[0]);
    VSTAB_UNROLL
    for (int k = 1; k < kTaps; ++k) {
      if (kLanes == Lanes::gathered && k % 2 == 0) {
        samples = bit_xor(load_groups(window, r * a.src_stride + 8 * k), flip);
      }
      h = add(h, mulhrs(shuffle(samples, index[k]), cx[k]));
    }
    sum = add(sum, mulhrs(h, row_weight<kTaps, kExtra>(cy, down, r)));
  });
  store8_biased(out, sra16<6>(sum));
}

// 9 to 16 bits in halves of 4 pixels a run: 8 samples of a row hold the taps of 4 pixels pair by pair, and `madd` sums
// pairs in 32 bits. kOneWindow: all taps of the 4 pixels lie in one window; otherwise every pair of taps has its own,
// two samples on. kWide: more than 14 bits, see Arithmetic<std::uint16_t>.
template <int kTaps, int kExtra, bool kOneWindow, bool kWide, Lanes kLanes = Lanes::line>
inline void group_u16(const KernelArgs& a, const RowPlan& plan, int b, int rows, std::uint16_t* out) {
  constexpr int kPairs = kTaps / 2;
  const Positions at = positions_of<kLanes>(plan, b);
  V cx[kTaps], cy[kTaps];
  FilterTaps<kTaps>::weights(phase_of(at.x), cx);
  FilterTaps<kTaps>::weights(phase_of(at.y), cy);
  const V down = shr16<kPositionBits>(at.y);
  // Pixels 4..7 have a window of their own.
  const V own = sub(at.x, bit_and(dup_groups(plan.shift_x + b), upper_half()));
  const V tap = add(mul_small(shr16<kPositionBits>(own), 0x0202), dup<V>(0x0100));
  const V next = add(tap, dup<V>(0x0202));
  const V first[2] = {unpack_lo(tap, next), unpack_hi(tap, next)};
  V index[2][kPairs], pair[2][kPairs];
  for (int k = 0; k < kPairs; ++k) {
    for (int half = 0; half < 2; ++half) {
      index[half][k] = kOneWindow ? add(first[half], dup<V>(k * 0x0404)) : first[half];
    }
    pair[0][k] = unpack_lo(cx[2 * k], cx[2 * k + 1]);
    pair[1][k] = unpack_hi(cx[2 * k], cx[2 * k + 1]);
  }
  const std::uint8_t* window[2][kGroups];
  window_pointers(a, plan, b, window[0]);
  for (int g = 0; g < kGroups; ++g) {
    window[1][g] = window[0][g] + (plan.shift_x[b + g] >> kPositionBits) * 2;
  }
  const int row_bits = kWide ? 14 : a.code_bits, column_bits = kWide ? 14 : 28 - a.code_bits;
  const V row_shift = count32(row_bits), pair_shift = count32(16 - row_bits), column_shift = count32(column_bits);
  const V row_half = dup32(1 << (row_bits - 1)), column_half = dup32(1 << (column_bits - 1));
  const V max_value = dup<V>(a.max_value), flip = dup<V>(0x8000);
  const auto samples_at = [&](int half, std::ptrdiff_t at_byte) {
    const V samples = min_u16(load_groups(window[half], at_byte), max_value);
    return kWide ? bit_xor(samples, flip) : samples;
  };
  const auto fold_row = [&](int half, int r) {
    V h = row_half, samples = samples_at(half, r * a.src_stride);
    VSTAB_UNROLL
    for (int k = 0; k < kPairs; ++k) {
      if (!kOneWindow && k > 0) {
        samples = samples_at(half, r * a.src_stride + (kLanes == Lanes::gathered ? 16 : 4) * k);
      }
      h = add32(h, madd(shuffle(samples, index[half][k]), pair[half][k]));
    }
    return h;
  };
  V sum[2] = {column_half, column_half};
  for_rows<kTaps, kExtra, 2>(rows, [&](int r) {
    const bool both = r + 1 < (kExtra < 0 ? rows : kTaps + kExtra);
    const V w0 = row_weight<kTaps, kExtra>(cy, down, r);
    const V w1 = both ? row_weight<kTaps, kExtra>(cy, down, r + 1) : dup<V>(0);
    VSTAB_UNROLL
    for (int half = 0; half < 2; ++half) {
      const V h0 = fold_row(half, r);
      const V h1 = both ? fold_row(half, r + 1) : dup32(0);
      if (kWide) {
        const V w0_32 = sra32(half ? unpack_hi(w0, w0) : unpack_lo(w0, w0), count32(16));
        const V w1_32 = sra32(half ? unpack_hi(w1, w1) : unpack_lo(w1, w1), count32(16));
        sum[half] = add32(sum[half], mul32(sra32(h0, row_shift), w0_32));
        sum[half] = add32(sum[half], mul32(sra32(h1, row_shift), w1_32));
      } else {
        const V both_rows = odd_from(sra32(h0, row_shift), shl32(h1, pair_shift));
        sum[half] = add32(sum[half], madd(both_rows, half ? unpack_hi(w0, w1) : unpack_lo(w0, w1)));
      }
    }
  });
  V low = sra32(sum[0], column_shift), high = sra32(sum[1], column_shift);
  if (kWide) {
    low = add32(low, dup32(32768));
    high = add32(high, dup32(32768));
  }
  store16(out, min_u16(pack_u16(low, high), max_value));
}

// Which variant a group takes: bands of one length unrolled, all others in a loop.
template <int kTaps>
inline void group(const KernelArgs& a, const RowPlan& plan, int b, int rows, std::uint8_t* out) {
  switch (rows - kTaps) {
    case 0: return group_u8<kTaps, 0>(a, plan, b, rows, out);
    case 1: return group_u8<kTaps, 1>(a, plan, b, rows, out);
    default: return group_u8<kTaps, -1>(a, plan, b, rows, out);
  }
}

template <int kTaps>
inline void group(const KernelArgs& a, const RowPlan& plan, int b, int rows, std::uint16_t* out) {
  constexpr bool kCanBeOne = kTaps <= 4;  // 6 taps and 4 pixels never fit into 8 samples
  bool one = kCanBeOne;
  for (int g = 0; g < kGroups; ++g) {
    one = one && plan.reach_x[b + g] + kTaps <= 8;
  }
  if (a.code_bits > 14) {
    return group_u16<kTaps, -1, false, true>(a, plan, b, rows, out);
  }
  if (one || !kCanBeOne) {
    switch (rows - kTaps) {
      case 0: return group_u16<kTaps, 0, kCanBeOne, false>(a, plan, b, rows, out);
      case 1: return group_u16<kTaps, 1, kCanBeOne, false>(a, plan, b, rows, out);
      default: break;
    }
  }
  group_u16<kTaps, -1, false, false>(a, plan, b, rows, out);
}

#include "warp_sphere.h"

// Writes kGroups runs from run b on, or returns false if one of them needs the scalar path.
template <class T, int kTaps>
inline bool vector_runs(const KernelArgs& a, const RowPlan& plan, int b, T* out) {
  std::int32_t most = 0, least = kMaxRows;
  for (int g = 0; g < kGroups; ++g) {
    most = max_of(most, plan.rows[b + g]);
    least = min_of(least, plan.rows[b + g]);
  }
  if (least == 0) {
    if (a.sphere) {
      gathered_group<T, kTaps>(a, plan, b, out);
    }
    return a.sphere;
  }
  if (a.sphere) {
    std::int32_t folded = 0, tables = 0;
    for (int g = 0; g < kGroups; ++g) {
      folded |= plan.folded[b + g];
      tables |= int{plan.table && plan.table[b + g] >= 0};
    }
    if (folded | tables) {
      sphere_group<T, kTaps>(a, plan, b, most, folded != 0, out);
      return true;
    }
  }
  group<kTaps>(a, plan, b, most, out);
  return true;
}
