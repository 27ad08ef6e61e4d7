// Vectors of 16-bit lanes for 64-bit Arm: one group of 8 lanes, the 8 pixels of a block's row.
// Included by warp_kernel.h inside a namespace of its own.

constexpr int kGroups = 1;
using V = int16x8_t;
inline uint16x8_t as_u16(V a) { return vreinterpretq_u16_s16(a); }
inline V from_u16(uint16x8_t a) { return vreinterpretq_s16_u16(a); }
inline int32x4_t as_s32(V a) { return vreinterpretq_s32_s16(a); }
inline V from_s32(int32x4_t a) { return vreinterpretq_s16_s32(a); }
// (2ab + 2^15) >> 16, the same as (ab + 2^14) >> 15; saturates only at -32768 squared, which does not occur.
inline V mulhrs(V a, V b) { return vqrdmulhq_s16(a, b); }
inline V add(V a, V b) { return vaddq_s16(a, b); }
inline V sub(V a, V b) { return vsubq_s16(a, b); }
template <>
inline V dup<V>(int v) {
  return vdupq_n_s16(static_cast<std::int16_t>(v));
}
inline V bit_and(V a, V b) { return vandq_s16(a, b); }
inline V bit_or(V a, V b) { return vorrq_s16(a, b); }
inline V bit_xor(V a, V b) { return veorq_s16(a, b); }
inline V min_u16(V a, V b) { return from_u16(vminq_u16(as_u16(a), as_u16(b))); }
template <int n>
inline V shl16(V a) { return vshlq_n_s16(a, n); }
template <int n>
inline V shr16(V a) { return from_u16(vshrq_n_u16(as_u16(a), n)); }
template <int n>
inline V sra16(V a) { return vshrq_n_s16(a, n); }
inline V mul_small(V a, int k) { return vmulq_n_s16(a, static_cast<std::int16_t>(k)); }
inline V where_equal(V a, V b, V x) { return vandq_s16(from_u16(vceqq_s16(a, b)), x); }
// Indices past 15 (the 0x80 of the 8-bit path) give zero.
inline V shuffle(V a, V index) {
  return vreinterpretq_s16_u8(vqtbl1q_u8(vreinterpretq_u8_s16(a), vreinterpretq_u8_s16(index)));
}
inline V unpack_lo(V a, V b) { return vzip1q_s16(a, b); }
inline V unpack_hi(V a, V b) { return vzip2q_s16(a, b); }
inline V madd(V a, V b) {
  return from_s32(vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b)));
}
inline V dup32(int v) { return from_s32(vdupq_n_s32(v)); }
inline V add32(V a, V b) { return from_s32(vaddq_s32(as_s32(a), as_s32(b))); }
inline V mul32(V a, V b) { return from_s32(vmulq_s32(as_s32(a), as_s32(b))); }
inline V count32(int n) { return dup32(n); }
inline V sra32(V a, V count) { return from_s32(vshlq_s32(as_s32(a), vnegq_s32(as_s32(count)))); }
inline V shl32(V a, V count) { return from_s32(vshlq_s32(as_s32(a), as_s32(count))); }
inline V odd_from(V even, V odd) { return vbslq_s16(vreinterpretq_u16_u32(vdupq_n_u32(0xffff)), even, odd); }
inline V pack_u16(V lo, V hi) { return from_u16(vqmovun_high_s32(vqmovun_s32(as_s32(lo)), as_s32(hi))); }
inline V load_groups(const std::uint8_t* const* p, std::ptrdiff_t at) {
  return vreinterpretq_s16_u8(vld1q_u8(p[0] + at));
}
inline V dup_groups(const std::int32_t* p) { return vdupq_n_s16(static_cast<std::int16_t>(*p)); }
inline V iota8() {
  const std::int16_t lanes[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  return vld1q_s16(lanes);
}
inline V upper_half() { return vcombine_s16(vdup_n_s16(0), vdup_n_s16(-1)); }
inline void store16(void* out, V a) { vst1q_s16(static_cast<std::int16_t*>(out), a); }
// Signed 16-bit lanes saturated to 8 bits, plus 128.
inline void store8_biased(void* out, V a) {
  vst1_u8(static_cast<std::uint8_t*>(out), veor_u8(vreinterpret_u8_s8(vqmovn_s16(a)), vdup_n_u8(128)));
}
