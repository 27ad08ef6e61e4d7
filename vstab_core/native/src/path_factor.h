// Block L D L^T of a symmetric matrix, banded three frames wide, K channels a frame.
//
// Outside the diagonal the matrix is a number times the identity (every channel is smoothed alike). So the block three
// frames below the diagonal stays band * I during the elimination, and its factor follows from the frame's own: it is
// neither computed nor stored. The diagonal blocks are factored, not inverted: where some bounds are stiff, an explicit
// inverse is wrong by the condition number, and the frames after it feel that.
#pragma once

#include <algorithm>
#include <array>

#include "path_block.h"

// Inlines all that a function calls: its blocks then live in registers, not in memory.
#if defined(__GNUC__)
#define VSTAB_FLATTEN __attribute__((flatten))
#else
#define VSTAB_FLATTEN
#endif

namespace vstab {

using Bands = std::array<double, 4>;  // of one frame: the diagonal, and one to three frames below it

constexpr double kRounding = 1e-15;  // of the diagonal: a pivot smaller than that is noise
constexpr const char* kNotDefinite =
    "the path's matrix is not positive definite; its weights or its times are too far apart";

// One frame's part of L and D, and of two right-hand sides, L^-1 b.
template <int K>
struct FactorFrame {
  Block<K> one, two;  // L, one and two frames below the diagonal; three frames below it is band3 unit^-T / D
  Block<K> inverse;   // unit^-1: of L on the diagonal, which is lower triangular with a unit diagonal
  double over[K];     // 1 / D
  double pull[K], right[K];
};

// L D L^T of one block, of which the lower half is read: L below its diagonal, 1 / D. False: not positive definite.
template <int K>
inline bool factor_block(Block<K> a, Block<K>& l, double* over) {
  bool definite = true;
  double whole[K];
  unrolled<K>([&](auto i) { whole[i] = kRounding * a.v[K * i + i]; });
  unrolled<K>([&](auto i) {
    const double pivot = a.v[K * i + i];
    definite = definite && pivot > whole[i];
    over[i] = 1 / pivot;
    unrolled<K>([&](auto row) {
      if constexpr (row > i) l.v[K * i + row] = a.v[K * i + row] * over[i];
    });
    unrolled<K>([&](auto col) {
      unrolled<K>([&](auto row) {
        if constexpr (col > i && row >= col) a.v[K * col + row] -= l.v[K * i + row] * a.v[K * i + col];
      });
    });
  });
  return definite;
}

// The inverse of a lower triangular block with a unit diagonal.
template <int K>
inline Block<K> invert_unit(const Block<K>& l) {
  Block<K> result;
  unrolled<K>([&](auto i) {
    unrolled<K>([&](auto row) {
      double sum = row == i ? 1 : 0;
      if constexpr (row > i) {
        sum = -l.v[K * i + row];
        unrolled<K>([&](auto k) {
          if constexpr (k > i && k < row) sum -= l.v[K * k + row] * result.v[K * i + k];
        });
      }
      result.v[K * i + row] = sum;
    });
  });
  return result;
}

// Eliminates frame after frame. `frame[-3]` to `frame[-1]`, `band[-3]` to `band[-1]` must exist, zero before the first.
template <int K>
class Elimination {
 public:
  // diagonal: the frame's own block, of which the lower half is read, without band[0]. False: not positive definite.
  VSTAB_FLATTEN bool next(FactorFrame<K>* frame, const Bands* band, const Block<K>& diagonal) {
    Block<K> l;
    if (!factor_somehow(rest(frame, band, diagonal), diagonal, band[0][0], l, frame->over)) return false;
    frame->inverse = invert_unit(l);
    Block<K> first, second;  // L D, one and two frames below the diagonal
    for (int i = 0; i < K; ++i) {
      (Vec<K>::zero() - outer_column(frame[-1].two, first_, i) - band[-2][3] * row(far_two_, i)).store(first.column(i));
      (-band[-1][3] * row(far_one_, i)).store(second.column(i));
      first.column(i)[i] += band[0][1];
      second.column(i)[i] += band[0][2];
    }
    unrolled<K>([&](auto i) {
      Vec<K> a = Vec<K>::load(first.column(i)), b = Vec<K>::load(second.column(i));
      unrolled<K>([&](auto k) {
        if constexpr (k < i) {
          a = a - l.column(k)[i] * Vec<K>::load(first.column(k));
          b = b - l.column(k)[i] * Vec<K>::load(second.column(k));
        }
      });
      a.store(first.column(i));
      b.store(second.column(i));
      (frame->over[i] * a).store(frame->one.column(i));
      (frame->over[i] * b).store(frame->two.column(i));
    });
    first_ = first;
    second_before_ = second_;
    second_ = second;
    far_one_ = times_lower(frame->one, frame->inverse);
    far_two_ = far_two_next_;
    far_two_next_ = times_lower(frame->two, frame->inverse);
    return true;
  }

