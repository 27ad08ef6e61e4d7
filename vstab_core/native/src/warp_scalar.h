// The path that takes any run: every border, depth, channel count and scale, a pixel at a time.
// Included by warp_kernel.h inside a namespace of its own for every instruction set.

// Arithmetic of one depth. `Acc` holds sums over taps; `row` folds a row of taps, `finish` the column of rows.
template <class T>
struct Arithmetic;

// 8 bits, as the vector path does it in 16-bit lanes: samples minus 128 at 8 fractional bits, each product rounded.
template <>
struct Arithmetic<std::uint8_t> {
  using Weight = Int;
  template <int kTaps>
  static void weights(int phase, Int* c) { FilterTaps<kTaps>::weights(Int{phase << 3}, c); }
  explicit Arithmetic(const KernelArgs&) {}
  std::int32_t border(const KernelArgs& a, int channel) const { return a.border_code[channel]; }
  template <int kTaps>
  std::int32_t row(const std::int32_t* p, const Int* c) const {
    std::int32_t sum = 0;
    for (int k = 0; k < kTaps; ++k) {
      sum += mulhrs(Int{(p[k] - 128) * 256}, c[k]).v;
    }
    return sum;
  }
  template <int kTaps>
  std::uint8_t column(const std::int32_t* h, const Int* c) const {
    std::int32_t sum = 32;
    for (int k = 0; k < kTaps; ++k) {
      sum += mulhrs(Int{h[k]}, c[k]).v;
    }
    return static_cast<std::uint8_t>(min_of(max_of((sum >> 6) + 128, 0), 255));
  }
  using Sample = std::int32_t;
  Sample load(std::uint8_t v) const { return v; }
};

// 9 to 16 bits in 16-bit samples. Up to 14 bits rows are rounded to 16 bits, with 14 - bits fractional bits; above, the
// samples are taken minus 32768 and rows rounded to whole codes, so that everything stays inside 32 bits.
template <>
struct Arithmetic<std::uint16_t> {
  using Weight = Int;
  template <int kTaps>
  static void weights(int phase, Int* c) { FilterTaps<kTaps>::weights(Int{phase << 3}, c); }
  explicit Arithmetic(const KernelArgs& a)
      : max_value(a.max_value),
        offset(a.code_bits > 14 ? 32768 : 0),
        row_shift(a.code_bits > 14 ? 14 : a.code_bits),
        column_shift(a.code_bits > 14 ? 14 : 28 - a.code_bits) {}
  std::int32_t border(const KernelArgs& a, int channel) const { return a.border_code[channel]; }
  template <int kTaps>
  std::int32_t row(const std::int32_t* p, const Int* c) const {
    std::int32_t sum = 1 << (row_shift - 1);
    for (int k = 0; k < kTaps; ++k) {
      sum += (p[k] - offset) * c[k].v;
    }
    return sum >> row_shift;
  }
  template <int kTaps>
  std::uint16_t column(const std::int32_t* h, const Int* c) const {
    std::int64_t sum = std::int64_t{1} << (column_shift - 1);
    for (int k = 0; k < kTaps; ++k) {
      sum += static_cast<std::int64_t>(h[k]) * c[k].v;
    }
    const std::int32_t v = static_cast<std::int32_t>(sum >> column_shift) + offset;
    return static_cast<std::uint16_t>(min_of(max_of(v, 0), max_value));
  }
  using Sample = std::int32_t;
  Sample load(std::uint16_t v) const { return min_of(v, max_value); }
  std::int32_t max_value, offset;
  int row_shift, column_shift;
};

// One channel of one pixel: row after row of taps, then the result. Integers fold each row, then the column of rows.
template <class T, int kTaps>
struct Fold {
  using A = Arithmetic<T>;
  void add(const A& arith, int r, const std::int32_t* taps, const Int* cx, const Int*) {
    h[r] = arith.template row<kTaps>(taps, cx);
  }
  T result(const A& arith, const Int*, const Int* cy) const { return arith.template column<kTaps>(h, cy); }
  std::int32_t h[kTaps];
};

