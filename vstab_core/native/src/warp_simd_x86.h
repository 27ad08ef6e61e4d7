// Vectors of 16-bit lanes for x86: kGroups 128-bit groups of 8 lanes, one group for the 8 pixels of a block's row.
// Included by warp_kernel.h inside a namespace of its own for every instruction set. All loads are unaligned.

#if VSTAB_LEVEL_AVX512

constexpr int kGroups = 4;
using V = __m512i;
inline V mulhrs(V a, V b) { return _mm512_mulhrs_epi16(a, b); }
inline V add(V a, V b) { return _mm512_add_epi16(a, b); }
inline V sub(V a, V b) { return _mm512_sub_epi16(a, b); }
template <>
inline V dup<V>(int v) {
  return _mm512_set1_epi16(static_cast<short>(v));
}
inline V bit_and(V a, V b) { return _mm512_and_si512(a, b); }
inline V bit_or(V a, V b) { return _mm512_or_si512(a, b); }
inline V bit_xor(V a, V b) { return _mm512_xor_si512(a, b); }
inline V min_u16(V a, V b) { return _mm512_min_epu16(a, b); }
template <int n>
inline V shl16(V a) { return _mm512_slli_epi16(a, n); }
template <int n>
inline V shr16(V a) { return _mm512_srli_epi16(a, n); }
template <int n>
inline V sra16(V a) { return _mm512_srai_epi16(a, n); }
inline V mul_small(V a, int k) { return _mm512_mullo_epi16(a, dup<V>(k)); }
inline V where_equal(V a, V b, V x) { return _mm512_maskz_mov_epi16(_mm512_cmpeq_epi16_mask(a, b), x); }
inline V shuffle(V a, V index) { return _mm512_shuffle_epi8(a, index); }
inline V unpack_lo(V a, V b) { return _mm512_unpacklo_epi16(a, b); }
inline V unpack_hi(V a, V b) { return _mm512_unpackhi_epi16(a, b); }
inline V madd(V a, V b) { return _mm512_madd_epi16(a, b); }
inline V dup32(int v) { return _mm512_set1_epi32(v); }
inline V add32(V a, V b) { return _mm512_add_epi32(a, b); }
inline V mul32(V a, V b) { return _mm512_mullo_epi32(a, b); }
inline V count32(int n) { return _mm512_set1_epi32(n); }
inline V sra32(V a, V count) { return _mm512_srav_epi32(a, count); }
inline V shl32(V a, V count) { return _mm512_sllv_epi32(a, count); }
inline V odd_from(V even, V odd) { return _mm512_mask_mov_epi16(even, 0xAAAAAAAAu, odd); }
inline V pack_u16(V lo, V hi) { return _mm512_packus_epi32(lo, hi); }
inline V load_groups(const std::uint8_t* const* p, std::ptrdiff_t at) {
  V v = _mm512_castsi128_si512(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p[0] + at)));
  v = _mm512_inserti32x4(v, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p[1] + at)), 1);
  v = _mm512_inserti32x4(v, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p[2] + at)), 2);
  return _mm512_inserti32x4(v, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p[3] + at)), 3);
}
// p[g] & 0xffff in all lanes of group g.
inline V dup_groups(const std::int32_t* p) {
  const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m512i dwords = _mm512_permutexvar_epi32(
      _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0), _mm512_castsi128_si512(four));
  return _mm512_shuffle_epi8(dwords, _mm512_set1_epi16(0x0100));
}
inline V iota8() { return _mm512_broadcast_i32x4(_mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7)); }
inline V upper_half() { return _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0, -1, -1)); }  // pixels 4..7 of each run
inline void store16(void* out, V a) { _mm512_storeu_si512(out, a); }
// Signed 16-bit lanes saturated to 8 bits, plus 128.
inline void store8_biased(void* out, V a) {
  _mm256_storeu_si256(static_cast<__m256i*>(out),
                      _mm256_xor_si256(_mm512_cvtsepi16_epi8(a), _mm256_set1_epi8(-128)));
}

#elif VSTAB_LEVEL_AVX2

