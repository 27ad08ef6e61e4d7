#include "vstab/light.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "cpu.h"
#include "light_args.h"

namespace vstab {
namespace {

void require(bool ok, const std::string& message) {
  if (!ok) {
    throw std::invalid_argument(message);
  }
}

struct Axis {
  std::vector<std::int32_t> first;
  std::vector<float> weight;
  int taps = 0;

  LightAxis view() const { return {first.empty() ? nullptr : first.data(), weight.data(), taps}; }
};

// Samples of `source` around each of `targets`: linear between chroma samples, or the triangle over `step` luma pixels
// to either side of a chroma sample. Weight beyond an edge goes to the edge.
Axis axis_of(int source, int targets, int step, double place) {
  Axis axis;
  if (source == targets) {
    return axis;
  }
  const bool to_luma = source < targets;
  axis.taps = std::min(source, to_luma ? 2 : 2 * step + 1);
  axis.first.resize(static_cast<std::size_t>(targets));
  axis.weight.assign(static_cast<std::size_t>(targets) * static_cast<std::size_t>(axis.taps), 0.0f);
  for (int t = 0; t < targets; ++t) {
    const double at = to_luma ? (t + 0.5 - place) / step : step * t + place - 0.5;
    const double reach = to_luma ? 1.0 : step;
    const int from = static_cast<int>(std::floor(at - reach)) + 1, to = static_cast<int>(std::ceil(at + reach));
    const int first = std::clamp(from, 0, source - axis.taps);
    double sum = 0;
    for (int i = from; i < to; ++i) {
      sum += 1 - std::abs(i - at) / reach;
    }
    for (int i = from; i < to; ++i) {
      const int k = std::clamp(std::clamp(i, 0, source - 1) - first, 0, axis.taps - 1);
      axis.weight[static_cast<std::size_t>(t * axis.taps + k)] +=
          static_cast<float>((1 - std::abs(i - at) / reach) / sum);
    }
    axis.first[static_cast<std::size_t>(t)] = first;
  }
  return axis;
}

void require_light(Depth depth, int channels) {
  require(depth == Depth::f32 && channels == 4, "light must be (H, W, 4) float32");
}

}  // namespace

void open_light(const Component<const void*> (&components)[3], Depth depth, const double (&matrix)[12],
                const LightCurves& curves, const ChromaGrid& chroma, const Plane& dst, SimdLevel level) {
  require_light(dst.depth, dst.channels);
  require(components[0].data != nullptr, "the first component is missing");
  require(chroma.step_y >= 1 && chroma.step_x >= 1, "steps of chroma must be at least 1");
  OpenArgs args{};
  Axis down[3], across[3];
  int widest = dst.size.width;
  for (int c = 0; c < 3; ++c) {
    const auto& from = components[c];
    if (!from.data) {
      continue;
    }
    require(from.size.height >= 1 && from.size.width >= 1, "a component is empty");
    args.src[c] = static_cast<const std::uint8_t*>(from.data);
    args.row_stride[c] = from.row_stride;
    args.sample_stride[c] = from.sample_stride;
    args.width[c] = from.size.width;
    down[c] = axis_of(from.size.height, dst.size.height, chroma.step_y, chroma.place_y);
    across[c] = axis_of(from.size.width, dst.size.width, chroma.step_x, chroma.place_x);
    args.down[c] = down[c].view();
    args.across[c] = across[c].view();
    widest = std::max(widest, from.size.width);
  }
  args.depth = depth;
  std::copy(matrix, matrix + 12, args.matrix);
  std::copy(curves.table, curves.table + 3, args.table);
  args.dst = static_cast<float*>(dst.data);
  args.dst_stride = dst.stride / static_cast<std::ptrdiff_t>(sizeof(float));
  args.dst_height = dst.size.height;
  args.dst_width = dst.size.width;
  std::vector<float> scratch(4 * static_cast<std::size_t>(widest));
  args.scratch = scratch.data();
  args.scratch_width = widest;
  switch (level) {
#if VSTAB_X86
    case SimdLevel::avx2: return open_light_avx2(args);
    case SimdLevel::avx512: return open_light_avx512(args);
#endif
    default: return open_light_baseline(args);
  }
}

void close_light(const ConstPlane& src, const double (&matrix)[12], const LightCurves& curves,
                 const Component<void*> (&components)[3], Depth depth, int max_value, SimdLevel level) {
  require_light(src.depth, src.channels);
  require(depth == Depth::f32 || max_value >= 1, "max_value must be at least 1, got " + std::to_string(max_value));
  CloseArgs args{};
  for (int c = 0; c < 3; ++c) {
    const auto& to = components[c];
    if (!to.data) {
      continue;
    }
    require(to.size == src.size, "a component differs in size from its light");
    args.dst[c] = static_cast<std::uint8_t*>(to.data);
    args.row_stride[c] = to.row_stride;
    args.sample_stride[c] = to.sample_stride;
  }
  args.src = static_cast<const float*>(src.data);
  args.src_stride = src.stride / static_cast<std::ptrdiff_t>(sizeof(float));
  args.height = src.size.height;
  args.width = src.size.width;
  args.depth = depth;
  args.max_value = static_cast<float>(max_value);
  std::copy(matrix, matrix + 12, args.matrix);
  std::copy(curves.table, curves.table + 3, args.table);
  std::vector<float> scratch(4 * static_cast<std::size_t>(src.size.width));
  args.scratch = scratch.data();
  switch (level) {
#if VSTAB_X86
    case SimdLevel::avx2: return close_light_avx2(args);
    case SimdLevel::avx512: return close_light_avx512(args);
#endif
    default: return close_light_baseline(args);
  }
}

}  // namespace vstab
