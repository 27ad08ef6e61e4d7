// Evaluates the deformed-rotation model along a row, once for every instruction set; the same bits from all.
// Included by the same files as warp_kernel.h and for the same reason without the C++ library: C's fabsf and sqrtf leave
// no inline function behind.
#include <math.h>

#include "sphere_row.h"

namespace vstab {
namespace VSTAB_LEVEL {
namespace {

constexpr float kPiF = 3.14159265358979323846f;
constexpr int kChunk = 128;  // points at a time: the vectors of a chunk stay in the first-level cache

// Within 3e-7 rad (0.0004 px at 7680 wide), from IEEE operations alone: the same bits everywhere. (0, 0) gives 0.
// atan(t) / t is a polynomial in t^2 on [0, tan(pi / 8)], interpolated at Chebyshev points.
inline float arc_tangent(float y, float x) {
  const float ax = fabsf(x), ay = fabsf(y);
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
inline void step_towards_source(const float* mean, const float* half, const float* x0, const float* y0, const float* z0,
                         int n, float* x, float* y, float* z) {
  for (int i = 0; i < n; ++i) {
    const float ax = fabsf(x[i]), ay = fabsf(y[i]), az = fabsf(z[i]);
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

inline void px_from_rays(const float* x, const float* y, const float* z, int n, float width, float height, float* px,
                         float* py) {
  const float px_per_longitude = width / (2 * kPiF), px_per_latitude = height / kPiF;
  for (int i = 0; i < n; ++i) {
    const float level = sqrtf(x[i] * x[i] + z[i] * z[i]);
    px[i] = arc_tangent(x[i], z[i]) * px_per_longitude + 0.5f * width;
    py[i] = arc_tangent(y[i], level) * px_per_latitude + 0.5f * height;
  }
}

inline void sphere_row(const SphereRow& row) {
  const float width = static_cast<float>(row.src_width), height = static_cast<float>(row.src_height);
  float x0[kChunk], y0[kChunk], z0[kChunk], x[kChunk], y[kChunk], z[kChunk], px[kChunk], py[kChunk];
  const std::int32_t period = row.src_width << kGridBits;
  for (int from = 0; from < row.count; from += kChunk) {
    const int n = kChunk < row.count - from ? kChunk : row.count - from;
    const double *ax = row.ax + from, *ay = row.ay + from, *az = row.az + from;
    for (int i = 0; i < n; ++i) {
      x[i] = x0[i] = static_cast<float>(row.scale * ax[i] + row.bx);
      y[i] = y0[i] = static_cast<float>(row.scale * ay[i] + row.by);
      z[i] = z0[i] = static_cast<float>(row.scale * az[i] + row.bz);
    }
    for (int k = 0; k < row.iterations; ++k) {
      step_towards_source(row.mean, row.half, x0, y0, z0, n, x, y, z);
    }
    px_from_rays(x, y, z, n, width, height, px, py);
    for (int i = 0; i < n; ++i) {
      row.x[from + i] = x_fixed(px[i], period);
      row.y[from + i] = y_fixed(py[i]);
    }
  }
}

}  // namespace
}  // namespace VSTAB_LEVEL
}  // namespace vstab
