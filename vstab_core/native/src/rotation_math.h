// Vectors, 3 x 3 matrices (row-major), unit quaternions (w, x, y, z) and the exponential map of rotations.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace vstab {

struct Vec3 {
  double x = 0, y = 0, z = 0;
};

inline Vec3 operator+(const Vec3& a, const Vec3& b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(const Vec3& a, const Vec3& b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(double s, const Vec3& a) { return {s * a.x, s * a.y, s * a.z}; }
inline Vec3& operator+=(Vec3& a, const Vec3& b) { return a = a + b; }
inline Vec3& operator-=(Vec3& a, const Vec3& b) { return a = a - b; }
inline double dot(const Vec3& a, const Vec3& b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline double squared(const Vec3& a) { return dot(a, a); }
inline double length(const Vec3& a) { return std::sqrt(squared(a)); }
inline Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline Vec3 vec3(const double* from) { return {from[0], from[1], from[2]}; }

struct Mat3 {
  std::array<double, 9> m{};  // row-major
  double& operator()(int row, int col) { return m[static_cast<std::size_t>(3 * row + col)]; }
  double operator()(int row, int col) const { return m[static_cast<std::size_t>(3 * row + col)]; }
};

inline Mat3 identity3() { return {{1, 0, 0, 0, 1, 0, 0, 0, 1}}; }
inline Mat3 transposed(const Mat3& a) {
  return {{a.m[0], a.m[3], a.m[6], a.m[1], a.m[4], a.m[7], a.m[2], a.m[5], a.m[8]}};
}
inline Vec3 operator*(const Mat3& a, const Vec3& v) {
  return {a.m[0] * v.x + a.m[1] * v.y + a.m[2] * v.z, a.m[3] * v.x + a.m[4] * v.y + a.m[5] * v.z,
          a.m[6] * v.x + a.m[7] * v.y + a.m[8] * v.z};
}
inline Mat3 operator*(const Mat3& a, const Mat3& b) {
  Mat3 c;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) c(i, j) = a(i, 0) * b(0, j) + a(i, 1) * b(1, j) + a(i, 2) * b(2, j);
  }
  return c;
}
inline Mat3 operator*(double s, Mat3 a) {
  for (double& entry : a.m) entry *= s;
  return a;
}
inline Mat3 operator-(Mat3 a, const Mat3& b) {
  for (std::size_t i = 0; i < 9; ++i) a.m[i] -= b.m[i];
  return a;
}
// a^T b
inline Mat3 transposed_times(const Mat3& a, const Mat3& b) {
  Mat3 c;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) c(i, j) = a(0, i) * b(0, j) + a(1, i) * b(1, j) + a(2, i) * b(2, j);
  }
  return c;
}
inline Vec3 transposed_times(const Mat3& a, const Vec3& v) {
  return {a.m[0] * v.x + a.m[3] * v.y + a.m[6] * v.z, a.m[1] * v.x + a.m[4] * v.y + a.m[7] * v.z,
          a.m[2] * v.x + a.m[5] * v.y + a.m[8] * v.z};
}
// [v]x: skew(v) u = v x u
inline Mat3 skew(const Vec3& v) { return {{0, -v.z, v.y, v.z, 0, -v.x, -v.y, v.x, 0}}; }

// I + first [w]x + second [w]x^2
inline Mat3 series(const Vec3& w, double first, double second) {
  const double xx = w.x * w.x, yy = w.y * w.y, zz = w.z * w.z;
  const double xy = second * w.x * w.y, xz = second * w.x * w.z, yz = second * w.y * w.z;
  return {{1 - second * (yy + zz), xy - first * w.z, xz + first * w.y,  //
           xy + first * w.z, 1 - second * (xx + zz), yz - first * w.x,  //
           xz - first * w.y, yz + first * w.x, 1 - second * (xx + yy)}};
}

// sin(x)/x, (1 - cos(x))/x^2, (x - sin(x))/x^3 of an angle, given squared.
struct AngleSeries {
  double sine, cosine, rest;
  explicit AngleSeries(double squared) {
    if (squared < 1e-3) {  // the next terms are below 1e-15
      sine = 1 - squared / 6 * (1 - squared / 20 * (1 - squared / 42 * (1 - squared / 72)));
      cosine = 0.5 * (1 - squared / 12 * (1 - squared / 30 * (1 - squared / 56 * (1 - squared / 90))));
      rest = (1 - squared / 20 * (1 - squared / 42 * (1 - squared / 72 * (1 - squared / 110)))) / 6;
    } else {
      const double angle = std::sqrt(squared);
      sine = std::sin(angle) / angle;
      cosine = (1 - std::cos(angle)) / squared;
      rest = (1 - sine) / squared;
    }
  }
};

inline Mat3 exp_matrix(const Vec3& w) {
  const AngleSeries of(squared(w));
  return series(w, of.sine, of.cosine);
}
// d/dw: exp(w + d) = exp(J d) exp(w)
inline Mat3 left_jacobian(const Vec3& w) {
  const AngleSeries of(squared(w));
  return series(w, of.cosine, of.rest);
}
// log(exp(d) exp(w)) = w + J d; the transpose serves log(exp(w) exp(d)). For angles below pi.
inline Mat3 inverse_left_jacobian(const Vec3& w) {
  const double angle2 = squared(w);
  if (angle2 < 1e-4) return series(w, -0.5, 1.0 / 12 * (1 + angle2 / 60));
  const double half = 0.5 * std::sqrt(angle2);
  return series(w, -0.5, (1 - half / std::tan(half)) / angle2);
}

struct Quat {
  double w = 1, x = 0, y = 0, z = 0;
};

inline Quat operator*(const Quat& p, const Quat& q) {
  return {p.w * q.w - p.x * q.x - p.y * q.y - p.z * q.z, p.w * q.x + p.x * q.w + p.y * q.z - p.z * q.y,
          p.w * q.y - p.x * q.z + p.y * q.w + p.z * q.x, p.w * q.z + p.x * q.y - p.y * q.x + p.z * q.w};
}
inline Quat inverse(const Quat& q) { return {q.w, -q.x, -q.y, -q.z}; }
inline Quat normalised(const Quat& q) {
  const double over = 1 / std::sqrt(q.w * q.w + q.x * q.x + q.y * q.y + q.z * q.z);
  return {over * q.w, over * q.x, over * q.y, over * q.z};
}
inline Quat exp_quat(const Vec3& w) {
  const AngleSeries of(0.25 * squared(w));
  const double s = 0.5 * of.sine;
  return {1 - 0.25 * squared(w) * of.cosine, s * w.x, s * w.y, s * w.z};
}
// The shorter way round.
inline Vec3 log_quat(const Quat& q) {
  const Vec3 v{q.x, q.y, q.z};
  const double n = length(v), sign = q.w < 0 ? -1 : 1;
  return (n > 1e-12 ? sign * 2 * std::atan2(n, sign * q.w) / n : sign * 2) * v;
}
inline Mat3 matrix(const Quat& q) {
  return {{1 - 2 * (q.y * q.y + q.z * q.z), 2 * (q.x * q.y - q.w * q.z), 2 * (q.x * q.z + q.w * q.y),
           2 * (q.x * q.y + q.w * q.z), 1 - 2 * (q.x * q.x + q.z * q.z), 2 * (q.y * q.z - q.w * q.x),
           2 * (q.x * q.z - q.w * q.y), 2 * (q.y * q.z + q.w * q.x), 1 - 2 * (q.x * q.x + q.y * q.y)}};
}

}  // namespace vstab
