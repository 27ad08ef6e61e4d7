// Float planes of 1, 3 and 4 channels: one pixel whose taps all lie inside the source.
//
// Taps that are side by side in a row are one vector: two pixels of RGBA, or four of a plane of one channel. Rows are
// added with their weights first (one weight for a whole row), then the columns; the order is that of Fold<float>.
// Included by warp_kernel.h inside a namespace of its own for every instruction set with vectors.

#if VSTAB_LEVEL_NEON
using Quad = float32x4_t;
inline Quad load4(const float* p) { return vld1q_f32(p); }
inline Quad load2(const float* p) { return vcombine_f32(vld1_f32(p), vdup_n_f32(0)); }
inline void store4(float* p, Quad a) { vst1q_f32(p, a); }
inline Quad dup4(float v) { return vdupq_n_f32(v); }
inline Quad mul(Quad a, Quad b) { return vmulq_f32(a, b); }
inline Quad add(Quad a, Quad b) { return vaddq_f32(a, b); }
inline Quad sub(Quad a, Quad b) { return vsubq_f32(a, b); }
inline Quad phase4(const std::int32_t* p) {
  return vcvtq_f32_s32(vandq_s32(vld1q_s32(p), vdupq_n_s32((1 << kPositionBits) - 1)));
}
inline void line4(std::int32_t first, std::int32_t step, std::int32_t i, std::int32_t* to) {
  const std::int32_t lanes[4] = {i, i + 1, i + 2, i + 3};
  const int32x4_t way = vmlaq_s32(vdupq_n_s32(4), vdupq_n_s32(step), vld1q_s32(lanes));
  vst1q_s32(to, vaddq_s32(vdupq_n_s32(first), vshrq_n_s32(way, 3)));
}
inline Quad four(float a, float b, float c, float d) {
  const float lanes[4] = {a, b, c, d};
  return vld1q_f32(lanes);
}
inline Quad upper2(Quad a) { return vcombine_f32(vget_high_f32(a), vget_high_f32(a)); }
inline float first_two(Quad a) { return vgetq_lane_f32(a, 0) + vgetq_lane_f32(a, 1); }
// a < b ? a : b, and a < b ? b : a; b where one is no number.
inline Quad smaller(Quad a, Quad b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
inline Quad larger(Quad a, Quad b) { return vbslq_f32(vcltq_f32(a, b), b, a); }
#else
using Quad = __m128;
inline Quad load4(const float* p) { return _mm_loadu_ps(p); }
inline Quad load2(const float* p) { return _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
inline void store4(float* p, Quad a) { _mm_storeu_ps(p, a); }
inline Quad dup4(float v) { return _mm_set1_ps(v); }
inline Quad mul(Quad a, Quad b) { return _mm_mul_ps(a, b); }
inline Quad add(Quad a, Quad b) { return _mm_add_ps(a, b); }
inline Quad sub(Quad a, Quad b) { return _mm_sub_ps(a, b); }
inline Quad phase4(const std::int32_t* p) {
  return _mm_cvtepi32_ps(_mm_and_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)),
                                       _mm_set1_epi32((1 << kPositionBits) - 1)));
}
inline void line4(std::int32_t first, std::int32_t step, std::int32_t i, std::int32_t* to) {
  const __m128i way = _mm_mullo_epi32(_mm_set1_epi32(step), _mm_setr_epi32(i, i + 1, i + 2, i + 3));
  const __m128i eighths = _mm_srai_epi32(_mm_add_epi32(way, _mm_set1_epi32(4)), 3);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_add_epi32(_mm_set1_epi32(first), eighths));
}
inline Quad four(float a, float b, float c, float d) { return _mm_setr_ps(a, b, c, d); }
inline Quad upper2(Quad a) { return _mm_movehl_ps(a, a); }
inline float first_two(Quad a) { return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a))); }
inline Quad smaller(Quad a, Quad b) { return _mm_min_ps(a, b); }
inline Quad larger(Quad a, Quad b) { return _mm_max_ps(b, a); }
#endif

