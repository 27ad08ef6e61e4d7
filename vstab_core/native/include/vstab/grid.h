// The warp of one frame as a model, and the sparse backward grid that the kernel reads.
//
// Convention: normalised coordinates run over x in [-1, 1] across the width and y in [-a, a] down the height,
// a = display height / display width, whatever the number of pixels; pixel centres lie at halves and a plane of H x W
// pixels covers [0, W] x [0, H]. A chroma plane at half the size therefore takes the same model.
#pragma once

#include <cstdint>
#include <vector>

#include "vstab/image.h"

namespace vstab {

enum class Projection { rectilinear, equirectangular };

// src = h + mesh(h), h = src_from_dst * dst, all in normalised coordinates.
struct FrameWarp {
  Projection projection = Projection::rectilinear;
  double src_from_dst[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};  // row major
  double aspect = 1.0;
  // Offsets (dx, dy) at (mesh_rows + 1) x (mesh_cols + 1) vertices spread over the whole source frame, rows from the
  // top; bilinear between them, clamped outside. Empty: no mesh.
  int mesh_rows = 0;
  int mesh_cols = 0;
  std::vector<float> mesh;
  // Rotation vectors in radians, source camera coordinates, at +x, -x, +y, -y, +z, -z: 18 numbers. Empty: no deformation.
  std::vector<float> local;
};

constexpr int kBlock = 8;             // output pixels a side that share four grid points
constexpr int kGridBits = 14;         // grid points are in 1/16384 px
constexpr int kMaxSide = 32767;       // px; keeps every position of the kernel inside 32 bits
constexpr std::int32_t kNowhere = INT32_MIN;  // x of a grid point that sees no point of the source

// Source positions at the corners of the 8x8 blocks of output pixels: point (row, col) belongs to the output position
// (8 col, 8 row), which may lie past the right or bottom edge. Inside a block positions are bilinear.
struct Grid {
  Size dst, src;
  int rows = 0;  // points, blocks + 1
  int cols = 0;
  std::vector<std::int32_t> x, y;  // rows * cols each, px of the source plane, `kGridBits` fractional bits
};

// Evaluates the model once per grid point. Points behind the horizon of the homography, and points that come to lie
// further than `kMaxSide` px outside the source, are `kNowhere`; a block with such a corner sees nothing of the source.
// Throws std::invalid_argument for sizes outside 1..kMaxSide, a singular or non-finite model, or a mesh of wrong length.
Grid build_grid(const FrameWarp& warp, Size dst, Size src);

}  // namespace vstab
