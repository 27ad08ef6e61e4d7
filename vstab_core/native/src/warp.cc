#include "vstab/warp.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "cpu.h"
#include "warp_args.h"
#include "warp_interleaved.h"

namespace vstab {
namespace {

std::string text(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

void require(bool ok, const std::string& message) {
  if (!ok) {
    throw std::invalid_argument(message);
  }
}

// First and one past the last byte of a plane, whatever the sign of its stride.
template <class View>
std::pair<const std::uint8_t*, const std::uint8_t*> extent(const View& view) {
  const auto* first = static_cast<const std::uint8_t*>(view.data);
  const auto* last = first + (view.size.height - 1) * view.stride;
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(view.size.width) * view.channels * sample_bytes(view.depth);
  return {std::min(first, last), std::max(first, last) + row};
}

template <class View>
void check_view(const View& view, Size size, const char* what) {
  require(view.data != nullptr, std::string(what) + " plane has no data");
  require(view.size == size, std::string(what) + " plane is " + text(view.size) + " but the grid was built for " +
                                 text(size));
  require(view.channels >= 1 && view.channels <= 4,
          std::string(what) + " plane has " + std::to_string(view.channels) + " channels; 1 to 4 are possible");
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(size.width) * view.channels * sample_bytes(view.depth);
  require(size.height == 1 || std::abs(view.stride) >= row,
          std::string(what) + " plane has a stride of " + std::to_string(view.stride) + " bytes but rows of " +
              std::to_string(row));
}

// Whether written lines shall go past the caches, which then need not read them first: a tenth of the time.
bool past_caches(const Plane& plane) {
  constexpr int kLine = 64;                   // bytes
  constexpr std::ptrdiff_t kLarge = 8 << 20;  // bytes; whoever reads a smaller plane next may find it in a cache
  return reinterpret_cast<std::uintptr_t>(plane.data) % kLine == 0 && plane.stride % kLine == 0 &&
         std::abs(plane.stride) * plane.size.height >= kLarge;
}

int checked_max_value(Depth depth, int max_value) {
  if (depth == Depth::f32) {
    return 0;
  }
  const int limit = depth == Depth::u8 ? 255 : 65535;
  if (max_value == 0) {
    return limit;
  }
  require(depth == Depth::u16 || max_value == limit,
          "8-bit planes have a max_value of 255, got " + std::to_string(max_value));
  require(max_value >= 1 && max_value <= limit,
          "max_value must be 1 to " + std::to_string(limit) + ", got " + std::to_string(max_value));
  return max_value;
}

Filter decided(Filter filter, Projection projection, Depth depth) {
  if (filter != Filter::automatic) {
    return filter;
  }
  const bool sharp = projection != Projection::equirectangular && depth != Depth::f32;
  return sharp ? Filter::lanczos3 : Filter::bicubic;
}

using Kernel = void (*)(const KernelArgs&);

Kernel kernel_of(SimdLevel level) {
  switch (level) {
#if VSTAB_X86
    case SimdLevel::sse4: return warp_sse4;
    case SimdLevel::avx2: return warp_avx2;
    case SimdLevel::avx512: return warp_avx512;
#elif VSTAB_NEON
    case SimdLevel::neon: return warp_neon;
#endif
    default: return warp_baseline;
  }
}

}  // namespace

void warp_plane(const ConstPlane& src, const Plane& dst, const Grid& grid, const WarpOptions& options, int row_begin,
                int row_end) {
  warp_plane(src, dst, grid, options, row_begin, row_end, simd_levels().back());
}

void warp_plane(const ConstPlane& src, const Plane& dst, const Grid& grid, const WarpOptions& options, int row_begin,
                int row_end, SimdLevel level) {
  check_view(src, grid.src, "source");
  check_view(dst, grid.dst, "destination");
  require(src.depth == dst.depth, "source and destination planes differ in depth");
  require(src.channels == dst.channels, "source plane has " + std::to_string(src.channels) +
                                            " channels, destination plane " + std::to_string(dst.channels));
  require(0 <= row_begin && row_begin <= row_end && row_end <= grid.dst.height,
          "rows must be a range within 0 to " + std::to_string(grid.dst.height) + ", got " +
              std::to_string(row_begin) + " to " + std::to_string(row_end));
  require(options.filter != Filter::nearest || src.depth == Depth::f32, "the nearest filter is for float planes");
  require(cpu_runs(level), std::string("this processor does not run the instruction set ") + simd_level_name(level));
  const auto from = extent(src), to = extent(dst);
  require(from.second <= to.first || to.second <= from.first, "source and destination planes overlap in memory");

  KernelArgs args{};
  args.src = static_cast<const std::uint8_t*>(src.data);
  args.dst = static_cast<std::uint8_t*>(dst.data);
  args.src_stride = src.stride;
  args.dst_stride = dst.stride;
  args.past_caches = past_caches(dst);
  args.src_height = src.size.height;
  args.src_width = src.size.width;
  args.dst_height = dst.size.height;
  args.dst_width = dst.size.width;
  args.channels = src.channels;
  args.depth = src.depth;
  args.filter = decided(options.filter, grid.projection, src.depth);
  args.border = grid.projection == Projection::equirectangular ? Border::replicate : options.border;
  require(!options.floor || src.depth == Depth::f32, "floor is for float planes");
  args.floor = options.floor;
  args.max_value = checked_max_value(src.depth, options.max_value);
  for (int bits = args.max_value; bits > 0; bits >>= 1) {
    ++args.code_bits;
  }
  for (int c = 0; c < src.channels; ++c) {
    const float value = options.border_value[c];
    require(std::isfinite(value), "border_value must be finite");
    args.border_value[c] = value;
    require(src.depth == Depth::f32 || (value >= 0 && value <= static_cast<float>(args.max_value)),
            "border_value must be 0 to " + std::to_string(args.max_value) + ", got " + std::to_string(value));
    args.border_code[c] = src.depth == Depth::f32 ? 0 : static_cast<std::int32_t>(std::lround(value));
  }
  args.grid_x = grid.x.data();
  args.grid_y = grid.y.data();
  args.grid_cols = grid.cols;
  args.sphere = grid.projection == Projection::equirectangular;
  args.exact = grid.exact_x.empty() ? nullptr : grid.exact.data();
  args.exact_x = grid.exact_x.data();
  args.exact_y = grid.exact_y.data();
  args.row_begin = row_begin;
  args.row_end = row_end;
  std::vector<std::int32_t> scratch(static_cast<std::size_t>(kScratchRows) * static_cast<std::size_t>(grid.cols));
  args.scratch = scratch.data();
  if (src.channels > 1 && src.depth != Depth::f32 && level != SimdLevel::baseline) {
    warp_interleaved(args, kernel_of(level));
  } else {
    kernel_of(level)(args);
  }
}

}  // namespace vstab
