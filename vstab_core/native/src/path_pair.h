// Two doubles in a register of the baseline instruction set: SSE2 on x86-64, NEON on arm64, plain C++ elsewhere.
#pragma once

#if defined(__x86_64__) || defined(_M_X64)
#include <emmintrin.h>
#define VSTAB_PAIR_SSE2 1
#elif defined(__aarch64__) || defined(_M_ARM64)
#include <arm_neon.h>
#define VSTAB_PAIR_NEON 1
#endif

namespace vstab {

#if defined(VSTAB_PAIR_SSE2)
struct Pair {
  __m128d v;
  static Pair load(const double* p) { return {_mm_loadu_pd(p)}; }
  static Pair both(double x) { return {_mm_set1_pd(x)}; }
  void store(double* p) const { _mm_storeu_pd(p, v); }
};
inline Pair operator+(Pair a, Pair b) { return {_mm_add_pd(a.v, b.v)}; }
inline Pair operator-(Pair a, Pair b) { return {_mm_sub_pd(a.v, b.v)}; }
inline Pair operator*(Pair a, Pair b) { return {_mm_mul_pd(a.v, b.v)}; }
inline Pair operator/(Pair a, Pair b) { return {_mm_div_pd(a.v, b.v)}; }
inline Pair max(Pair a, Pair b) { return {_mm_max_pd(a.v, b.v)}; }
// (a0, b0) and (a1, b1)
inline Pair firsts(Pair a, Pair b) { return {_mm_unpacklo_pd(a.v, b.v)}; }
inline Pair seconds(Pair a, Pair b) { return {_mm_unpackhi_pd(a.v, b.v)}; }
#elif defined(VSTAB_PAIR_NEON)
struct Pair {
  float64x2_t v;
  static Pair load(const double* p) { return {vld1q_f64(p)}; }
  static Pair both(double x) { return {vdupq_n_f64(x)}; }
  void store(double* p) const { vst1q_f64(p, v); }
};
inline Pair operator+(Pair a, Pair b) { return {vaddq_f64(a.v, b.v)}; }
inline Pair operator-(Pair a, Pair b) { return {vsubq_f64(a.v, b.v)}; }
inline Pair operator*(Pair a, Pair b) { return {vmulq_f64(a.v, b.v)}; }
inline Pair operator/(Pair a, Pair b) { return {vdivq_f64(a.v, b.v)}; }
inline Pair max(Pair a, Pair b) { return {vmaxq_f64(a.v, b.v)}; }
inline Pair firsts(Pair a, Pair b) { return {vzip1q_f64(a.v, b.v)}; }
inline Pair seconds(Pair a, Pair b) { return {vzip2q_f64(a.v, b.v)}; }
#else
struct Pair {
  double v[2];
  static Pair load(const double* p) { return {{p[0], p[1]}}; }
  static Pair both(double x) { return {{x, x}}; }
  void store(double* p) const { p[0] = v[0], p[1] = v[1]; }
};
inline Pair operator+(Pair a, Pair b) { return {{a.v[0] + b.v[0], a.v[1] + b.v[1]}}; }
inline Pair operator-(Pair a, Pair b) { return {{a.v[0] - b.v[0], a.v[1] - b.v[1]}}; }
inline Pair operator*(Pair a, Pair b) { return {{a.v[0] * b.v[0], a.v[1] * b.v[1]}}; }
inline Pair operator/(Pair a, Pair b) { return {{a.v[0] / b.v[0], a.v[1] / b.v[1]}}; }
inline Pair max(Pair a, Pair b) {
  return {{a.v[0] > b.v[0] ? a.v[0] : b.v[0], a.v[1] > b.v[1] ? a.v[1] : b.v[1]}};
}
inline Pair firsts(Pair a, Pair b) { return {{a.v[0], b.v[0]}}; }
inline Pair seconds(Pair a, Pair b) { return {{a.v[1], b.v[1]}}; }
#endif

inline double total(Pair a) {
  double v[2];
  a.store(v);
  return v[0] + v[1];
}
inline double largest(Pair a) {
  double v[2];
  a.store(v);
  return v[0] > v[1] ? v[0] : v[1];
}

}  // namespace vstab
