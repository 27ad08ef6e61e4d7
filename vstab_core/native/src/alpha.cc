#include "vstab/alpha.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace vstab {
namespace {

template <class T>
constexpr float opaque() {
  return std::is_integral_v<T> ? static_cast<float>(std::numeric_limits<T>::max()) : 1.0f;
}

template <class T>
T code(float value) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(std::lround(std::clamp(value, 0.0f, opaque<T>())));
  } else {
    return value;
  }
}

template <class Pixel, class View>
auto row_of(const View& plane, int y) {
  using Byte = std::conditional_t<std::is_const_v<Pixel>, const std::uint8_t, std::uint8_t>;
  return reinterpret_cast<Pixel*>(static_cast<Byte*>(plane.data) + y * plane.stride);
}

template <class Call>
void with_type(Depth depth, const Call& call) {
  switch (depth) {
    case Depth::u8: return call(std::uint8_t{});
    case Depth::u16: return call(std::uint16_t{});
    default: return call(float{});
  }
}

}  // namespace

bool is_opaque(const ConstPlane& plane) {
  bool all = true;
  with_type(plane.depth, [&](auto sample) {
    using T = decltype(sample);
    const T wanted = code<T>(opaque<T>());
    for (int y = 0; all && y < plane.size.height; ++y) {
      const auto* row = row_of<const T>(plane, y);
      for (int x = 0; x < plane.size.width; ++x) all &= row[4 * x + 3] == wanted;
    }
  });
  return all;
}

void premultiply(const ConstPlane& src, const Plane& dst) {
  with_type(src.depth, [&](auto sample) {
    using T = decltype(sample);
    for (int y = 0; y < src.size.height; ++y) {
      const auto* from = row_of<const T>(src, y);
      auto* to = row_of<T>(dst, y);
      for (int x = 0; x < src.size.width; ++x, from += 4, to += 4) {
        const float alpha = static_cast<float>(from[3]) / opaque<T>();
        for (int c = 0; c < 3; ++c) to[c] = code<T>(static_cast<float>(from[c]) * alpha);
        to[3] = from[3];
      }
    }
  });
}

void unpremultiply(const Plane& plane) {
  with_type(plane.depth, [&](auto sample) {
    using T = decltype(sample);
    for (int y = 0; y < plane.size.height; ++y) {
      auto* pixel = row_of<T>(plane, y);
      for (int x = 0; x < plane.size.width; ++x, pixel += 4) {
        const float alpha = static_cast<float>(pixel[3]) / opaque<T>();
        if (!(alpha > 0)) continue;
        for (int c = 0; c < 3; ++c) pixel[c] = code<T>(static_cast<float>(pixel[c]) / alpha);
      }
    }
  });
}

}  // namespace vstab