constexpr int kGroups = 2;
using V = __m256i;
inline V mulhrs(V a, V b) { return _mm256_mulhrs_epi16(a, b); }
inline V add(V a, V b) { return _mm256_add_epi16(a, b); }
inline V sub(V a, V b) { return _mm256_sub_epi16(a, b); }
template <>
inline V dup<V>(int v) {
  return _mm256_set1_epi16(static_cast<short>(v));
}
inline V bit_and(V a, V b) { return _mm256_and_si256(a, b); }
inline V bit_or(V a, V b) { return _mm256_or_si256(a, b); }
inline V bit_xor(V a, V b) { return _mm256_xor_si256(a, b); }
inline V min_u16(V a, V b) { return _mm256_min_epu16(a, b); }
template <int n>
inline V shl16(V a) { return _mm256_slli_epi16(a, n); }
template <int n>
inline V shr16(V a) { return _mm256_srli_epi16(a, n); }
template <int n>
inline V sra16(V a) { return _mm256_srai_epi16(a, n); }
inline V mul_small(V a, int k) { return _mm256_mullo_epi16(a, dup<V>(k)); }
inline V where_equal(V a, V b, V x) { return _mm256_and_si256(_mm256_cmpeq_epi16(a, b), x); }
inline V shuffle(V a, V index) { return _mm256_shuffle_epi8(a, index); }
inline V unpack_lo(V a, V b) { return _mm256_unpacklo_epi16(a, b); }
inline V unpack_hi(V a, V b) { return _mm256_unpackhi_epi16(a, b); }
inline V madd(V a, V b) { return _mm256_madd_epi16(a, b); }
inline V dup32(int v) { return _mm256_set1_epi32(v); }
inline V add32(V a, V b) { return _mm256_add_epi32(a, b); }
inline V mul32(V a, V b) { return _mm256_mullo_epi32(a, b); }
inline V count32(int n) { return _mm256_set1_epi32(n); }
inline V sra32(V a, V count) { return _mm256_srav_epi32(a, count); }
inline V shl32(V a, V count) { return _mm256_sllv_epi32(a, count); }
inline V odd_from(V even, V odd) { return _mm256_blend_epi16(even, odd, 0xAA); }
inline V pack_u16(V lo, V hi) { return _mm256_packus_epi32(lo, hi); }
inline V load_groups(const std::uint8_t* const* p, std::ptrdiff_t at) {
  const V v = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p[0] + at)));
  return _mm256_inserti128_si256(v, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p[1] + at)), 1);
}
inline V dup_groups(const std::int32_t* p) {
  const __m128i two = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  const __m256i qwords = _mm256_broadcastq_epi64(two);
  const __m256i index = _mm256_setr_epi8(0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1,  //
                                         4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5);
  return _mm256_shuffle_epi8(qwords, index);
}
inline V iota8() { return _mm256_broadcastsi128_si256(_mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7)); }
inline V upper_half() { return _mm256_broadcastsi128_si256(_mm_setr_epi32(0, 0, -1, -1)); }  // pixels 4..7 of each run
inline void store16(void* out, V a) { _mm256_storeu_si256(static_cast<__m256i*>(out), a); }
inline void store8_biased(void* out, V a) {
  const V packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, a), 0x08);
  _mm_storeu_si128(static_cast<__m128i*>(out), _mm_xor_si128(_mm256_castsi256_si128(packed), _mm_set1_epi8(-128)));
}

#else  // SSE 4.1

constexpr int kGroups = 1;
using V = __m128i;
inline V mulhrs(V a, V b) { return _mm_mulhrs_epi16(a, b); }
inline V add(V a, V b) { return _mm_add_epi16(a, b); }
inline V sub(V a, V b) { return _mm_sub_epi16(a, b); }
template <>
inline V dup<V>(int v) {
  return _mm_set1_epi16(static_cast<short>(v));
}
inline V bit_and(V a, V b) { return _mm_and_si128(a, b); }
inline V bit_or(V a, V b) { return _mm_or_si128(a, b); }
inline V bit_xor(V a, V b) { return _mm_xor_si128(a, b); }
inline V min_u16(V a, V b) { return _mm_min_epu16(a, b); }
template <int n>
inline V shl16(V a) { return _mm_slli_epi16(a, n); }
template <int n>
inline V shr16(V a) { return _mm_srli_epi16(a, n); }
template <int n>
inline V sra16(V a) { return _mm_srai_epi16(a, n); }
inline V mul_small(V a, int k) { return _mm_mullo_epi16(a, dup<V>(k)); }
inline V where_equal(V a, V b, V x) { return _mm_and_si128(_mm_cmpeq_epi16(a, b), x); }
inline V shuffle(V a, V index) { return _mm_shuffle_epi8(a, index); }
inline V unpack_lo(V a, V b) { return _mm_unpacklo_epi16(a, b); }
inline V unpack_hi(V a, V b) { return _mm_unpackhi_epi16(a, b); }
inline V madd(V a, V b) { return _mm_madd_epi16(a, b); }
inline V dup32(int v) { return _mm_set1_epi32(v); }
inline V add32(V a, V b) { return _mm_add_epi32(a, b); }
inline V mul32(V a, V b) { return _mm_mullo_epi32(a, b); }
inline V count32(int n) { return _mm_cvtsi32_si128(n); }
inline V sra32(V a, V count) { return _mm_sra_epi32(a, count); }
inline V shl32(V a, V count) { return _mm_sll_epi32(a, count); }
inline V odd_from(V even, V odd) { return _mm_blend_epi16(even, odd, 0xAA); }
inline V pack_u16(V lo, V hi) { return _mm_packus_epi32(lo, hi); }
inline V load_groups(const std::uint8_t* const* p, std::ptrdiff_t at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p[0] + at));
}
inline V dup_groups(const std::int32_t* p) { return _mm_set1_epi16(static_cast<short>(*p)); }
inline V iota8() { return _mm_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7); }
inline V upper_half() { return _mm_setr_epi32(0, 0, -1, -1); }  // pixels 4..7 of each run
inline void store16(void* out, V a) { _mm_storeu_si128(static_cast<__m128i*>(out), a); }
inline void store8_biased(void* out, V a) {
  _mm_storel_epi64(static_cast<__m128i*>(out), _mm_xor_si128(_mm_packs_epi16(a, a), _mm_set1_epi8(-128)));
}

#endif
