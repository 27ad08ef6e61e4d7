// The camera path's problem without bounds: a banded system, the same for every channel.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "path_factor.h"
#include "vstab/path_solver.h"

namespace vstab {

constexpr int kPathAttempts = 5;

// What to add to the diagonal where a factorisation failed: at first no more than rounding.
inline double more_regular(double extra, double largest) { return std::max(100 * extra, kRounding * largest); }

// Of each frame that may be corrected, with three zero frames before the first.
inline std::vector<Bands> bands_of(const PathQuery& query) {
  const std::size_t all = query.past + query.frames;
  std::vector<Bands> bands(query.frames + 3);
  for (std::size_t t = 0; t < query.frames; ++t) {
    for (std::size_t n = 0; n < 4 && t + n < query.frames; ++n) bands[t + 3][n] = query.bands[n * all + query.past + t];
  }
  return bands;
}

// T path, and what the shown frames add, (F, K).
inline std::vector<double> linear_of(const PathQuery& query) {
  const std::size_t all = query.past + query.frames, channels = query.channels;
  std::vector<double> linear(query.frames * channels);
  const auto add = [&](std::size_t to, std::size_t from, double band) {  // frames, the shown ones counted
    const double* x = from < query.past ? query.shown + from * channels : query.path + (from - query.past) * channels;
    double* sum = &linear[(to - query.past) * channels];
    for (std::size_t k = 0; k < channels; ++k) sum[k] += band * x[k];
  };
  for (std::size_t t = query.past; t < all; ++t) {
    add(t, t, query.bands[t]);
    for (std::size_t n = 1; n <= kPathOrders; ++n) {
      if (t >= n) add(t, t - n, query.bands[n * all + t - n]);
      if (t + n < all) add(t, t + n, query.bands[n * all + t]);
    }
  }
  return linear;
}

// Turns the bands into L D L^T: 1 / D, then L's three bands. False: not positive definite.
inline bool factor(std::vector<Bands>& bands, double anchor) {
  std::array<double, 3> d{};  // of the three frames before, the last one first
  for (std::size_t t = 3; t < bands.size(); ++t) {
    Bands& now = bands[t];
    const Bands &one = bands[t - 1], &two = bands[t - 2], &three = bands[t - 3];
    const double whole = now[0] + anchor;
    const double e1 = one[1] * d[0], e2 = two[2] * d[1];
    const double pivot = whole - one[1] * e1 - two[2] * e2 - three[3] * three[3] * d[2];
    if (!(pivot > kRounding * whole)) return false;
    const double first = now[1] - one[2] * e1 - two[3] * e2;
    const double second = now[2] - one[3] * e1;
    now = {1 / pivot, first / pivot, second / pivot, now[3] / pivot};
    d = {pivot, d[0], d[1]};
  }
  return true;
}

inline std::vector<Bands> factored(const PathQuery& query) {
  const std::vector<Bands> bands = bands_of(query);
  double largest = query.anchor, extra = 0;
  for (const Bands& band : bands) largest = std::max(largest, band[0]);
  for (int attempt = 0; attempt < kPathAttempts; ++attempt) {
    std::vector<Bands> result = bands;
    if (factor(result, query.anchor + extra)) return result;
    extra = more_regular(extra, largest);
  }
  throw std::runtime_error(kNotDefinite);
}

// (T + anchor) c = -linear
inline std::vector<double> solve_free(const PathQuery& query, std::vector<double> c) {
  const std::size_t frames = query.frames, channels = query.channels;
  const std::vector<Bands> bands = factored(query);
  for (std::size_t t = 0; t < frames; ++t) {
    double* now = &c[t * channels];
    for (std::size_t k = 0; k < channels; ++k) now[k] = -now[k];
    for (std::size_t n = 1; n <= kPathOrders && n <= t; ++n) {
      const double m = bands[t + 3 - n][n];
      for (std::size_t k = 0; k < channels; ++k) now[k] -= m * c[(t - n) * channels + k];
    }
  }
  for (std::size_t t = frames; t-- > 0;) {
    double* now = &c[t * channels];
    for (std::size_t k = 0; k < channels; ++k) now[k] *= bands[t + 3][0];
    for (std::size_t n = 1; n <= kPathOrders && t + n < frames; ++n) {
      const double m = bands[t + 3][n];
      for (std::size_t k = 0; k < channels; ++k) now[k] -= m * c[(t + n) * channels + k];
    }
  }
  return c;
}

}  // namespace vstab