template <>
struct Arithmetic<float> {
  using Weight = float;
  template <int kTaps>
  static void weights(int phase, float* c) { FilterTaps<kTaps>::float_weights(static_cast<float>(phase) * (1.0f / 2048), c); }
  explicit Arithmetic(const KernelArgs&) {}
  float border(const KernelArgs& a, int channel) const { return a.border_value[channel]; }
  using Sample = float;
  Sample load(float v) const { return v; }
};

// Float folds columns first, rows from the top, then the even and the odd columns: the order of warp_float.h, where all
// taps of a row lie side by side in a vector whose halves are added last.
template <int kTaps>
struct Fold<float, kTaps> {
  void add(const Arithmetic<float>&, int r, const float* taps, const float*, const float* cy) {
    for (int k = 0; k < kTaps; ++k) {
      sum[k] = r == 0 ? taps[k] * cy[0] : sum[k] + taps[k] * cy[r];
    }
  }
  float result(const Arithmetic<float>&, const float* cx, const float*) const {
    if constexpr (kTaps == 1) {
      return sum[0] * cx[0];
    } else {
      return both(cx);
    }
  }
  float both(const float* cx) const {
    float even = sum[0] * cx[0], odd = sum[1] * cx[1];
    for (int k = 2; k < kTaps; k += 2) {
      even += sum[k] * cx[k];
      odd += sum[k + 1] * cx[k + 1];
    }
    return even + odd;
  }
  float sum[kTaps] = {};
};

// Index of a sample outside 0..n-1, or -1 for one that has the border value.
inline std::int32_t outside_index(std::int32_t i, std::int32_t n, Border border) {
  if (border == Border::constant) {
    return -1;
  }
  if (border == Border::mirror) {
    i %= 2 * n;
    i = i < 0 ? i + 2 * n : i;
    return i < n ? i : 2 * n - 1 - i;
  }
  return i < 0 ? 0 : n - 1;
}

inline bool has_pixel(const KernelArgs& a, std::int32_t x, std::int32_t y) {
  return x >= 0 && y >= 0 && x < a.src_width && y < a.src_height;
}

// On the sphere any position is inside. Beyond a pole lies the other side: the row mirrored, half a turn on. An odd
// width is halved downwards: half a pixel, of pixels that are next to nothing there.
struct Folded {
  std::int32_t row, turn;  // turn: samples to add to the column
};
inline Folded fold_row(const KernelArgs& a, std::int32_t y) {
  const std::int32_t n = a.src_height;
  y %= 2 * n;
  y = y < 0 ? y + 2 * n : y;
  return y < n ? Folded{y, 0} : Folded{2 * n - 1 - y, a.src_width / 2};
}
inline std::int32_t fold_column(const KernelArgs& a, std::int32_t x) {
  x %= a.src_width;
  return x < 0 ? x + a.src_width : x;
}

// The two taps on either side of the position, along one axis.
template <int kTaps>
constexpr bool nearest(int tap) {
  return tap == kTaps / 2 - 1 || tap == kTaps / 2;
}

template <class T, int kChannels, int kTaps>
struct ScalarPath {
  using A = Arithmetic<T>;
  using Sample = typename A::Sample;
  using Weight = typename A::Weight;

  // What `KernelArgs::floor` asks: no result below the least of the four samples around its position.
  struct Least {
    Sample of[kChannels];

    void see(const Sample* taps, int c, int r) {
      if constexpr (sizeof(T) == 4 && kTaps > 1) {
        for (int k = kTaps / 2 - 1; nearest<kTaps>(r) && k <= kTaps / 2; ++k) {
          const bool first = r == kTaps / 2 - 1 && k == kTaps / 2 - 1;
          of[c] = first || taps[k] < of[c] ? taps[k] : of[c];
        }
      }
    }
    T lift(T value, int c) const {
      if constexpr (sizeof(T) == 4) {
        return value < of[c] ? of[c] : value;
      }
      return value;
    }
  };

  static void finish(const KernelArgs& a, const A& arith, const Fold<T, kTaps> (&folds)[kChannels], const Weight* cx,
                     const Weight* cy, const Least& least, T* out) {
    for (int c = 0; c < kChannels; ++c) {
      out[c] = folds[c].result(arith, cx, cy);
      if (sizeof(T) == 4 && a.floor) {
        out[c] = least.lift(out[c], c);
      }
    }
  }

