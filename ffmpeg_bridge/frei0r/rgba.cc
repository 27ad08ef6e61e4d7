#include "rgba.h"

#include <cstddef>
#include <cstring>

namespace vstab::frei0r {
namespace {

constexpr std::uint32_t kLow = 0xff;

// Shifts of a channel in a pixel read as a number; hosts with big-endian numbers still pass bytes R, G, B, A.
bool little_endian() {
  const std::uint32_t one = 1;
  unsigned char first;
  std::memcpy(&first, &one, 1);
  return first == 1;
}

// Parts a row; returns whether it is opaque.
bool split(const std::uint8_t* row, std::size_t width, std::uint8_t* r, std::uint8_t* g, std::uint8_t* b,
           std::uint8_t* a) {
  std::uint8_t all = 255;
  for (std::size_t x = 0; x < width; ++x) {
    std::uint32_t pixel;
    std::memcpy(&pixel, row + 4 * x, 4);
    r[x] = static_cast<std::uint8_t>(pixel & kLow);
    g[x] = static_cast<std::uint8_t>(pixel >> 8 & kLow);
    b[x] = static_cast<std::uint8_t>(pixel >> 16 & kLow);
    a[x] = static_cast<std::uint8_t>(pixel >> 24);
    all &= a[x];
  }
  return all == 255;
}

void join(const std::uint8_t* r, const std::uint8_t* g, const std::uint8_t* b, const std::uint8_t* a,
          std::size_t width, std::uint8_t* row) {
  for (std::size_t x = 0; x < width; ++x) {
    const std::uint32_t pixel = r[x] | std::uint32_t{g[x]} << 8 | std::uint32_t{b[x]} << 16 | std::uint32_t{a[x]} << 24;
    std::memcpy(row + 4 * x, &pixel, 4);
  }
}

}  // namespace

void warp_rgba(const ConstPlane& src, const Plane& dst, const Grid& grid, const WarpOptions& options,
               RgbaPlanes& planes) {
  if (!little_endian()) {
    warp_plane(src, dst, grid, options, 0, dst.size.height);
    return;
  }
  const auto width = static_cast<std::size_t>(src.size.width), height = static_cast<std::size_t>(src.size.height);
  const std::size_t area = width * height;
  planes.src.resize(4 * area);
  planes.dst.resize(4 * area);
  bool opaque = true;
  for (std::size_t y = 0; y < height; ++y) {
    std::uint8_t* to = planes.src.data() + y * width;
    const auto* row = static_cast<const std::uint8_t*>(src.data) + static_cast<std::ptrdiff_t>(y) * src.stride;
    opaque &= split(row, width, to, to + area, to + 2 * area, to + 3 * area);
  }
  // A constant stays one under every filter, as weights sum to one; outside it is transparent with border constant.
  const bool sphere = grid.projection == Projection::equirectangular;
  const bool alpha = !opaque || (options.border == Border::constant && !sphere) || options.border == Border::keep;
  const auto stride = static_cast<std::ptrdiff_t>(width);
  for (std::size_t c = 0; c < 4; ++c) {
    if (c == 3 && !alpha) {
      std::memset(planes.dst.data() + 3 * area, 255, area);
      continue;
    }
    const ConstPlane from{planes.src.data() + c * area, stride, src.size, 1, Depth::u8};
    const Plane to{planes.dst.data() + c * area, stride, dst.size, 1, Depth::u8};
    warp_plane(from, to, grid, options, 0, dst.size.height);
  }
  for (std::size_t y = 0; y < height; ++y) {
    const std::uint8_t* from = planes.dst.data() + y * width;
    auto* row = static_cast<std::uint8_t*>(dst.data) + static_cast<std::ptrdiff_t>(y) * dst.stride;
    join(from, from + area, from + 2 * area, from + 3 * area, width, row);
  }
}

}  // namespace vstab::frei0r
