// Colour that is not multiplied by its alpha (straight, unpremultiplied) must be before it is resampled, or the colour of
// what is transparent bleeds into its neighbours.
#pragma once

#include "vstab/image.h"

namespace vstab {

// All three: 4 channels, any depth; alpha is 1, 255 or 65535 where opaque. `src` and `dst` have one size.
bool is_opaque(const ConstPlane& plane);
void premultiply(const ConstPlane& src, const Plane& dst);
void unpremultiply(const Plane& plane);  // where alpha is 0 colour stays as it is

}  // namespace vstab