  // All taps inside: `p` is the first tap's pixel.
  static void inside(const KernelArgs& a, const A& arith, const std::uint8_t* p, std::ptrdiff_t stride,
                     const Weight* cx, const Weight* cy, T* out) {
    Least least{};
    Fold<T, kTaps> folds[kChannels];
    for (int r = 0; r < kTaps; ++r, p += stride) {
      const T* row = reinterpret_cast<const T*>(p);
      for (int c = 0; c < kChannels; ++c) {
        Sample taps[kTaps];
        for (int k = 0; k < kTaps; ++k) {
          taps[k] = arith.load(row[k * kChannels + c]);
        }
        if (sizeof(T) == 4 && a.floor) {
          least.see(taps, c, r);
        }
        folds[c].add(arith, r, taps, cx, cy);
      }
    }
    finish(a, arith, folds, cx, cy, least, out);
  }

  static void at_border(const KernelArgs& a, const A& arith, std::int32_t ix, std::int32_t iy, const Weight* cx,
                        const Weight* cy, T* out) {
    std::int32_t xs[kTaps];
    for (int k = 0; k < kTaps; ++k) {
      const std::int32_t i = ix + k;
      xs[k] = i >= 0 && i < a.src_width ? i : outside_index(i, a.src_width, a.border);
    }
    Least least{};
    Fold<T, kTaps> folds[kChannels];
    for (int r = 0; r < kTaps; ++r) {
      const std::int32_t i = iy + r;
      const std::int32_t y = i >= 0 && i < a.src_height ? i : outside_index(i, a.src_height, a.border);
      const T* row = y < 0 ? nullptr : reinterpret_cast<const T*>(a.src + y * a.src_stride);
      for (int c = 0; c < kChannels; ++c) {
        Sample taps[kTaps];
        for (int k = 0; k < kTaps; ++k) {
          taps[k] = row && xs[k] >= 0 ? arith.load(row[xs[k] * kChannels + c]) : arith.border(a, c);
        }
        if (sizeof(T) == 4 && a.floor) {
          least.see(taps, c, r);
        }
        folds[c].add(arith, r, taps, cx, cy);
      }
    }
    finish(a, arith, folds, cx, cy, least, out);
  }

  static void on_sphere(const KernelArgs& a, const A& arith, std::int32_t ix, std::int32_t iy, const Weight* cx,
                        const Weight* cy, T* out) {
    Least least{};
    Fold<T, kTaps> folds[kChannels];
    for (int r = 0; r < kTaps; ++r) {
      const Folded folded = fold_row(a, iy + r);
      const T* row = reinterpret_cast<const T*>(a.src + folded.row * a.src_stride);
      std::int32_t xs[kTaps];
      for (int k = 0; k < kTaps; ++k) {
        xs[k] = fold_column(a, ix + k + folded.turn) * kChannels;
      }
      for (int c = 0; c < kChannels; ++c) {
        Sample taps[kTaps];
        for (int k = 0; k < kTaps; ++k) {
          taps[k] = arith.load(row[xs[k] + c]);
        }
        if (sizeof(T) == 4 && a.floor) {
          least.see(taps, c, r);
        }
        folds[c].add(arith, r, taps, cx, cy);
      }
    }
    finish(a, arith, folds, cx, cy, least, out);
  }

  static void fill(const KernelArgs& a, const A& arith, T* out, int count) {
    if (a.border == Border::keep) {
      return;
    }
    for (int i = 0; i < count; ++i) {
      for (int c = 0; c < kChannels; ++c) {
        out[i * kChannels + c] = static_cast<T>(arith.border(a, c));
      }
    }
  }

