// The warp of interleaved RGBA: all channels are parted and joined in one pass, where the kernel itself goes channel by
// channel, and an opaque picture's alpha is not warped at all. 1080p, bicubic: 10 of 26 ms less.
#pragma once

#include <cstdint>
#include <vector>

#include "vstab/warp.h"

namespace vstab::frei0r {

// Memory for planes, kept from frame to frame.
struct RgbaPlanes {
  std::vector<std::uint8_t> src, dst;
};

// The same bytes as warp_plane on RGBA of 8 bits gives.
void warp_rgba(const ConstPlane& src, const Plane& dst, const Grid& grid, const WarpOptions& options,
               RgbaPlanes& planes);

}  // namespace vstab::frei0r