 private:
  // The frame's block less what the three frames before it take; the lower half, in whole pairs.
  Block<K> rest(const FactorFrame<K>* frame, const Bands* band, const Block<K>& diagonal) const {
    const FactorFrame<K>&one = frame[-1], &two = frame[-2], &three = frame[-3];
    const double far = band[-3][3] * band[-3][3];
    Block<K> left;
    unrolled<K>([&](auto i) {
      double there[K];
      unrolled<K>([&](auto k) {
        if constexpr (k >= i) there[k] = far * three.over[k] * three.inverse.column(i)[k];
      });
      unrolled<K / 2>([&](auto pair) {
        constexpr int p = 2 * pair;
        if constexpr (p >= i - i % 2) {
          Pair sum = Pair::load(diagonal.column(i) + p);
          unrolled<K>([&](auto k) {
            if constexpr (k >= p && k >= i) sum = sum - Pair::both(there[k]) * row_pair(three.inverse, k, p);
          });
          // what is known last is summed last
          Pair last = Pair::both(first_.column(0)[i]) * Pair::load(one.one.column(0) + p);
          unrolled<K>([&](auto k) {
            sum = sum - Pair::both(second_before_.column(k)[i]) * Pair::load(two.two.column(k) + p);
            if constexpr (k > 0) last = last + Pair::both(first_.column(k)[i]) * Pair::load(one.one.column(k) + p);
          });
          (sum - last).store(left.column(i) + p);
        }
      });
      left.column(i)[i] += band[0][0];
    });
    return left;
  }

  // Row k, columns p and p + 1.
  static Pair row_pair(const Block<K>& a, int k, int p) {
    const double two[2] = {a.column(p)[k], a.column(p + 1)[k]};
    return Pair::load(two);
  }

  // At the very optimum some bounds are stiffer than the rest by more than double precision holds. A little more on the
  // diagonal then only shortens the step; the gradient that it follows stays exact.
  static bool factor_somehow(Block<K> left, const Block<K>& diagonal, double band, Block<K>& l, double* over) {
    if (factor_block(left, l, over)) return true;
    double largest = 0;
    for (int i = 0; i < K; ++i) largest = std::max(largest, diagonal.column(i)[i] + band);
    for (double extra = 10 * kRounding * largest; extra < 1e-6 * largest; extra *= 100) {
      for (int i = 0; i < K; ++i) left.column(i)[i] += extra;
      if (factor_block(left, l, over)) return true;
    }
    return false;
  }

  Block<K> first_{}, second_{}, second_before_{};         // L D of the last frame, the second one's of the last two
  Block<K> far_one_{}, far_two_{}, far_two_next_{};       // (block of L) unit^-1: of the last frame, and the one before
};

// L^-1 of a right-hand side, frame after frame; gives D^-1 L^-1 b too.
template <int K>
class Forward {
 public:
  // Call after the frame was eliminated; returns the frame's part of L^-1 b.
  Vec<K> next(const FactorFrame<K>* frame, const Bands* band, Vec<K> b) {
    double inner[K];
    (b - band[-3][3] * far_[2] - times(frame[-2].two, last_[1]) - times(frame[-1].one, last_[0])).store(inner);
    for (int k = 0; k < K; ++k) last_[1][k] = last_[0][k];
    const Vec<K> y = times(frame->inverse, inner);
    y.store(last_[0]);
    scaled_ = scale(y, Vec<K>::load(frame->over));
    far_[2] = far_[1];
    far_[1] = far_[0];
    far_[0] = transposed_times(frame->inverse, scaled_);
    return y;
  }
  const Vec<K>& scaled() const { return scaled_; }

 private:
  double last_[2][K] = {};
  Vec<K> scaled_ = Vec<K>::zero();
  Vec<K> far_[3] = {Vec<K>::zero(), Vec<K>::zero(), Vec<K>::zero()};  // what they are to the third frame after them
};

// One frame of L^-T D^-1: y is the frame's part of L^-1 b, x[K], x[2 K], x[3 K] the solution of the next three frames.
template <int K>
inline Vec<K> backward(const FactorFrame<K>& frame, double band3, const Vec<K>& y, const double* x) {
  const Vec<K> scaled = scale(y - band3 * times(frame.inverse, x + 3 * K), Vec<K>::load(frame.over));
  return transposed_times(frame.inverse, scaled - transposed_times(frame.two, Vec<K>::load(x + 2 * K)) -
                                             transposed_times(frame.one, Vec<K>::load(x + K)));
}

}  // namespace vstab