  // The first `count` pixels of run `b`.
  static void run(const KernelArgs& a, const RowPlan& plan, int b, int count, T* out) {
    constexpr int kBefore = (kTaps + 1) / 2 - 1;
    constexpr std::int32_t kHalf = 1 << (kPositionBits - 1);
    const A arith(a);
    if (plan.nowhere[b]) {
      fill(a, arith, out, count);
      return;
    }
    const TablePositions table = table_of(a, plan, b);
    for (int i = 0; i < count; ++i, out += kChannels) {
      std::int32_t x = table.x ? from_table(table.x[i]) : at_pixel(plan.first_x[b], plan.step_x[b], i);
      std::int32_t y = table.x ? from_table(table.y[i]) : at_pixel(plan.first_y[b], plan.step_y[b], i);
      if (a.sphere && (x < 0 || x >= a.src_width << kPositionBits)) {
        x %= a.src_width << kPositionBits;
        x = x < 0 ? x + (a.src_width << kPositionBits) : x;
      }
      const bool kept = x < -kHalf || y < -kHalf || x + kHalf > a.src_width * (1 << kPositionBits) ||
                        y + kHalf > a.src_height * (1 << kPositionBits);
      if (kTaps == 1) {
        x = (x + kHalf) & -(1 << kPositionBits);
        y = (y + kHalf) & -(1 << kPositionBits);
      }
      const std::int32_t ix = (x >> kPositionBits) - kBefore, iy = (y >> kPositionBits) - kBefore;
      const bool outside = ix + kTaps <= 0 || iy + kTaps <= 0 || ix >= a.src_width || iy >= a.src_height;
      if (a.border == Border::constant && outside) {
        fill(a, arith, out, 1);
        continue;
      }
      if (a.border == Border::keep && kept) {
        continue;
      }
      const int phase_x = x & ((1 << kPositionBits) - 1), phase_y = y & ((1 << kPositionBits) - 1);
      const bool within = ix >= 0 && iy >= 0 && ix + kTaps <= a.src_width && iy + kTaps <= a.src_height;
      if (sizeof(T) == 4 && (phase_x | phase_y) == 0 && has_pixel(a, ix + kBefore, iy + kBefore)) {
        // A pixel itself: 0 * inf is not 0, and 0 + -0 is not -0.
        const T* const exact =
            reinterpret_cast<const T*>(a.src + (iy + kBefore) * a.src_stride) + (ix + kBefore) * kChannels;
        for (int c = 0; c < kChannels; ++c) {
          out[c] = exact[c];
        }
        continue;
      }
      Weight cx[kTaps], cy[kTaps];
      A::template weights<kTaps>(phase_x, cx);
      A::template weights<kTaps>(phase_y, cy);
      if (within) {
        const std::ptrdiff_t column = static_cast<std::ptrdiff_t>(ix) * kChannels * static_cast<int>(sizeof(T));
        inside(a, arith, a.src + iy * a.src_stride + column, a.src_stride, cx, cy, out);
      } else if (a.sphere) {
        on_sphere(a, arith, ix, iy, cx, cy, out);
      } else {
        at_border(a, arith, ix, iy, cx, cy, out);
      }
      if constexpr (sizeof(T) == 4) {
        for (int c = 0; c < kChannels; ++c) {
          if (!is_number(out[c])) {
            const int right = phase_x >= kHalf ? 1 : 0, down = phase_y >= kHalf ? 1 : 0;
            out[c] = mended(a, ix, iy, sample(a, ix + kBefore + right, iy + kBefore + down, c), c, cx, cy);
          }
        }
      }
    }
  }

  static bool is_number(float v) { return v - v == 0.0f; }

  static float sample(const KernelArgs& a, std::int32_t x, std::int32_t y, int channel) {
    if (a.sphere) {
      const Folded folded = fold_row(a, y);
      x = fold_column(a, x + folded.turn);
      y = folded.row;
    } else {
      x = x >= 0 && x < a.src_width ? x : outside_index(x, a.src_width, a.border);
      y = y >= 0 && y < a.src_height ? y : outside_index(y, a.src_height, a.border);
      if (x < 0 || y < 0) {
        return a.border_value[channel];
      }
    }
    return reinterpret_cast<const float*>(a.src + y * a.src_stride)[x * kChannels + channel];
  }

  // A float pixel under whose taps there is a sample that is no number: `nearest` stands for such samples.
  VSTAB_NOINLINE static float mended(const KernelArgs& a, std::int32_t ix, std::int32_t iy, float nearest, int channel,
                                     const Weight* cx, const Weight* cy) {
    if (!is_number(nearest)) {
      return nearest;
    }
    float sum = 0;
    for (int r = 0; r < kTaps; ++r) {
      for (int k = 0; k < kTaps; ++k) {
        const float tap = sample(a, ix + k, iy + r, channel);
        sum += (is_number(tap) ? tap : nearest) * cx[k] * cy[r];
      }
    }
    return sum;
  }
};
