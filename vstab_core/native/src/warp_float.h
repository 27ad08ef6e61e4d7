// The vector path of float planes: runs of 8 pixels whose taps all lie inside the source, one channel. The same
// operations in the same order as the scalar path, so the same bits; what has samples that are no number is left to it.
// Included by warp_kernel.h inside a namespace of its own for the instruction sets that gather.

struct Floats {
  __m256 v;
  Floats() = default;
  Floats(__m256 values) : v(values) {}
  Floats(float value) : v(_mm256_set1_ps(value)) {}
};
VSTAB_INLINE Floats operator+(Floats a, Floats b) { return _mm256_add_ps(a.v, b.v); }
VSTAB_INLINE Floats operator-(Floats a, Floats b) { return _mm256_sub_ps(a.v, b.v); }
VSTAB_INLINE Floats operator*(Floats a, Floats b) { return _mm256_mul_ps(a.v, b.v); }
VSTAB_INLINE Floats operator-(Floats a) { return _mm256_xor_ps(a.v, _mm256_set1_ps(-0.0f)); }

// Positions of a run's 8 pixels, as at_pixel() has them.
VSTAB_INLINE __m256i positions_along(std::int32_t first, std::int32_t step) {
  const __m256i ramp = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i way = _mm256_add_epi32(_mm256_mullo_epi32(_mm256_set1_epi32(step), ramp), _mm256_set1_epi32(4));
  return _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_srai_epi32(way, 3));
}

VSTAB_INLINE Floats phase_share(__m256i phase) {
  return Floats(_mm256_cvtepi32_ps(phase)) * Floats(1.0f / 2048);
}

// Writes 8 pixels of run b, or returns false if they need the scalar path.
template <int kTaps>
inline bool float_run(const KernelArgs& a, const RowPlan& plan, int b, float* out) {
  constexpr int kBefore = kTaps / 2 - 1;
  constexpr std::int32_t kMostRows = 256;  // offsets from the first stay within 32 bits, whatever the stride
  if (plan.nowhere[b] || table_of(a, plan, b).x || a.src_stride % 4 != 0) {
    return false;
  }
  const std::int32_t x0 = plan.first_x[b] >> kPositionBits, y0 = plan.first_y[b] >> kPositionBits;
  const std::int32_t x7 = at_pixel(plan.first_x[b], plan.step_x[b], 7) >> kPositionBits;
  const std::int32_t y7 = at_pixel(plan.first_y[b], plan.step_y[b], 7) >> kPositionBits;
  const std::int32_t left = min_of(x0, x7) - kBefore, right = max_of(x0, x7) - kBefore + kTaps;
  const std::int32_t top = min_of(y0, y7) - kBefore, bottom = max_of(y0, y7) - kBefore + kTaps;
  if (left < 0 || top < 0 || right > a.src_width || bottom > a.src_height || bottom - top > kMostRows) {
    return false;
  }
  const std::int32_t stride = static_cast<std::int32_t>(a.src_stride / 4);
  const __m256i x = positions_along(plan.first_x[b], plan.step_x[b]);
  const __m256i y = positions_along(plan.first_y[b], plan.step_y[b]);
  const __m256i mask = _mm256_set1_epi32((1 << kPositionBits) - 1);
  const __m256i phase_x = _mm256_and_si256(x, mask), phase_y = _mm256_and_si256(y, mask);
  const __m256i row = _mm256_sub_epi32(_mm256_srai_epi32(y, kPositionBits), _mm256_set1_epi32(top + kBefore));
  const __m256i column = _mm256_sub_epi32(_mm256_srai_epi32(x, kPositionBits), _mm256_set1_epi32(kBefore));
  const __m256i at = _mm256_add_epi32(_mm256_mullo_epi32(row, _mm256_set1_epi32(stride)), column);
  const float* const base = reinterpret_cast<const float*>(a.src + top * a.src_stride);
  Floats cx[kTaps], cy[kTaps];
  FilterTaps<kTaps>::float_weights(phase_share(phase_x), cx);
  FilterTaps<kTaps>::float_weights(phase_share(phase_y), cy);
  Floats sum(0.0f), own(0.0f);
  VSTAB_UNROLL
  for (int r = 0; r < kTaps; ++r) {
    const float* const line = base + static_cast<std::ptrdiff_t>(r) * stride;
    Floats h(0.0f);
    VSTAB_UNROLL
    for (int k = 0; k < kTaps; ++k) {
      const Floats sample(_mm256_i32gather_ps(line + k, at, 4));
      h = k == 0 ? sample * cx[0] : h + sample * cx[k];
      if (r == kBefore && k == kBefore) {
        own = sample;
      }
    }
    sum = r == 0 ? h * cy[0] : sum + h * cy[r];
  }
  // Whole pixels are copied: 0 * -1 + -0 is not -0.
  const __m256i whole = _mm256_cmpeq_epi32(_mm256_or_si256(phase_x, phase_y), _mm256_setzero_si256());
  const __m256 result = _mm256_blendv_ps(sum.v, own.v, _mm256_castsi256_ps(whole));
  const __m256 zero = _mm256_sub_ps(result, result);
  if (_mm256_movemask_ps(_mm256_cmp_ps(zero, _mm256_setzero_ps(), _CMP_EQ_OQ)) != 0xff) {
    return false;
  }
  _mm256_storeu_ps(out, result);
  return true;
}
