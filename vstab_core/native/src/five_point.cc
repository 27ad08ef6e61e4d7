// Nister's five-point problem. E = x X + y Y + z Z + W over the null space of the five constraints; det E = 0 and
// 2 E E^T E = trace(E E^T) E are ten cubics in x, y, z. Their elimination leaves a polynomial of degree ten in z.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "polynomial_roots.h"
#include "rotation_math.h"
#include "vstab/relative_rotation.h"

namespace vstab {
namespace {

using Linear = std::array<double, 4>;     // x y z 1
using Quadratic = std::array<double, 10>;  // xx xy xz yy yz zz x y z 1
using Cubic = std::array<double, 20>;      // in the order of the elimination, below

// Where a product of two linear terms stands in a quadratic, and a quadratic's term times a linear one in a cubic:
// x3 y3 x2y xy2 x2z x2 y2z y2 xyz xy | xz2 xz x yz2 yz y z3 z2 z 1
constexpr std::size_t kQuadratic[4][4] = {{0, 1, 2, 6}, {1, 3, 4, 7}, {2, 4, 5, 8}, {6, 7, 8, 9}};
constexpr std::size_t kCubic[10][4] = {{0, 2, 4, 5},    {2, 3, 8, 9},    {4, 8, 10, 11},  {3, 1, 6, 7},
                                       {8, 6, 13, 14},  {10, 13, 16, 17}, {5, 9, 11, 12},  {9, 7, 14, 15},
                                       {11, 14, 17, 18}, {12, 15, 18, 19}};

void add_product(Quadratic& to, double factor, const Linear& a, const Linear& b) {
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t j = 0; j < 4; ++j) to[kQuadratic[i][j]] += factor * a[i] * b[j];
  }
}

void add_product(Cubic& to, const Quadratic& a, const Linear& b) {
  for (std::size_t i = 0; i < 10; ++i) {
    for (std::size_t j = 0; j < 4; ++j) to[kCubic[i][j]] += a[i] * b[j];
  }
}

// Four orthonormal rows of nine that the five constraints do not see, by Householder reflections.
bool null_space(const double* ref, const double* cur, std::array<std::array<double, 9>, 4>& basis) {
  std::array<std::array<double, 9>, 5> rows;
  for (std::size_t n = 0; n < 5; ++n) {
    for (std::size_t i = 0; i < 9; ++i) rows[n][i] = cur[3 * n + i / 3] * ref[3 * n + i % 3];
  }
  for (std::size_t n = 0; n < 5; ++n) {  // rows[n] becomes the reflection's axis
    double norm2 = 0;
    for (std::size_t i = n; i < 9; ++i) norm2 += rows[n][i] * rows[n][i];
    if (norm2 < 1e-20) return false;
    rows[n][n] += std::copysign(std::sqrt(norm2), rows[n][n]);
    double axis2 = 0;
    for (std::size_t i = n; i < 9; ++i) axis2 += rows[n][i] * rows[n][i];
    const double scale = std::sqrt(2 / axis2);
    for (std::size_t i = 0; i < 9; ++i) rows[n][i] = i < n ? 0 : scale * rows[n][i];
    for (std::size_t later = n + 1; later < 5; ++later) {
      double along = 0;
      for (std::size_t i = n; i < 9; ++i) along += rows[n][i] * rows[later][i];
      for (std::size_t i = n; i < 9; ++i) rows[later][i] -= along * rows[n][i];
    }
  }
  for (std::size_t k = 0; k < 4; ++k) {
    basis[k].fill(0);
    basis[k][5 + k] = 1;
    for (std::size_t n = 5; n-- > 0;) {
      double along = 0;
      for (std::size_t i = n; i < 9; ++i) along += rows[n][i] * basis[k][i];
      for (std::size_t i = n; i < 9; ++i) basis[k][i] -= along * rows[n][i];
    }
  }
  return true;
}

std::array<Cubic, 10> cubics_of(const std::array<std::array<double, 9>, 4>& basis) {
  std::array<Linear, 9> e;
  for (std::size_t i = 0; i < 9; ++i) e[i] = {basis[0][i], basis[1][i], basis[2][i], basis[3][i]};
  std::array<Quadratic, 9> square{};  // E E^T - trace / 2
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) add_product(square[3 * i + j], 1, e[3 * i + k], e[3 * j + k]);
    }
  }
  for (std::size_t n = 0; n < 10; ++n) {
    const double half = 0.5 * (square[0][n] + square[4][n] + square[8][n]);
    for (const std::size_t i : {0, 4, 8}) square[i][n] -= half;
  }
  std::array<Cubic, 10> cubics{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) add_product(cubics[3 * i + j], square[3 * i + k], e[3 * k + j]);
    }
  }
  for (std::size_t c = 0; c < 3; ++c) {  // the determinant, along the first row
    Quadratic minor{};
    const std::size_t a = (c + 1) % 3, b = (c + 2) % 3;
    add_product(minor, 1, e[3 + a], e[6 + b]);
    add_product(minor, -1, e[3 + b], e[6 + a]);
    add_product(cubics[9], minor, e[c]);
  }
  return cubics;
}

