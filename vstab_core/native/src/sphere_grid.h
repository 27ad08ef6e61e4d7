// The sparse grid of an equirectangular warp; called by build_grid, which has checked the sizes.
#pragma once

#include "vstab/grid.h"

namespace vstab {

Grid build_sphere_grid(const FrameWarp& warp, Size dst, Size src, SimdLevel level);

}  // namespace vstab
