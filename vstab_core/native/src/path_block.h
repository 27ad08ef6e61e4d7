// Vectors and square matrices of a frame's K channels, K even, in pairs of doubles.
#pragma once

#include <type_traits>
#include <utility>

#include "path_pair.h"

namespace vstab {

// f(0), f(1), ... f(N - 1), with constants: loops over a few channels that the compiler must not keep.
template <class F, int... I>
inline void unrolled(const F& f, std::integer_sequence<int, I...>) {
  (f(std::integral_constant<int, I>{}), ...);
}
template <int N, class F>
inline void unrolled(const F& f) {
  unrolled(f, std::make_integer_sequence<int, N>{});
}

template <int K>
struct Vec {
  static constexpr int kPairs = K / 2;
  Pair p[kPairs];

  static Vec load(const double* from) {
    Vec result;
    for (int i = 0; i < kPairs; ++i) result.p[i] = Pair::load(from + 2 * i);
    return result;
  }
  static Vec zero() {
    Vec result;
    for (int i = 0; i < kPairs; ++i) result.p[i] = Pair::both(0);
    return result;
  }
  void store(double* to) const {
    for (int i = 0; i < kPairs; ++i) p[i].store(to + 2 * i);
  }
};

template <int K>
inline Vec<K> operator+(Vec<K> a, const Vec<K>& b) {
  for (int i = 0; i < Vec<K>::kPairs; ++i) a.p[i] = a.p[i] + b.p[i];
  return a;
}
template <int K>
inline Vec<K> operator-(Vec<K> a, const Vec<K>& b) {
  for (int i = 0; i < Vec<K>::kPairs; ++i) a.p[i] = a.p[i] - b.p[i];
  return a;
}
template <int K>
inline Vec<K> operator*(double s, Vec<K> a) {
  const Pair both = Pair::both(s);
  for (int i = 0; i < Vec<K>::kPairs; ++i) a.p[i] = both * a.p[i];
  return a;
}
// entry by entry
template <int K>
inline Vec<K> scale(Vec<K> a, const Vec<K>& b) {
  for (int i = 0; i < Vec<K>::kPairs; ++i) a.p[i] = a.p[i] * b.p[i];
  return a;
}
template <int K>
inline Pair dot(const Vec<K>& a, const Vec<K>& b) {
  Pair result = a.p[0] * b.p[0];
  for (int i = 1; i < Vec<K>::kPairs; ++i) result = result + a.p[i] * b.p[i];
  return result;
}

// K x K, column by column.
template <int K>
struct Block {
  double v[K * K];
  double* column(int i) { return v + K * i; }
  const double* column(int i) const { return v + K * i; }
};

// a x
template <int K>
inline Vec<K> times(const Block<K>& a, const double* x) {
  Vec<K> result = x[0] * Vec<K>::load(a.v);
  for (int k = 1; k < K; ++k) result = result + x[k] * Vec<K>::load(a.column(k));
  return result;
}

// a^T x
template <int K>
inline Vec<K> transposed_times(const Block<K>& a, const Vec<K>& x) {
  Vec<K> result;
  for (int i = 0; i < K; i += 2) {
    const Pair even = dot(Vec<K>::load(a.column(i)), x);
    const Pair odd = dot(Vec<K>::load(a.column(i + 1)), x);
    result.p[i / 2] = firsts(even, odd) + seconds(even, odd);
  }
  return result;
}

// a b^T, column i
template <int K>
inline Vec<K> outer_column(const Block<K>& a, const Block<K>& b, int i) {
  Vec<K> result = b.v[i] * Vec<K>::load(a.v);
  for (int k = 1; k < K; ++k) result = result + b.column(k)[i] * Vec<K>::load(a.column(k));
  return result;
}

// a b, b lower triangular with a unit diagonal
template <int K>
inline Block<K> times_lower(const Block<K>& a, const Block<K>& b) {
  Block<K> result;
  unrolled<K>([&](auto i) {
    Vec<K> sum = Vec<K>::load(a.column(i));
    unrolled<K>([&](auto k) {
      if constexpr (k > i) sum = sum + b.column(i)[k] * Vec<K>::load(a.column(k));
    });
    sum.store(result.column(i));
  });
  return result;
}

// column i of a^T
template <int K>
inline Vec<K> row(const Block<K>& a, int i) {
  Vec<K> result;
  for (int k = 0; k < K; k += 2) {
    const double two[2] = {a.column(k)[i], a.column(k + 1)[i]};
    result.p[k / 2] = Pair::load(two);
  }
  return result;
}

}  // namespace vstab
