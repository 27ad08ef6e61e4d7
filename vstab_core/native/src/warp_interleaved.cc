#include "warp_interleaved.h"

#include <algorithm>
#include <vector>

namespace vstab {
namespace {

struct Rows {
  int begin, end;
};

// Source rows that output rows [row_begin, row_end) can touch: positions lie between those of the grid points around.
Rows source_rows(const KernelArgs& a) {
  constexpr int kReach = 4;  // three taps of Lanczos-3 and rounding; below, also the longest band of a group
  const int first = a.row_begin / kBlock, last = (a.row_end - 1) / kBlock + 1;
  if (a.sphere && a.exact) {
    // A block with positions of its own may hold a pole, which lies beyond its corners.
    const std::ptrdiff_t blocks = a.grid_cols - 1;
    for (std::ptrdiff_t i = first * blocks; i < last * blocks; ++i) {
      if (a.exact[i] >= 0) {
        return {0, a.src_height};
      }
    }
  }
  std::int32_t low = INT32_MAX, high = INT32_MIN;
  for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(first) * a.grid_cols;
       i < static_cast<std::ptrdiff_t>(last + 1) * a.grid_cols; ++i) {
    if (a.grid_x[i] != kNowhere) {
      low = std::min(low, a.grid_y[i]);
      high = std::max(high, a.grid_y[i]);
    }
  }
  if (low > high) {
    return {0, 0};
  }
  Rows rows{(low >> kGridBits) - kReach, (high >> kGridBits) + kReach + kMaxRows};
  if (a.border == Border::mirror && (rows.begin < 0 || rows.end > a.src_height)) {
    return {0, a.src_height};
  }
  // Replicated edges: what lies wholly above or below still reads the edge row.
  rows.begin = std::clamp(rows.begin, 0, a.src_height - 1);
  rows.end = std::clamp(rows.end, 1, a.src_height);
  return rows;
}

template <class T, int kChannels>
void split(const T* from, int width, T* to) {
  for (int x = 0; x < width; ++x) {
    to[x] = from[x * kChannels];
  }
}

template <class T, int kChannels>
void merge(const T* from, int width, T* to) {
  for (int x = 0; x < width; ++x) {
    to[x * kChannels] = from[x];
  }
}

template <class T, int kChannels>
void warp_each(const KernelArgs& a, void (*warp_channel)(const KernelArgs&)) {
  const Rows rows = source_rows(a);
  const auto src_width = static_cast<std::size_t>(a.src_width), dst_width = static_cast<std::size_t>(a.dst_width);
  std::vector<T> src(static_cast<std::size_t>(rows.end - rows.begin) * src_width);
  std::vector<T> dst(static_cast<std::size_t>(a.row_end - a.row_begin) * dst_width);
  KernelArgs one = a;
  one.channels = 1;
  one.src_stride = a.src_width * static_cast<std::ptrdiff_t>(sizeof(T));
  one.dst_stride = a.dst_width * static_cast<std::ptrdiff_t>(sizeof(T));
  one.src = reinterpret_cast<const std::uint8_t*>(src.data()) - rows.begin * one.src_stride;
  one.dst = reinterpret_cast<std::uint8_t*>(dst.data()) - a.row_begin * one.dst_stride;
  for (int c = 0; c < kChannels; ++c) {
    const auto src_row = [&](int y) { return reinterpret_cast<const T*>(a.src + y * a.src_stride) + c; };
    const auto dst_row = [&](int y) { return reinterpret_cast<T*>(a.dst + y * a.dst_stride) + c; };
    for (int y = rows.begin; y < rows.end; ++y) {
      split<T, kChannels>(src_row(y), a.src_width,
                          src.data() + static_cast<std::size_t>(y - rows.begin) * src_width);
    }
    if (a.border == Border::keep) {
      for (int y = a.row_begin; y < a.row_end; ++y) {
        split<T, kChannels>(dst_row(y), a.dst_width,
                            dst.data() + static_cast<std::size_t>(y - a.row_begin) * dst_width);
      }
    }
    one.border_code[0] = a.border_code[c];
    warp_channel(one);
    for (int y = a.row_begin; y < a.row_end; ++y) {
      merge<T, kChannels>(dst.data() + static_cast<std::size_t>(y - a.row_begin) * dst_width, a.dst_width,
                          dst_row(y));
    }
  }
}

template <class T>
void warp_channels(const KernelArgs& a, void (*warp_channel)(const KernelArgs&)) {
  switch (a.channels) {
    case 2: return warp_each<T, 2>(a, warp_channel);
    case 3: return warp_each<T, 3>(a, warp_channel);
    default: return warp_each<T, 4>(a, warp_channel);
  }
}

}  // namespace

void warp_interleaved(const KernelArgs& args, void (*warp_channel)(const KernelArgs&)) {
  if (args.row_begin == args.row_end) {
    return;
  }
  if (args.depth == Depth::u8) {
    warp_channels<std::uint8_t>(args, warp_channel);
  } else {
    warp_channels<std::uint16_t>(args, warp_channel);
  }
}

}  // namespace vstab
