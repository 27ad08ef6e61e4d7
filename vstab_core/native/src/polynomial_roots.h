// The real roots of a polynomial, by the roots of its derivatives: between two of those it is monotonic.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace vstab {

template <std::size_t N>
struct Roots {
  std::array<double, N> at{};
  std::size_t count = 0;
};

// Coefficients from the constant term up.
template <std::size_t Degree>
using Polynomial = std::array<double, Degree + 1>;

template <std::size_t Degree>
inline double value(const Polynomial<Degree>& p, double x) {
  double sum = p[Degree];
  for (std::size_t i = Degree; i-- > 0;) sum = sum * x + p[i];
  return sum;
}

// The root between low and high, where the signs differ: Newton's steps, halving where one leaves the bracket.
template <std::size_t Degree>
inline double root_between(const Polynomial<Degree>& p, double low, double high, bool rising) {
  double x = 0.5 * (low + high);
  for (int i = 0; i < 60; ++i) {
    double y = p[Degree], slope = 0;
    for (std::size_t k = Degree; k-- > 0;) {
      slope = slope * x + y;
      y = y * x + p[k];
    }
    ((y > 0) == rising ? high : low) = x;
    const double step = slope == 0 ? 0 : y / slope;
    double next = x - step;
    if (slope == 0 || !(next > low && next < high)) next = 0.5 * (low + high);
    if (std::abs(next - x) <= 1e-15 || high - low <= 1e-15) return next;
    x = next;
  }
  return x;
}

// The roots inside [low, high], ascending; of a double root none or both.
template <std::size_t Degree>
Roots<Degree> roots_inside(const Polynomial<Degree>& p, double low, double high) {
  Roots<Degree> found;
  if constexpr (Degree == 1) {
    const double x = p[1] == 0 ? high + 1 : -p[0] / p[1];
    if (x >= low && x <= high) found.at[found.count++] = x;
  } else {
    Polynomial<Degree - 1> slope;
    for (std::size_t i = 0; i < Degree; ++i) slope[i] = static_cast<double>(i + 1) * p[i + 1];
    const Roots<Degree - 1> turns = roots_inside<Degree - 1>(slope, low, high);
    double from = low, y = value<Degree>(p, low);
    for (std::size_t i = 0; i <= turns.count; ++i) {
      const double to = i < turns.count ? turns.at[i] : high, end = value<Degree>(p, to);
      if ((y > 0) != (end > 0)) found.at[found.count++] = root_between<Degree>(p, from, to, end > 0);
      from = to;
      y = end;
    }
  }
  return found;
}

// All real roots but those at infinity; those beyond 1 through the reversed polynomial.
template <std::size_t Degree>
Roots<2 * Degree> real_roots(const Polynomial<Degree>& p) {
  Polynomial<Degree> reversed = p;
  std::reverse(reversed.begin(), reversed.end());
  Roots<2 * Degree> found;
  const Roots<Degree> inner = roots_inside<Degree>(p, -1, 1), outer = roots_inside<Degree>(reversed, -1, 1);
  for (std::size_t i = 0; i < inner.count; ++i) found.at[found.count++] = inner.at[i];
  for (std::size_t i = 0; i < outer.count; ++i) {
    if (std::abs(outer.at[i]) > 1e-9 && std::abs(outer.at[i]) < 1) found.at[found.count++] = 1 / outer.at[i];
  }
  return found;
}

}  // namespace vstab
