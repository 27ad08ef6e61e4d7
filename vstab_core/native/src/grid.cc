#include "vstab/grid.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "sphere_grid.h"

namespace vstab {
namespace {

struct Point {
  double x, y;
};

// Bilinear mesh offset at the normalised source position p.
Point mesh_offset(const FrameWarp& warp, Point p) {
  const double u = std::min(std::max((p.x + 1) * 0.5, 0.0), 1.0) * warp.mesh_cols;
  const double v = std::min(std::max((p.y / warp.aspect + 1) * 0.5, 0.0), 1.0) * warp.mesh_rows;
  const int col = std::min(static_cast<int>(u), warp.mesh_cols - 1);
  const int row = std::min(static_cast<int>(v), warp.mesh_rows - 1);
  const double fu = u - col, fv = v - row;
  const float* top = warp.mesh.data() + 2 * (static_cast<std::size_t>(row) * (warp.mesh_cols + 1) + col);
  const float* bottom = top + 2 * (warp.mesh_cols + 1);
  const auto mix = [&](int k) {
    return (1 - fv) * ((1 - fu) * top[k] + fu * top[k + 2]) + fv * ((1 - fu) * bottom[k] + fu * bottom[k + 2]);
  };
  return {mix(0), mix(1)};
}

// To the nearest 1/16384 px; the offset makes truncation a floor. |v| < 2^16.
std::int32_t to_fixed(double v) {
  constexpr double kOffset = 1 << 17;
  constexpr double kOne = 1 << kGridBits;
  return static_cast<std::int32_t>(static_cast<std::int64_t>((v + kOffset) * kOne + 0.5) -
                                   (std::int64_t{1} << (17 + kGridBits)));
}

void check_size(Size size, const char* what) {
  if (size.height < 1 || size.width < 1 || size.height > kMaxSide || size.width > kMaxSide) {
    throw std::invalid_argument(std::string(what) + " size must be 1 to " + std::to_string(kMaxSide) +
                                " px a side, got " + std::to_string(size.width) + "x" + std::to_string(size.height));
  }
}

void check_model(const FrameWarp& warp) {
  const double* h = warp.src_from_dst;
  if (!std::all_of(h, h + 9, [](double v) { return std::isfinite(v); })) {
    throw std::invalid_argument("src_from_dst holds a value that is not finite");
  }
  const double det = h[0] * (h[4] * h[8] - h[5] * h[7]) - h[1] * (h[3] * h[8] - h[5] * h[6]) +
                     h[2] * (h[3] * h[7] - h[4] * h[6]);
  if (det == 0) {
    throw std::invalid_argument("src_from_dst is singular; it must be an invertible 3x3");
  }
  if (!warp.local.empty()) {
    throw std::invalid_argument("local rotations belong to an equirectangular warp; a rectilinear one takes a mesh");
  }
  if (!(warp.aspect > 0) || !std::isfinite(warp.aspect)) {
    throw std::invalid_argument("aspect must be a positive number, got " + std::to_string(warp.aspect));
  }
  if (warp.mesh.empty()) {
    return;
  }
  if (warp.mesh_rows < 1 || warp.mesh_cols < 1 ||
      warp.mesh.size() != 2 * static_cast<std::size_t>(warp.mesh_rows + 1) * static_cast<std::size_t>(warp.mesh_cols + 1)) {
    throw std::invalid_argument("mesh must hold (rows + 1) x (cols + 1) x 2 offsets with at least one cell, got " +
                                std::to_string(warp.mesh.size()) + " values");
  }
  if (!std::all_of(warp.mesh.begin(), warp.mesh.end(), [](float v) { return std::isfinite(v); })) {
    throw std::invalid_argument("mesh holds a value that is not finite");
  }
}

}  // namespace

Grid build_grid(const FrameWarp& warp, Size dst, Size src) { return build_grid(warp, dst, src, simd_levels().back()); }

Grid build_grid(const FrameWarp& warp, Size dst, Size src, SimdLevel level) {
  check_size(dst, "destination");
  check_size(src, "source");
  if (warp.projection == Projection::equirectangular) {
    return build_sphere_grid(warp, dst, src, level);
  }
  check_model(warp);
  Grid grid;
  grid.dst = dst;
  grid.src = src;
  grid.rows = (dst.height + kBlock - 1) / kBlock + 1;
  grid.cols = (dst.width + kBlock - 1) / kBlock + 1;
  const std::size_t points = static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.cols);
  grid.x.resize(points);
  grid.y.resize(points);

  // The homography's sign is free: w > 0 is in front, decided at the middle of the output.
  const double sign = warp.src_from_dst[8] < 0 ? -1.0 : 1.0;
  double h[9];
  std::transform(warp.src_from_dst, warp.src_from_dst + 9, h, [sign](double v) { return sign * v; });
  const double w_min = 1e-6 * std::max({std::abs(h[6]), std::abs(h[7]), std::abs(h[8])});
  const double half_width = 0.5 * src.width, half_height = 0.5 * src.height / warp.aspect;
  const double centre_x = 0.5 * src.width, centre_y = 0.5 * src.height;
  std::size_t i = 0;
  for (int row = 0; row < grid.rows; ++row) {
    const double y = warp.aspect * (2.0 * kBlock * row / dst.height - 1);
    for (int col = 0; col < grid.cols; ++col, ++i) {
      const double x = 2.0 * kBlock * col / dst.width - 1;
      const double w = h[6] * x + h[7] * y + h[8];
      Point p{(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w};
      if (!warp.mesh.empty() && w > w_min) {
        const Point offset = mesh_offset(warp, p);
        p.x += offset.x;
        p.y += offset.y;
      }
      const double px = p.x * half_width + centre_x, py = p.y * half_height + centre_y;
      const bool seen = w > w_min && px > -kMaxSide && px < src.width + kMaxSide && py > -kMaxSide &&
                        py < src.height + kMaxSide;
      grid.x[i] = seen ? to_fixed(px) : kNowhere;
      grid.y[i] = seen ? to_fixed(py) : kNowhere;
    }
  }
  return grid;
}

Grid crop_grid(const Grid& grid, int block_row, int block_row_end, int block_col, int block_col_end) {
  if (block_row < 0 || block_row >= block_row_end || block_row_end >= grid.rows || block_col < 0 ||
      block_col >= block_col_end || block_col_end >= grid.cols) {
    throw std::invalid_argument("blocks outside the grid of " + std::to_string(grid.cols - 1) + "x" +
                                std::to_string(grid.rows - 1));
  }
  Grid part = grid;
  part.dst = {std::min(grid.dst.height, block_row_end * kBlock) - block_row * kBlock,
              std::min(grid.dst.width, block_col_end * kBlock) - block_col * kBlock};
  part.rows = block_row_end - block_row + 1;
  part.cols = block_col_end - block_col + 1;
  const auto crop = [&](const std::vector<std::int32_t>& from, int from_cols, int rows, int cols) {
    std::vector<std::int32_t> to;
    to.reserve(static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols));
    for (int row = block_row; row < block_row + rows; ++row) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(row) * from_cols + block_col;
      to.insert(to.end(), begin, begin + cols);
    }
    return to;
  };
  part.x = crop(grid.x, grid.cols, part.rows, part.cols);
  part.y = crop(grid.y, grid.cols, part.rows, part.cols);
  if (!grid.exact.empty()) part.exact = crop(grid.exact, grid.cols - 1, part.rows - 1, part.cols - 1);
  return part;
}

}  // namespace vstab
