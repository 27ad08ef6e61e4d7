// Weighted normal equations of a few unknowns, and the rotation nearest to a matrix that almost is one.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "rotation_math.h"

namespace vstab {

template <std::size_t N>
class SmallSystem {
 public:
  // weight (error + slope . step)^2
  void add(double weight, double error, const std::array<double, N>& slope) {
    for (std::size_t i = 0; i < N; ++i) {
      const double scaled = weight * slope[i];
      right_[i] -= scaled * error;
      for (std::size_t j = 0; j <= i; ++j) matrix_[i][j] += scaled * slope[j];
    }
  }

  // The best step. A millionth of the diagonal is added: directions of which nothing is known stay.
  std::array<double, N> solve() {
    double trace = 0;
    for (std::size_t i = 0; i < N; ++i) trace += matrix_[i][i];
    std::array<double, N> x = right_;
    if (!(trace > 0)) return {};
    for (std::size_t i = 0; i < N; ++i) {  // Cholesky
      matrix_[i][i] += 1e-6 * matrix_[i][i] + 1e-12 * trace;
      for (std::size_t j = 0; j <= i; ++j) {
        double sum = matrix_[i][j];
        for (std::size_t k = 0; k < j; ++k) sum -= matrix_[i][k] * matrix_[j][k];
        matrix_[i][j] = i == j ? std::sqrt(sum > 0 ? sum : 1e-12 * trace) : sum / matrix_[j][j];
      }
      for (std::size_t k = 0; k < i; ++k) x[i] -= matrix_[i][k] * x[k];
      x[i] /= matrix_[i][i];
    }
    for (std::size_t i = N; i-- > 0;) {
      for (std::size_t k = i + 1; k < N; ++k) x[i] -= matrix_[k][i] * x[k];
      x[i] /= matrix_[i][i];
    }
    return x;
  }

 private:
  std::array<std::array<double, N>, N> matrix_{};
  std::array<double, N> right_{};
};

// Newton's iteration for the polar part, (3 a - a a^T a) / 2: twice takes an error of 1e-4 below rounding.
inline Mat3 orthonormal(Mat3 a) {
  for (int i = 0; i < 2; ++i) a = 1.5 * a - 0.5 * (a * transposed_times(a, a));
  return a;
}

}  // namespace vstab