// Eight lanes: two taps of four channels, or one value for each pixel of a run.
struct Eight {
  Eight() = default;
#if VSTAB_LEVEL_AVX2 || VSTAB_LEVEL_AVX512
  explicit VSTAB_INLINE Eight(float v) : v(_mm256_set1_ps(v)) {}
  explicit VSTAB_INLINE Eight(__m256 lanes) : v(lanes) {}
  __m256 v;
#else
  explicit VSTAB_INLINE Eight(float v) : low(dup4(v)), high(dup4(v)) {}
  VSTAB_INLINE Eight(Quad a, Quad b) : low(a), high(b) {}
  Quad low, high;
#endif
};
#if VSTAB_LEVEL_AVX2 || VSTAB_LEVEL_AVX512
VSTAB_INLINE Eight load8(const float* p) { return Eight(_mm256_loadu_ps(p)); }
VSTAB_INLINE void store8(float* p, Eight a) { _mm256_storeu_ps(p, a.v); }
VSTAB_INLINE Eight operator*(Eight a, Eight b) { return Eight(_mm256_mul_ps(a.v, b.v)); }
VSTAB_INLINE Eight operator+(Eight a, Eight b) { return Eight(_mm256_add_ps(a.v, b.v)); }
VSTAB_INLINE Eight operator-(Eight a, Eight b) { return Eight(_mm256_sub_ps(a.v, b.v)); }
VSTAB_INLINE Eight least_of(Eight a, Eight b) { return Eight(_mm256_min_ps(a.v, b.v)); }
VSTAB_INLINE Quad least_half(Eight a) { return smaller(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1)); }
VSTAB_INLINE Eight both(float a, float b) {
  return Eight(_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_set1_ps(a)), _mm_set1_ps(b), 1));
}
VSTAB_INLINE Quad sum_of(Eight a) { return _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1)); }
// Positions of the pixels of a run, as at_pixel.
VSTAB_INLINE void line8(std::int32_t first, std::int32_t step, std::int32_t* to) {
  const __m256i way = _mm256_mullo_epi32(_mm256_set1_epi32(step), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  const __m256i eighths = _mm256_srai_epi32(_mm256_add_epi32(way, _mm256_set1_epi32(4)), 3);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_add_epi32(_mm256_set1_epi32(first), eighths));
}
VSTAB_INLINE Eight phases_of(const std::int32_t* p) {
  const __m256i phase = _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
                                         _mm256_set1_epi32((1 << kPositionBits) - 1));
  return Eight(_mm256_mul_ps(_mm256_cvtepi32_ps(phase), _mm256_set1_ps(1.0f / 2048)));
}
#else
VSTAB_INLINE Eight load8(const float* p) { return {load4(p), load4(p + 4)}; }
VSTAB_INLINE void store8(float* p, Eight a) {
  store4(p, a.low);
  store4(p + 4, a.high);
}
VSTAB_INLINE Eight operator*(Eight a, Eight b) { return {mul(a.low, b.low), mul(a.high, b.high)}; }
VSTAB_INLINE Eight operator+(Eight a, Eight b) { return {add(a.low, b.low), add(a.high, b.high)}; }
VSTAB_INLINE Eight operator-(Eight a, Eight b) { return {sub(a.low, b.low), sub(a.high, b.high)}; }
VSTAB_INLINE Eight least_of(Eight a, Eight b) { return {smaller(a.low, b.low), smaller(a.high, b.high)}; }
VSTAB_INLINE Quad least_half(Eight a) { return smaller(a.low, a.high); }
VSTAB_INLINE Eight both(float a, float b) { return {dup4(a), dup4(b)}; }
VSTAB_INLINE Quad sum_of(Eight a) { return add(a.low, a.high); }
VSTAB_INLINE void line8(std::int32_t first, std::int32_t step, std::int32_t* to) {
  line4(first, step, 0, to);
  line4(first, step, 4, to + 4);
}
VSTAB_INLINE Eight phases_of(const std::int32_t* p) {
  const Eight phase(phase4(p), phase4(p + 4));
  return phase * Eight(1.0f / 2048);
}
#endif

