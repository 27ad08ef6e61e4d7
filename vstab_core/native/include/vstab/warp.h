// The warp kernel: every output pixel fetched from where the grid says it lies in the source.
//
// A pure function: no threads, no globals, no allocation that outlives the call. The result depends neither on how the
// rows are split nor on the instruction set: 8 and 16 bits are computed in integers, float in a fixed order without
// fused multiply-add. Positions are exact to 1/2048 px; a whole number of pixels copies the source bit for bit.
//
// Float samples that are no number (infinite, NaN) stay one pixel: they are taken where they are the nearest sample, and
// stand back for the nearest one elsewhere.
#pragma once

#include "vstab/grid.h"
#include "vstab/image.h"
#include "vstab/simd.h"

namespace vstab {

// bicubic: Catmull-Rom, a = -0.5. nearest: samples as they are, of float planes only: depth, ids.
// automatic: lanczos3, which keeps more; bicubic on the sphere, whose viewer resamples the picture once more anyway, and
// of float planes, which may be light: there the second ring of lanczos3 is brighter than what stands around a lamp.
enum class Filter { automatic, bilinear, bicubic, lanczos3, nearest };

enum class Border {
  constant,   // samples outside the source have `border_value`
  replicate,  // ... that of the nearest edge pixel
  mirror,     // ... that of the pixel mirrored at the edge
  keep,       // output pixels whose position is outside the source stay as they are; replicate near the edge
};

struct WarpOptions {
  Filter filter = Filter::bicubic;
  Border border = Border::constant;
  // In code values, one per channel. Also taken (except by `keep`) where the model sees no point of the source.
  float border_value[4] = {0, 0, 0, 0};
  int max_value = 0;  // highest code value; 0: 255 for 8 bits, 65535 for 16. Source codes above it count as it.
  // Float only: no result below the least of the four samples around its position, channel by channel. Light needs it:
  // the negative weights around a lamp are otherwise more than all the light beside it, and leave it a black ring.
  bool floor = false;
};

// Writes rows [row_begin, row_end) of `dst`. `src` and `dst` must have the sizes the grid was built for, the same depth
// and the same number of channels, and must not overlap. Throws std::invalid_argument otherwise.
void warp_plane(const ConstPlane& src, const Plane& dst, const Grid& grid, const WarpOptions& options, int row_begin,
                int row_end);

// The same with a chosen instruction set, for tests and measurements; the bytes are the same.
void warp_plane(const ConstPlane& src, const Plane& dst, const Grid& grid, const WarpOptions& options, int row_begin,
                int row_end, SimdLevel level);

}  // namespace vstab
