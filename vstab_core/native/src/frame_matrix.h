// A symmetric matrix of K unknowns a frame in which a frame meets only the two after it; its Cholesky factor.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace vstab {

// Frame t has a panel of K columns, each 3 K high: the lower half of its own block, then the blocks one and two frames
// below it. A panel is column-major, so that all the factorization's inner loops run along memory.
template <int K>
class FrameMatrix {
 public:
  static constexpr int kHeight = 3 * K;

  explicit FrameMatrix(std::size_t frames) : frames_(frames), panels_((frames + 2) * kHeight * K) {}

  std::size_t frames() const { return frames_; }
  void clear() { std::fill(panels_.begin(), panels_.end(), 0.0); }

  // Column `col` of frame t; rows from K * below on belong to frame t + below.
  double* column(std::size_t t, int col) { return &panels_[(t * K + static_cast<std::size_t>(col)) * kHeight]; }
  const double* column(std::size_t t, int col) const {
    return &panels_[(t * K + static_cast<std::size_t>(col)) * kHeight];
  }

  // Takes a frame's unknowns out: they solve to zero where their gradient is zero.
  void hold(std::size_t t) {
    for (int c = 0; c < K; ++c) {
      std::fill_n(column(t, c), kHeight, 0.0);
      column(t, c)[c] = 1;
      for (std::size_t above = 1; above <= 2 && above <= t; ++above) {
        std::fill_n(column(t - above, c) + static_cast<int>(above) * K, K, 0.0);
      }
    }
  }

  // Levenberg's: a share of the diagonal more. No diagonal entry counts as less than 1e-9 of the largest.
  void damp(double share) {
    double largest = 0;
    for (std::size_t t = 0; t < frames_; ++t) {
      for (int c = 0; c < K; ++c) largest = std::max(largest, column(t, c)[c]);
    }
    for (std::size_t t = 0; t < frames_; ++t) {
      for (int c = 0; c < K; ++c) column(t, c)[c] += share * std::max(column(t, c)[c], 1e-9 * largest);
    }
  }

  // Becomes its Cholesky factor. False: not positive definite.
  bool factor() {
    for (std::size_t t = 0; t < frames_; ++t) {
      for (int c = 0; c < K; ++c) {
        double* from = column(t, c);
        if (!(from[c] > 0) || !std::isfinite(from[c])) return false;
        const double over = 1 / std::sqrt(from[c]);
        for (int r = c; r < kHeight; ++r) from[r] *= over;
        for (int q = c + 1; q < K; ++q) subtract(from, q, q, column(t, q));
      }
      for (int q = K; q < kHeight; ++q) {  // what the panel takes from the next two
        const int below = q / K;
        double* to = column(t + static_cast<std::size_t>(below), q % K) - below * K;
        for (int c = 0; c < K; ++c) subtract(column(t, c), q, q, to);
      }
    }
    return true;
  }

  // Of the factor: x of L L^T x = b, in place.
  void solve(std::vector<double>& b) const {
    b.resize((frames_ + 2) * K, 0.0);
    for (std::size_t t = 0; t < frames_; ++t) {
      double* own = &b[t * K];
      for (int c = 0; c < K; ++c) {
        const double* from = column(t, c);
        own[c] /= from[c];
        for (int r = c + 1; r < kHeight; ++r) own[r] -= from[r] * own[c];
      }
    }
    for (std::size_t t = frames_; t-- > 0;) {
      double* own = &b[t * K];
      for (int c = K; c-- > 0;) {
        const double* from = column(t, c);
        double sum = own[c];
        for (int r = c + 1; r < kHeight; ++r) sum -= from[r] * own[r];
        own[c] = sum / from[c];
      }
    }
    b.resize(frames_ * K);
  }

 private:
  static void subtract(const double* from, int factor_row, int first, double* to) {
    const double factor = from[factor_row];
    for (int r = first; r < kHeight; ++r) to[r] -= factor * from[r];
  }

  std::size_t frames_;
  std::vector<double> panels_;
};

}  // namespace vstab
