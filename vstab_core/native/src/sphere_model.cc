#include "sphere_model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "cpu.h"
#include "sphere_row.h"

namespace vstab {
namespace {

constexpr double kPi = 3.14159265358979323846;
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

RowKernel kernel_of(SimdLevel level) {
  switch (level) {
#if VSTAB_X86
    case SimdLevel::sse4: return sphere_row_sse4;
    case SimdLevel::avx2: return sphere_row_avx2;
    case SimdLevel::avx512: return sphere_row_avx512;
#endif
    default: return sphere_row_baseline;  // has all that NEON gives
  }
}

}  // namespace

SphereModel::SphereModel(const FrameWarp& warp, Size dst, Size src, SimdLevel level)
    : dst_(dst), src_(src), row_kernel_(kernel_of(level)) {
  if (!warp.mesh.empty()) {
    throw std::invalid_argument("a mesh belongs to a rectilinear warp; an equirectangular one takes local rotations");
  }
  check_rotation(warp.src_from_dst);
  std::copy(warp.src_from_dst, warp.src_from_dst + 9, rotation_);
  std::fill(local_, local_ + 18, 0.0f);
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
        local_[3 * axis + k] = static_cast<float>(0.5 * (plus + minus));
        local_[9 + 3 * axis + k] = static_cast<float>(0.5 * (plus - minus));
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

void SphereModel::row(const Columns& columns, int begin, int count, double y_px, std::int32_t* x,
                      std::int32_t* y) const {
  if (yaw_only_) {
    const std::int32_t y_src = y_fixed(static_cast<float>(y_px * src_.height / dst_.height));
    for (int i = 0; i < count; ++i) {
      const double turned = columns.px[static_cast<std::size_t>(begin + i)] * src_.width / dst_.width + yaw_px_;
      x[i] = x_fixed(static_cast<float>(turned - src_.width * std::floor(turned / src_.width)), src_.width << kGridBits);
      y[i] = y_src;
    }
    return;
  }
  const double latitude = (y_px / dst_.height - 0.5) * kPi;
  const double s = std::sin(latitude), c = std::cos(latitude);
  const SphereRow row{columns.ax.data() + begin, columns.ay.data() + begin, columns.az.data() + begin,
                      c, s * rotation_[1], s * rotation_[4], s * rotation_[7],
                      local_, local_ + 9, iterations_, src_.width, src_.height, count, x, y};
  row_kernel_(row);
}

}  // namespace vstab
