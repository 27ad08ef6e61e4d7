// The deformed-rotation model of an equirectangular warp, evaluated along rows of the output.
#pragma once

#include <cstdint>
#include <vector>

#include "sphere_row.h"
#include "vstab/grid.h"

namespace vstab {

class SphereModel {
 public:
  // Throws std::invalid_argument for a model that is none.
  SphereModel(const FrameWarp& warp, Size dst, Size src, SimdLevel level);

  // Source positions of the output points (columns[i], y), i < n, in 1/16384 px (kGridBits). 0 <= x < W, 0 <= y; y <= H
  // but for rows past the bottom of the output. Right to 0.0001 px at 1920 wide, 0.0005 at 7680. `Columns` is made
  // once for many rows.
  struct Columns {
    std::vector<double> px;
    std::vector<double> ax, ay, az;  // the part of the source ray that depends on the longitude
  };
  Columns columns(double first_px, double step_px, int count) const;
  void row(const Columns& columns, int begin, int count, double y_px, std::int32_t* x, std::int32_t* y) const;
  // Whether x and y of the source are linear in those of the output: a turn about the vertical.
  bool is_linear() const { return yaw_only_; }

 private:
  double rotation_[9];
  float local_[18];  // at each axis the mean of its two vertices, then half their differences
  int iterations_ = 0;  // 0: pure rotation
  bool yaw_only_ = false;
  double yaw_px_ = 0;
  Size dst_, src_;
  RowKernel row_kernel_;
};

}  // namespace vstab