// The first ten columns become the identity.
bool eliminate(std::array<Cubic, 10>& rows) {
  for (std::size_t c = 0; c < 10; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c + 1; r < 10; ++r) {
      if (std::abs(rows[r][c]) > std::abs(rows[pivot][c])) pivot = r;
    }
    if (!(std::abs(rows[pivot][c]) > 1e-13)) return false;
    std::swap(rows[c], rows[pivot]);
    const double over = 1 / rows[c][c];
    for (std::size_t i = c; i < 20; ++i) rows[c][i] *= over;
    for (std::size_t r = 0; r < 10; ++r) {
      if (r == c) continue;
      const double factor = rows[r][c];
      for (std::size_t i = c; i < 20; ++i) rows[r][i] -= factor * rows[c][i];
    }
  }
  return true;
}

// A row of B(z), of which (x, y, 1) is the null vector: polynomials in z.
struct HiddenRow {
  Polynomial<3> x, y;
  Polynomial<4> one;

  // upper - z lower, whose terms of second degree in x and y cancel
  HiddenRow(const Cubic& upper, const Cubic& lower) {
    x = {upper[12], upper[11] - lower[12], upper[10] - lower[11], -lower[10]};
    y = {upper[15], upper[14] - lower[15], upper[13] - lower[14], -lower[13]};
    one = {upper[19], upper[18] - lower[19], upper[17] - lower[18], upper[16] - lower[17], -lower[16]};
  }
  Vec3 at(double z) const { return {value<3>(x, z), value<3>(y, z), value<4>(one, z)}; }
};

template <std::size_t A, std::size_t B>
Polynomial<A + B> product(const Polynomial<A>& a, const Polynomial<B>& b) {
  Polynomial<A + B> result{};
  for (std::size_t i = 0; i <= A; ++i) {
    for (std::size_t j = 0; j <= B; ++j) result[i + j] += a[i] * b[j];
  }
  return result;
}

Polynomial<10> determinant(const std::array<HiddenRow, 3>& rows) {
  Polynomial<10> sum{};
  for (std::size_t r = 0; r < 3; ++r) {
    const HiddenRow &a = rows[(r + 1) % 3], &b = rows[(r + 2) % 3];
    const Polynomial<6> plus = product<3, 3>(a.x, b.y), minus = product<3, 3>(a.y, b.x);
    Polynomial<6> minor;
    for (std::size_t i = 0; i < 7; ++i) minor[i] = plus[i] - minus[i];
    const Polynomial<10> term = product<4, 6>(rows[r].one, minor);
    for (std::size_t i = 0; i < 11; ++i) sum[i] += term[i];
  }
  return sum;
}

// The null vector (x, y, 1) of three rows, from the two that differ most.
bool null_vector(const Vec3& a, const Vec3& b, const Vec3& c, double& x, double& y) {
  Vec3 best = cross(a, b);
  for (const Vec3& other : {cross(b, c), cross(c, a)}) {
    if (squared(other) > squared(best)) best = other;
  }
  if (!(std::abs(best.z) > 1e-12 * length(best))) return false;
  x = best.x / best.z;
  y = best.y / best.z;
  return true;
}

}  // namespace

std::vector<std::array<double, 9>> five_point(const double* ref_rays, const double* cur_rays) {
  std::vector<std::array<double, 9>> found;
  std::array<std::array<double, 9>, 4> basis;
  if (!null_space(ref_rays, cur_rays, basis)) return found;
  std::array<Cubic, 10> cubics = cubics_of(basis);
  if (!eliminate(cubics)) return found;
  const std::array<HiddenRow, 3> rows{HiddenRow(cubics[4], cubics[5]), HiddenRow(cubics[6], cubics[7]),
                                      HiddenRow(cubics[8], cubics[9])};
  const Roots<20> roots = real_roots<10>(determinant(rows));
  for (std::size_t n = 0; n < roots.count && found.size() < 10; ++n) {
    const double z = roots.at[n];
    double x = 0, y = 0;
    if (!null_vector(rows[0].at(z), rows[1].at(z), rows[2].at(z), x, y)) continue;
    std::array<double, 9> e;
    double norm2 = 0;
    for (std::size_t i = 0; i < 9; ++i) {
      e[i] = x * basis[0][i] + y * basis[1][i] + z * basis[2][i] + basis[3][i];
      norm2 += e[i] * e[i];
    }
    for (double& entry : e) entry *= std::sqrt(2 / norm2);
    found.push_back(e);
  }
  return found;
}

}  // namespace vstab
