// What the bounds of one frame add to the Newton system; the inner loops of the interior point.
#pragma once

#include <cstddef>
#include <vector>

#include "path_factor.h"
#include "path_pair.h"

namespace vstab {

// The sides G, as the loops want them. The number of rows is made even by saying the last one twice.
template <int K>
class Sides {
 public:
  Sides(const double* sides, std::size_t rows, std::size_t channels)
      : rows_(rows + rows % 2), by_pair_(K * rows_), by_row_(kByRow * rows_) {
    for (std::size_t r = 0; r < rows_; ++r) {
      const double* side = sides + (r < rows ? r : rows - 1) * channels;
      double g[K] = {};
      for (std::size_t k = 0; k < channels; ++k) g[k] = side[k];
      double* to = &by_row_[kByRow * r];
      for (int i = 0; i < K; ++i) {
        by_pair_[(r - r % 2) * K + 2 * static_cast<std::size_t>(i) + r % 2] = g[i];
        for (int j = i - i % 2; j < K; ++j) *to++ = g[i] * g[j];
      }
      for (int k = 0; k < K; ++k) *to++ = g[k];
    }
  }

  std::size_t rows() const { return rows_; }

  // G x for the rows r and r + 1.
  Pair times(const Pair* x, std::size_t r) const {
    const double* g = &by_pair_[r * K];
    Pair sum = Pair::load(g) * x[0];
    for (int k = 1; k < K; ++k) sum = sum + Pair::load(g + 2 * k) * x[k];
    return sum;
  }

  // G^T w
  Vec<K> pull(const double* w) const {
    Vec<K> even = Vec<K>::zero(), odd = Vec<K>::zero();
    for (std::size_t r = 0; r < rows_; r += 2) {
      even = even + w[r] * Vec<K>::load(&by_row_[kByRow * r + kBlock]);
      odd = odd + w[r + 1] * Vec<K>::load(&by_row_[kByRow * (r + 1) + kBlock]);
    }
    return even + odd;
  }

  // G^T diag(w) G (its lower half) and G^T w.
  Vec<K> gather(const double* w, Block<K>& block) const {
    if constexpr (K == 4) {
      Pair a = Pair::both(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
      const double* from = by_row_.data();
      for (std::size_t r = 0; r < rows_; ++r, from += kByRow) {
        const Pair x = Pair::both(w[r]);
        a = a + x * Pair::load(from), b = b + x * Pair::load(from + 2);
        c = c + x * Pair::load(from + 4), d = d + x * Pair::load(from + 6);
        e = e + x * Pair::load(from + 8), f = f + x * Pair::load(from + 10);
        g = g + x * Pair::load(from + 12), h = h + x * Pair::load(from + 14);
      }
      a.store(block.v), b.store(block.v + 2), c.store(block.v + 4), d.store(block.v + 6);
      Pair::both(0).store(block.v + 8), e.store(block.v + 10), Pair::both(0).store(block.v + 12), f.store(block.v + 14);
      return {{g, h}};
    } else {
      Pair a = Pair::both(0), b = a, c = a;
      const double* from = by_row_.data();
      for (std::size_t r = 0; r < rows_; ++r, from += kByRow) {
        const Pair x = Pair::both(w[r]);
        a = a + x * Pair::load(from), b = b + x * Pair::load(from + 2), c = c + x * Pair::load(from + 4);
      }
      a.store(block.v), b.store(block.v + 2);
      return {{c}};
    }
  }

 private:
  static constexpr std::size_t kBlock = K == 4 ? 12 : 4;  // columns from the diagonal on, in whole pairs
  static constexpr std::size_t kByRow = kBlock + K;
  std::size_t rows_;
  std::vector<double> by_pair_, by_row_;
};

}  // namespace vstab
