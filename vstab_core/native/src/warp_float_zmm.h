// Float runs in vectors of sixteen: the x and y of eight pixels, or a row of four RGBA taps.
// Included by warp_float_run.h; the same bytes as what stands there.

struct Sixteen {
  Sixteen() = default;
  explicit VSTAB_INLINE Sixteen(float v) : v(_mm512_set1_ps(v)) {}
  explicit VSTAB_INLINE Sixteen(__m512 lanes) : v(lanes) {}
  __m512 v;
};
VSTAB_INLINE Sixteen operator*(Sixteen a, Sixteen b) { return Sixteen(_mm512_mul_ps(a.v, b.v)); }
VSTAB_INLINE Sixteen operator+(Sixteen a, Sixteen b) { return Sixteen(_mm512_add_ps(a.v, b.v)); }
VSTAB_INLINE Sixteen operator-(Sixteen a, Sixteen b) { return Sixteen(_mm512_sub_ps(a.v, b.v)); }
VSTAB_INLINE __m512i join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
VSTAB_INLINE __m256i load8i(const std::int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

template <int kChannels, int kTaps>
VSTAB_INLINE void place_run(const KernelArgs& a, const RowPlan& plan, int b, const TablePositions& table,
                            FloatRun<kTaps>& run) {
  constexpr int kBefore = kTaps / 2 - 1;
  __m512i at;  // x, then y
  if (table.x) {  // as from_table
    const __m512i half = _mm512_set1_epi32((1 << (kGridBits - 1)) - 4);
    at = _mm512_srai_epi32(_mm512_sub_epi32(join(load8i(table.x), load8i(table.y)), half), kGridBits - kPositionBits);
  } else {  // as at_pixel
    const __m512i first = join(_mm256_set1_epi32(plan.first_x[b]), _mm256_set1_epi32(plan.first_y[b]));
    const __m512i step = join(_mm256_set1_epi32(plan.step_x[b]), _mm256_set1_epi32(plan.step_y[b]));
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7);
    const __m512i way = _mm512_add_epi32(_mm512_mullo_epi32(step, lanes), _mm512_set1_epi32(4));
    at = _mm512_add_epi32(first, _mm512_srai_epi32(way, 3));
  }
  const __m512i tap = _mm512_sub_epi32(_mm512_srai_epi32(at, kPositionBits), _mm512_set1_epi32(kBefore));
  const __m512i ix = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(tap));
  const __m512i iy = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(tap, 1));
  const __m512i column = kChannels == 4 ? _mm512_slli_epi64(ix, 4)
                                        : _mm512_mullo_epi64(ix, _mm512_set1_epi64(kChannels * sizeof(float)));
  _mm512_storeu_si512(run.at, _mm512_add_epi64(_mm512_mullo_epi64(iy, _mm512_set1_epi64(a.src_stride)), column));

  const __m512i phase = _mm512_and_si512(at, _mm512_set1_epi32((1 << kPositionBits) - 1));
  const __m256i either = _mm256_or_si256(_mm512_castsi512_si256(phase), _mm512_extracti64x4_epi64(phase, 1));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(run.phase), either);
  run.exact = _mm256_testn_epi32_mask(either, either);
  Sixteen c[kTaps];
  FilterTaps<kTaps>::float_weights(Sixteen(_mm512_cvtepi32_ps(phase)) * Sixteen(1.0f / 2048), c);
  VSTAB_UNROLL
  for (int k = 0; k < kTaps; ++k) {
    _mm256_storeu_ps(run.cx[k], _mm512_castps512_ps256(c[k].v));
    _mm256_storeu_ps(run.cy[k], _mm512_extractf32x8_ps(c[k].v, 1));
  }
}

// As FloatPixel, but for pixels that are samples themselves. Each pixel is a vector, a quarter for each of the first four
// columns of taps; four of them are folded into one. The last two columns of six are half a vector more.
template <int kTaps>
VSTAB_INLINE bool write_rgba_run(const KernelArgs& a, const FloatRun<kTaps>& run, float* out) {
  static_assert(kTaps == 4 || kTaps == 6);
  const __m512 left = _mm512_loadu_ps(run.cx[0]), right = _mm512_loadu_ps(run.cx[2]);
  const __m512i first = _mm512_setr_epi32(0, 0, 0, 0, 8, 8, 8, 8, 16, 16, 16, 16, 24, 24, 24, 24);
  const auto one = [&](int i, __m256& rest) {
    const auto* p = reinterpret_cast<const float*>(a.src + run.at[i]);
    __m512 sum;
    VSTAB_UNROLL
    for (int r = 0; r < kTaps; ++r, p = below(p, a.src_stride)) {
      const __m512 weight = _mm512_set1_ps(run.cy[r][i]);
      const __m512 taps = _mm512_mul_ps(_mm512_loadu_ps(p), weight);
      sum = r == 0 ? taps : _mm512_add_ps(sum, taps);
      if constexpr (kTaps == 6) {  // one broadcast for both: they are dear
        const __m256 others = _mm256_mul_ps(_mm256_loadu_ps(p + 16), _mm512_castps512_ps256(weight));
        rest = r == 0 ? others : _mm256_add_ps(rest, others);
      }
    }
    if constexpr (kTaps == 6) {
      rest = _mm256_mul_ps(rest, both(run.cx[4][i], run.cx[5][i]).v);
    }
    const __m512i weights = _mm512_add_epi32(first, _mm512_set1_epi32(i));
    return _mm512_mul_ps(sum, _mm512_permutex2var_ps(left, weights, right));
  };
  const auto two = [&](int i) {
    __m256 p_rest, q_rest;
    const __m512 p = one(i, p_rest), q = one(i + 1, q_rest);
    __m512 sum = _mm512_add_ps(_mm512_shuffle_f32x4(p, q, 0x44), _mm512_shuffle_f32x4(p, q, 0xEE));
    if constexpr (kTaps == 6) {
      sum = _mm512_add_ps(sum, _mm512_insertf32x8(_mm512_castps256_ps512(p_rest), q_rest, 1));
    }
    return sum;
  };
  const auto four = [&](int i) {
    const __m512 p = two(i), q = two(i + 2);
    return _mm512_add_ps(_mm512_shuffle_f32x4(p, q, 0x88), _mm512_shuffle_f32x4(p, q, 0xDD));
  };
  constexpr int kNoNumber = 0x99;  // quiet or signalling NaN, either infinity
  const __m512 low = four(0), high = four(4);
  if (_mm512_fpclass_ps_mask(low, kNoNumber) | _mm512_fpclass_ps_mask(high, kNoNumber)) {
    return false;
  }
  if (a.past_caches) {
    _mm512_stream_ps(out, low);
    _mm512_stream_ps(out + 16, high);
  } else {
    _mm512_storeu_ps(out, low);
    _mm512_storeu_ps(out + 16, high);
  }
  return true;
}
