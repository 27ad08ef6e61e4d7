#include "sphere_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace vstab {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr float kPiF = static_cast<float>(kPi);
constexpr int kChunk = 128;  // points at a time: the vectors of a chunk stay in the first-level cache

// Within 3e-7 rad (0.0004 px at 7680 wide), from IEEE operations alone: the same bits everywhere. (0, 0) gives 0.
// atan(t) / t is a polynomial in t^2 on [0, tan(pi / 8)], interpolated at Chebyshev points.
inline float arc_tangent(float y, float x) {
  const float ax = std::abs(x), ay = std::abs(y);
  const float small = ax < ay ? ax : ay, large = ax < ay ? ay : ax;
  const bool far = small > 0.414213562f * large;
  const float numerator = far ? small - large : small;
  const float denominator = far ? small + large : large;
  const float t = numerator / (denominator > 1e-30f ? denominator : 1.0f);
  const float z = t * t;
  float p = 0.0470734983f;
  p = p * z - 0.0845619375f;
  p = p * z + 0.110404894f;
  p = p * z - 0.142815888f;
  p = p * z + 0.199998839f;
  p = p * z - 0.333333321f;
  p = p * z + 1.0f;
  float angle = p * t + (far ? 0.25f * kPiF : 0.0f);
  angle = ax < ay ? 0.5f * kPiF - angle : angle;
  angle = x < 0 ? kPiF - angle : angle;
  return y < 0 ? -angle : angle;
}

// v = exp(-omega(v)) v0, one step of the fixed-point iteration. Weighted by |v| the two vertices of an axis give
// mean * |v| + half their difference * v.
void step_towards_source(const float* mean, const float* half, const float* x0, const float* y0, const float* z0,
                         int n, float* x, float* y, float* z) {
  for (int i = 0; i < n; ++i) {
    const float ax = std::abs(x[i]), ay = std::abs(y[i]), az = std::abs(z[i]);
    const float scale = -1 / (ax + ay + az);
    const float u = scale * (mean[0] * ax + half[0] * x[i] + mean[3] * ay + half[3] * y[i] + mean[6] * az +
                             half[6] * z[i]);
    const float v = scale * (mean[1] * ax + half[1] * x[i] + mean[4] * ay + half[4] * y[i] + mean[7] * az +
                             half[7] * z[i]);
    const float w = scale * (mean[2] * ax + half[2] * x[i] + mean[5] * ay + half[5] * y[i] + mean[8] * az +
                             half[8] * z[i]);
    // Rodrigues; sin(t) / t and (1 - cos(t)) / t^2 as series, within 3e-8 up to 1 rad.
    const float t = u * u + v * v + w * w;
    const float a = 1 - t * (1.0f / 6 - t * (1.0f / 120 - t * (1.0f / 5040 - t * (1.0f / 362880))));
    const float b = 0.5f - t * (1.0f / 24 - t * (1.0f / 720 - t * (1.0f / 40320 - t * (1.0f / 3628800))));
    const float cx = v * z0[i] - w * y0[i], cy = w * x0[i] - u * z0[i], cz = u * y0[i] - v * x0[i];
    x[i] = x0[i] + a * cx + b * (v * cz - w * cy);
    y[i] = y0[i] + a * cy + b * (w * cx - u * cz);
    z[i] = z0[i] + a * cz + b * (u * cy - v * cx);
  }
}

void px_from_rays(const float* x, const float* y, const float* z, int n, Size size, float* px, float* py) {
  const float width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  const float px_per_longitude = width / (2 * kPiF), px_per_latitude = height / kPiF;
  for (int i = 0; i < n; ++i) {
    const float level = std::sqrt(x[i] * x[i] + z[i] * z[i]);
    px[i] = arc_tangent(x[i], z[i]) * px_per_longitude + 0.5f * width;
    py[i] = arc_tangent(y[i], level) * px_per_latitude + 0.5f * height;
  }
}

void check_rotation(const double* r) {
  if (!std::all_of(r, r + 9, [](double v) { return std::isfinite(v); })) {
    throw std::invalid_argument("src_from_dst holds a value that is not finite");
  }
  double worst = 0;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      const double dot = r[3 * i] * r[3 * j] + r[3 * i + 1] * r[3 * j + 1] + r[3 * i + 2] * r[3 * j + 2];
      worst = std::max(worst, std::abs(dot - (i == j ? 1 : 0)));
    }
  }
  const double det = r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) +
                     r[2] * (r[3] * r[7] - r[4] * r[6]);
  if (worst > 1e-6 || det < 0) {
    throw std::invalid_argument("src_from_dst of an equirectangular warp must be a rotation; it is " +
                                std::string(det < 0 ? "mirrored" : "off by " + std::to_string(worst)));
  }
}