inline const float* below(const float* p, std::ptrdiff_t stride) {
  return reinterpret_cast<const float*>(reinterpret_cast<const std::uint8_t*>(p) + stride);
}

// One pixel; `p` is its first tap, `cx` and `cy` are its weights, kBlock apart. kFloor: see KernelArgs::floor; of four
// channels only.
template <int kChannels, int kTaps>
struct FloatPixel;

template <int kTaps>
struct FloatPixel<4, kTaps> {
  template <bool kFloor>
  static VSTAB_INLINE void run(const float* p, std::ptrdiff_t stride, const float* cx, const float* cy, float* out, bool) {
    Eight all;
    VSTAB_UNROLL
    for (int k = 0; k < kTaps; k += 2) {
      Eight sum = load8(p + 4 * k) * Eight(cy[0]);
      VSTAB_UNROLL
      for (int r = 1; r < kTaps; ++r) {
        sum = sum + load8(below(p, r * stride) + 4 * k) * Eight(cy[r * kBlock]);
      }
      const Eight part = sum * both(cx[k * kBlock], cx[(k + 1) * kBlock]);
      all = k == 0 ? part : all + part;
    }
    Quad pixel = sum_of(all);
    if (kFloor) {
      const float* const around = below(p, (kTaps / 2 - 1) * stride) + 4 * (kTaps / 2 - 1);
      pixel = larger(pixel, least_half(least_of(load8(around), load8(below(around, stride)))));
    }
    store4(out, pixel);
  }
};

// The fourth lane holds the next pixel's first channel, for nothing.
template <int kTaps>
struct FloatPixel<3, kTaps> {
  template <bool>
  static VSTAB_INLINE void run(const float* p, std::ptrdiff_t stride, const float* cx, const float* cy, float* out,
                               bool last) {
    Quad sum[kTaps];
    VSTAB_UNROLL
    for (int r = 0; r < kTaps; ++r, p = below(p, stride)) {
      const Quad weight = dup4(cy[r * kBlock]);
      VSTAB_UNROLL
      for (int k = 0; k < kTaps; ++k) {
        const Quad tap = mul(load4(p + 3 * k), weight);
        sum[k] = r == 0 ? tap : add(sum[k], tap);
      }
    }
    Quad even = mul(sum[0], dup4(cx[0])), odd = mul(sum[1], dup4(cx[kBlock]));
    VSTAB_UNROLL
    for (int k = 2; k < kTaps; k += 2) {
      even = add(even, mul(sum[k], dup4(cx[k * kBlock])));
      odd = add(odd, mul(sum[k + 1], dup4(cx[(k + 1) * kBlock])));
    }
    if (!last) {
      store4(out, add(even, odd));  // the pixel to the right overwrites what is too much
      return;
    }
    float pixel[4];
    store4(pixel, add(even, odd));
    std::memcpy(out, pixel, 3 * sizeof(float));
  }
};

template <int kTaps>
struct FloatPixel<1, kTaps> {
  template <bool>
  static VSTAB_INLINE void run(const float* p, std::ptrdiff_t stride, const float* cx, const float* cy, float* out,
                               bool) {
    Quad sum = dup4(0), rest = dup4(0);
    VSTAB_UNROLL
    for (int r = 0; r < kTaps; ++r, p = below(p, stride)) {
      const Quad weight = dup4(cy[r * kBlock]);
      const Quad taps = mul(kTaps == 2 ? load2(p) : load4(p), weight);
      sum = r == 0 ? taps : add(sum, taps);
      if (kTaps == 6) {
        const Quad others = mul(load2(p + 4), weight);
        rest = r == 0 ? others : add(rest, others);
      }
    }
    constexpr int kNext = kTaps == 2 ? 0 : 2 * kBlock;
    sum = mul(sum, four(cx[0], cx[kBlock], cx[kNext], cx[kNext + kBlock]));
    if (kTaps >= 4) {
      sum = add(sum, upper2(sum));  // even and odd columns
    }
    if (kTaps == 6) {
      sum = add(sum, mul(rest, four(cx[4 * kBlock], cx[5 * kBlock], 0, 0)));
    }
    *out = first_two(sum);
  }
};
