// What sphere_model.cc hands to the kernels that are compiled once per instruction set.
#pragma once

#include <cstdint>

#include "vstab/grid.h"

namespace vstab {

// Output points of one row: the rotated ray of point i is scale * (ax, ay, az)[i] + (bx, by, bz).
struct SphereRow {
  const double *ax, *ay, *az;
  double scale, bx, by, bz;
  const float *mean, *half;  // of the two vertices of each axis: 3 rotation vectors each
  int iterations;            // of the local rotations; 0: none
  int src_width, src_height;
  int count;
  std::int32_t *x, *y;  // out: 1/16384 px of the source
};

// Positions in px to 1/16384 px; neither is negative. `static`: each instruction set has its own copy.
static inline std::int32_t x_fixed(float v, std::int32_t period) {
  const auto fixed = static_cast<std::int32_t>(static_cast<double>(v) * (1 << kGridBits) + 0.5);
  return fixed < period ? fixed : 0;
}

// Rows past the bottom edge of a small output may lie far outside the source; they are not shown.
static inline std::int32_t y_fixed(float v) {
  const double y = static_cast<double>(v < 65535.0f ? v : 65535.0f);
  return static_cast<std::int32_t>(y * (1 << kGridBits) + 0.5);
}

using RowKernel = void (*)(const SphereRow&);

void sphere_row_baseline(const SphereRow& row);
void sphere_row_sse4(const SphereRow& row);
void sphere_row_avx2(const SphereRow& row);
void sphere_row_avx512(const SphereRow& row);

}  // namespace vstab