// How often to iterate until what is left is below 1e-5 rad (0.003 px at 1920): each turn leaves about the share by
// which the local rotation changes along a radian.
int iterations_of(const double* local) {
  double length = 0, spread = 0;
  for (int i = 0; i < 6; ++i) {
    const double* a = local + 3 * i;
    length = std::max(length, std::sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]));
    for (int j = 0; j < i; ++j) {
      const double* b = local + 3 * j;
      const double dx = a[0] - b[0], dy = a[1] - b[1], dz = a[2] - b[2];
      spread = std::max(spread, std::sqrt(dx * dx + dy * dy + dz * dz));
    }
  }
  int count = length > 0 ? 1 : 0;
  for (double left = length * spread; left > 1e-5 && count < 16; left *= spread) {
    ++count;
  }
  return count;
}

}  // namespace

SphereModel::SphereModel(const FrameWarp& warp, Size dst, Size src) : dst_(dst), src_(src) {
  if (!warp.mesh.empty()) {
    throw std::invalid_argument("a mesh belongs to a rectilinear warp; an equirectangular one takes local rotations");
  }
  check_rotation(warp.src_from_dst);
  std::copy(warp.src_from_dst, warp.src_from_dst + 9, rotation_);
  std::fill(local_, local_ + 18, 0.0);
  if (!warp.local.empty()) {
    if (warp.local.size() != 18) {
      throw std::invalid_argument("local must hold 6 rotation vectors, got " + std::to_string(warp.local.size()) +
                                  " numbers");
    }
    double local[18];
    std::copy(warp.local.begin(), warp.local.end(), local);
    for (int i = 0; i < 6; ++i) {
      const double* v = local + 3 * i;
      if (!(v[0] * v[0] + v[1] * v[1] + v[2] * v[2] <= 1)) {
        throw std::invalid_argument("local rotation " + std::to_string(i) +
                                    " is beyond 1 radian or not finite; what is common to all six belongs to "
                                    "src_from_dst");
      }
    }
    iterations_ = iterations_of(local);
    for (int axis = 0; axis < 3; ++axis) {
      for (int k = 0; k < 3; ++k) {
        const double plus = local[6 * axis + k], minus = local[6 * axis + 3 + k];
        local_[3 * axis + k] = 0.5 * (plus + minus);
        local_[9 + 3 * axis + k] = 0.5 * (plus - minus);
      }
    }
  }
  const double* r = rotation_;
  yaw_only_ = iterations_ == 0 && r[4] > 0 &&
              std::max({std::abs(r[1]), std::abs(r[3]), std::abs(r[5]), std::abs(r[7])}) < 1e-12;
  yaw_px_ = std::atan2(r[2], r[8]) * (src.width / (2 * kPi));
}

SphereModel::Columns SphereModel::columns(double first_px, double step_px, int count) const {
  Columns columns;
  for (auto* values : {&columns.px, &columns.ax, &columns.ay, &columns.az}) {
    values->resize(static_cast<std::size_t>(count));
  }
  const double* r = rotation_;
  for (std::size_t i = 0; i < columns.px.size(); ++i) {
    columns.px[i] = first_px + step_px * static_cast<double>(i);
    if (yaw_only_) {
      continue;
    }
    const double longitude = (columns.px[i] / dst_.width - 0.5) * (2 * kPi);
    const double s = std::sin(longitude), c = std::cos(longitude);
    columns.ax[i] = r[0] * s + r[2] * c;
    columns.ay[i] = r[3] * s + r[5] * c;
    columns.az[i] = r[6] * s + r[8] * c;
  }
  return columns;
}

void SphereModel::row(const Columns& columns, int begin, int count, double y_px, float* x, float* y) const {
  if (yaw_only_) {
    const double y_src = y_px * src_.height / dst_.height;
    for (int i = 0; i < count; ++i) {
      const double turned = columns.px[static_cast<std::size_t>(begin + i)] * src_.width / dst_.width + yaw_px_;
      x[i] = static_cast<float>(turned - src_.width * std::floor(turned / src_.width));
      y[i] = static_cast<float>(y_src);
    }
    return;
  }
  const double latitude = (y_px / dst_.height - 0.5) * kPi;
  const double s = std::sin(latitude), c = std::cos(latitude);
  const double bx = s * rotation_[1], by = s * rotation_[4], bz = s * rotation_[7];
  float local[18];
  std::transform(local_, local_ + 18, local, [](double v) { return static_cast<float>(v); });
  float x0[kChunk], y0[kChunk], z0[kChunk], rx[kChunk], ry[kChunk], rz[kChunk];
  for (int from = 0; from < count; from += kChunk) {
    const int n = std::min(kChunk, count - from);
    const double *ax = columns.ax.data() + begin + from, *ay = columns.ay.data() + begin + from,
                 *az = columns.az.data() + begin + from;
    for (int i = 0; i < n; ++i) {
      rx[i] = x0[i] = static_cast<float>(c * ax[i] + bx);
      ry[i] = y0[i] = static_cast<float>(c * ay[i] + by);
      rz[i] = z0[i] = static_cast<float>(c * az[i] + bz);
    }
    for (int k = 0; k < iterations_; ++k) {
      step_towards_source(local, local + 9, x0, y0, z0, n, rx, ry, rz);
    }
    px_from_rays(rx, ry, rz, n, src_, x + from, y + from);
  }
}


}  // namespace vstab
