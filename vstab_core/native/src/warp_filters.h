// Filter weights at a phase t in [0, 1): one recipe for scalar and vector integers, one for float.
//
// Float weights are templates: of one number, or of vectors of them.
// Integers are 14-bit fixed point and built from `mulhrs`, round(a * b / 2^15), so that one lane of any instruction set
// gives the same bits. The weights of a phase sum to exactly 16384, and phase 0 is exactly (.., 0, 1, 0, ..).
// Included by warp_kernel.h inside a namespace of its own for every instruction set.

// Scalar counterpart of the vector types of warp_simd_*.h.
struct Int {
  int v;
};
inline Int mulhrs(Int a, Int b) { return {(a.v * b.v + 16384) >> 15}; }
inline Int add(Int a, Int b) { return {a.v + b.v}; }
inline Int sub(Int a, Int b) { return {a.v - b.v}; }
template <>
inline Int dup<Int>(int v) {
  return {v};
}

template <int kTaps>
struct FilterTaps;

// Nearest.
template <>
struct FilterTaps<1> {
  static inline void weights(float, float* c) { c[0] = 1.0f; }
};

// Bilinear.
template <>
struct FilterTaps<2> {
  template <class V>
  static inline void weights(V t, V* c) {
    c[0] = sub(dup<V>(16384), t);
    c[1] = t;
  }
  template <class F>
  static inline void float_weights(F t, F* c) {
    c[0] = 1.0f - t;
    c[1] = t;
  }
  static inline void weights(float t, float* c) { float_weights(t, c); }
};

// Catmull-Rom (a = -0.5). With u = 1 - t and q = t u / 2: outer weights -q u and -q t; the inner ones follow from the
// zeroth and first moment, c1 + c2 = 1 + q and sum(k c_k) = t, and keep both exactly in integers.
template <>
struct FilterTaps<4> {
  template <class V>
  static inline void weights(V t, V* c) {
    const V u = sub(dup<V>(16384), t);
    const V q = mulhrs(t, u);
    const V a = mulhrs(q, add(u, u));  // t = 0: 2u does not fit 16 bits, but q is 0
    const V b = mulhrs(q, add(t, t));
    c[0] = sub(dup<V>(0), a);
    c[1] = add(sub(u, b), add(a, a));
    c[2] = add(sub(t, a), add(b, b));
    c[3] = sub(dup<V>(0), b);
  }
  template <class F>
  static inline void float_weights(F t, F* c) {
    const F u = 1.0f - t;
    const F q = 0.5f * t * u;
    const F a = q * u, b = q * t;
    c[0] = -a;
    c[1] = (u - b) + 2.0f * a;
    c[2] = (t - a) + 2.0f * b;
    c[3] = -b;
  }
  static inline void weights(float t, float* c) { float_weights(t, c); }
};

// Lanczos-3, sinc(x) sinc(x / 3) normalised to sum one. Four of the six weights vanish at both ends of [0, 1], so they
// are t u P(t); the inner pair is u + t u P(t) and its mirror image. P: minimax fits, degree 3 within 8e-5 (1.4 units of
// the 14-bit weights) for integers, degree 5 within 4e-6 for float. The last weight closes the sum.
template <>
struct FilterTaps<6> {
  template <class V>
  static inline V bump(V t2, V tu2, int p0, int p1, int p2, int p3) {
    V p = add(mulhrs(dup<V>(p3), t2), dup<V>(p2));
    p = add(mulhrs(p, t2), dup<V>(p1));
    p = add(mulhrs(p, t2), dup<V>(p0));
    return mulhrs(p, tu2);
  }
  template <class V>
  static inline void weights(V t, V* c) {
    const V u = sub(dup<V>(16384), t);
    const V t2 = add(t, t), u2 = add(u, u);  // t = 0: u2 does not fit 16 bits, but tu is 0
    const V tu = mulhrs(t2, u);
    const V tu2 = add(tu, tu);
    c[0] = bump(t2, tu2, 3411, -2254, -4307, 3185);
    c[5] = bump(u2, tu2, 3411, -2254, -4307, 3185);
    c[1] = bump(t2, tu2, -13521, 4892, 12149, -6927);
    c[4] = bump(u2, tu2, -13521, 4892, 12149, -6927);
    c[3] = add(t, bump(u2, tu2, 16310, -11187, -19379, 11422));
    c[2] = sub(sub(dup<V>(16384), add(c[0], c[5])), add(add(c[1], c[4]), c[3]));
  }
  template <class F>
  static inline F float_bump(F t, F tu, const float* p) {
    return tu * (p[0] + t * (p[1] + t * (p[2] + t * (p[3] + t * (p[4] + t * p[5])))));
  }
  template <class F>
  static inline void float_weights(F t, F* c) {
    constexpr float kOuter[] = {0.206696f, -0.124269f, -0.284983f, 0.150281f, 0.131111f, -0.078927f};
    constexpr float kMiddle[] = {-0.827166f, 0.331822f, 0.556036f, 0.020141f, -0.472246f, 0.184603f};
    constexpr float kInner[] = {1.000315f, -0.764521f, -0.746915f, -0.294061f, 1.002237f, -0.369976f};
    const F u = 1.0f - t, tu = t * u;
    c[0] = float_bump(t, tu, kOuter);
    c[5] = float_bump(u, tu, kOuter);
    c[1] = float_bump(t, tu, kMiddle);
    c[4] = float_bump(u, tu, kMiddle);
    c[3] = t + float_bump(u, tu, kInner);
    c[2] = 1.0f - ((c[0] + c[5]) + (c[1] + c[4]) + c[3]);
  }
  static inline void weights(float t, float* c) { float_weights(t, c); }
};
