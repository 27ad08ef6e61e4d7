// Views of image planes that belong to someone else.
#pragma once

#include <cstddef>

namespace vstab {

enum class Depth { u8, u16, f32 };

struct Size {
  int height = 0;
  int width = 0;
};

inline bool operator==(Size a, Size b) { return a.height == b.height && a.width == b.width; }
inline bool operator!=(Size a, Size b) { return !(a == b); }

// One plane of 1 to 4 interleaved channels. `data` is the top left sample as the viewer sees it; `stride` is the number
// of bytes from one row to the row below it, negative where rows are stored bottom-up.
template <class Pointer>
struct PlaneView {
  Pointer data = nullptr;
  std::ptrdiff_t stride = 0;
  Size size;
  int channels = 1;
  Depth depth = Depth::u8;
};

using ConstPlane = PlaneView<const void*>;
using Plane = PlaneView<void*>;

inline int sample_bytes(Depth depth) { return depth == Depth::u8 ? 1 : depth == Depth::u16 ? 2 : 4; }

}  // namespace vstab
