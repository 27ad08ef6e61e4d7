// The warp of one frame as a model, and the sparse backward grid that the kernel reads.
//
// Convention: normalised coordinates run over x in [-1, 1] across the width and y in [-a, a] down the height,
// a = display height / display width, whatever the number of pixels; pixel centres lie at halves and a plane of H x W
// pixels covers [0, W] x [0, H]. A chroma plane at half the size therefore takes the same model.
#pragma once

#include <cstdint>
#include <vector>

#include "vstab/image.h"
#include "vstab/simd.h"

namespace vstab {

enum class Projection { rectilinear, equirectangular };

// Rectilinear: src = h + mesh(h), h = src_from_dst * dst, all in normalised coordinates.
//
// Equirectangular: src_from_dst is a rotation and takes rays. Camera: x right, y down, z forward. Longitude is
// (x / W - 1/2) 2 pi, latitude (y / H - 1/2) pi, ray = (sin lon cos lat, sin lat, cos lon cos lat). The source ray p of
// an output ray q solves p = exp(-omega(p)) src_from_dst q, where omega is a rotation vector: the mean of those of the
// three vertices of p's octant, weighted by |p_x|, |p_y|, |p_z| (Kopf 2016). No mesh; `aspect` is not used.
struct FrameWarp {
  Projection projection = Projection::rectilinear;
  double src_from_dst[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};  // row major
  double aspect = 1.0;
  // Offsets (dx, dy) at (mesh_rows + 1) x (mesh_cols + 1) vertices spread over the whole source frame, rows from the
  // top; bilinear between them, clamped outside. Empty: no mesh.
  int mesh_rows = 0;
  int mesh_cols = 0;
  std::vector<float> mesh;
  // Rotation vectors in radians, source camera coordinates, at +x, -x, +y, -y, +z, -z: 18 numbers. Empty: none.
  std::vector<float> local;
};

constexpr int kBlock = 8;             // output pixels a side that share four grid points
constexpr int kGridBits = 14;         // grid points are in 1/16384 px
constexpr int kMaxSide = 32767;       // px; keeps every position of the kernel inside 32 bits
constexpr std::int32_t kNowhere = INT32_MIN;  // x of a grid point that sees no point of the source

// Source positions at the corners of the 8x8 blocks of output pixels: point (row, col) belongs to the output position
// (8 col, 8 row), which may lie past the right or bottom edge. Inside a block positions are bilinear.
//
// On the sphere x counts round the source: 0 <= x < W, and the step from one point to the next goes the shorter way.
// Blocks where that would be too far off (near the poles of the source) have every pixel's position in a table.
struct Grid {
  Projection projection = Projection::rectilinear;
  Size dst, src;
  int rows = 0;  // points, blocks + 1
  int cols = 0;
  std::vector<std::int32_t> x, y;  // rows * cols each, px of the source plane, `kGridBits` fractional bits
  // Equirectangular only. Per block, (rows - 1) * (cols - 1): -1, or the number of its table. Tables: 8 x 8 positions of
  // pixel centres, row by row, x within half a turn of the row's first.
  std::vector<std::int32_t> exact;
  std::vector<std::int32_t> exact_x, exact_y;
};

// Evaluates the model once per grid point. Points behind the horizon of the homography, and points that come to lie
// further than `kMaxSide` px outside the source, are `kNowhere`; a block with such a corner sees nothing of the source.
// On the sphere every point is seen. Throws std::invalid_argument for sizes outside 1..kMaxSide, a singular or
// non-finite model, a mesh of wrong length, and on the sphere for a matrix that is no rotation or a local rotation beyond
// 1 radian.
Grid build_grid(const FrameWarp& warp, Size dst, Size src);

// The same with a chosen instruction set, for tests.
Grid build_grid(const FrameWarp& warp, Size dst, Size src, SimdLevel level);

// The part of a grid for some of its blocks: rows [block_row, block_row_end) and columns likewise. The positions are those
// of the whole, so tiles put together give the same bytes. Throws std::invalid_argument for blocks that are not there.
Grid crop_grid(const Grid& grid, int block_row, int block_row_end, int block_col, int block_col_end);

}  // namespace vstab
