#include "show.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>

#include "bands.h"
#include "vstab/alpha.h"
#include "vstab/grid.h"
#include "vstab/notice.h"
#include "vstab/warp.h"

namespace vstab::ofx {
namespace {

// Memory for a picture of our own.
class Buffer {
 public:
  Buffer(Size size, int channels, Depth depth)
      : stride_(static_cast<std::ptrdiff_t>(size.width) * channels * sample_bytes(depth)),
        bytes_(new std::uint8_t[static_cast<std::size_t>(stride_) * static_cast<std::size_t>(size.height)]),
        plane_{bytes_.get(), stride_, size, channels, depth} {}
  const Plane& plane() const { return plane_; }
  ConstPlane const_plane() const {
    return {plane_.data, plane_.stride, plane_.size, plane_.channels, plane_.depth};
  }

 private:
  std::ptrdiff_t stride_;
  std::unique_ptr<std::uint8_t[]> bytes_;  // a vector would write it first
  Plane plane_;
};

template <class View>
View part_of(const View& plane, int left, int top, Size size) {
  return eye_view(plane, Eye{left, top, size});
}

template <class View>
View rows_of(const View& plane, int first, int last) {
  return part_of(plane, 0, first, {last - first, plane.size.width});
}

void copy_rows(const ConstPlane& from, const Plane& to) {
  const auto bytes = static_cast<std::size_t>(from.size.width) * static_cast<std::size_t>(from.channels) *
                     static_cast<std::size_t>(sample_bytes(from.depth));
  for (int y = 0; y < from.size.height; ++y) {
    std::memcpy(static_cast<char*>(to.data) + y * to.stride, static_cast<const char*>(from.data) + y * from.stride, bytes);
  }
}

void clear_rows(const Plane& to) {
  const auto bytes = static_cast<std::size_t>(to.size.width) * static_cast<std::size_t>(to.channels) *
                     static_cast<std::size_t>(sample_bytes(to.depth));
  for (int y = 0; y < to.size.height; ++y) std::memset(static_cast<char*>(to.data) + y * to.stride, 0, bytes);
}

// Where the clip's picture stands in the host's frame, from its top left.
Eye picture_in(Size frame, const Clip& clip, bool fitted) {
  const Sidecar& sidecar = clip.sidecar;
  const double stored = static_cast<double>(sidecar.height) / sidecar.width;
  if (same_shape(frame, stored) || same_shape(frame, sidecar.aspect)) return {0, 0, frame};
  const auto text = [](auto width, auto height) { return std::to_string(width) + "x" + std::to_string(height); };
  if (!fitted) {
    throw Refusal{"vstab: sidecar of another clip",
                  "'" + clip.path + "' was made for " + text(sidecar.width, sidecar.height) + ", the picture is " +
                      text(frame.width, frame.height) + ", of another shape; use the sidecar of this clip"};
  }
  Size size = frame;
  if (frame.height > frame.width * sidecar.aspect) {
    size.height = std::max(1, static_cast<int>(std::lround(frame.width * sidecar.aspect)));
  } else {
    size.width = std::max(1, static_cast<int>(std::lround(frame.height / sidecar.aspect)));
  }
  return {(frame.width - size.width) / 2, (frame.height - size.height) / 2, size};
}

// The source's whole frame: where it lies, or copied with black around what the host left out.
struct WholeSource {
  explicit WholeSource(const Picture& picture) {
    const Box& frame = picture.frame();
    if (picture.bounds().holds(frame)) {
      plane = picture.const_part(frame);
      return;
    }
    copied = std::make_unique<Buffer>(frame.size(), picture.channels(), picture.depth());
    clear_rows(copied->plane());
    const Box box = overlap(picture.bounds(), frame);
    if (!box.empty()) {
      copy_rows(picture.const_part(box), part_of(copied->plane(), box.x1 - frame.x1, frame.y2 - box.y2, box.size()));
    }
    plane = copied->const_plane();
  }

  // Straight colour is multiplied by its alpha; returns whether it has to be divided again.
  bool make_premultiplied(const Suites& suites, const std::string& alpha) {
    if (alpha != "OfxImageAlphaUnPremultiplied" || plane.channels != 4) return false;
    std::atomic<bool> opaque{true};
    in_bands(suites, plane.size.height, [&](int first, int last) {
      if (!is_opaque(rows_of(plane, first, last))) opaque = false;
    });
    if (opaque) return false;
    auto multiplied = std::make_unique<Buffer>(plane.size, plane.channels, plane.depth);
    in_bands(suites, plane.size.height, [&](int first, int last) {
      premultiply(rows_of(plane, first, last), rows_of(multiplied->plane(), first, last));
    });
    copied = std::move(multiplied);
    plane = copied->const_plane();
    return true;
  }

  std::unique_ptr<Buffer> copied;
  ConstPlane plane;
};

// Warps the pixels [left, right) x [top, bottom) of a picture, y down, to `out`, which holds just these.
void warp_part(const Suites& suites, const ConstPlane& src, const Grid& whole, const Box& part, const Plane& out,
               const WarpOptions& options, bool straight) {
  const int block_row = part.y1 / kBlock, block_col = part.x1 / kBlock;
  const int block_row_end = (part.y2 + kBlock - 1) / kBlock, block_col_end = (part.x2 + kBlock - 1) / kBlock;
  const Box blocks{block_col * kBlock, block_row * kBlock, std::min(block_col_end * kBlock, whole.dst.width),
                   std::min(block_row_end * kBlock, whole.dst.height)};
  const bool all = blocks.size() == whole.dst;
  const Grid cropped = all ? Grid{} : crop_grid(whole, block_row, block_row_end, block_col, block_col_end);
  const Grid& grid = all ? whole : cropped;
  const auto warp_to = [&](const Plane& dst) {
    in_bands(suites, dst.size.height, [&](int first, int last) {
      warp_plane(src, dst, grid, options, first, last);
      if (straight) unpremultiply(rows_of(dst, first, last));
    });
  };
  if (blocks.size() == part.size()) {
    warp_to(out);
    return;
  }
  const Buffer buffer(blocks.size(), out.channels, out.depth);
  warp_to(buffer.plane());
  copy_rows(part_of(buffer.const_plane(), part.x1 - blocks.x1, part.y1 - blocks.y1, part.size()), out);
}

}  // namespace

void copy(const Shot& shot) {
  const Box box = overlap(shot.window, shot.source.bounds());
  if (box.empty() || !shot.source.bounds().holds(shot.window)) clear_rows(shot.output.part(shot.window));
  if (!box.empty()) copy_rows(shot.source.const_part(box), shot.output.part(box));
}

void warp(const Shot& shot, const Clip& clip, std::size_t frame, Filter filter, bool fitted) {
  const Box& whole = shot.source.frame();
  const Eye picture = picture_in(whole.size(), clip, fitted);
  const FrameWarp model = clip.sidecar.warp(frame);
  const Box inside = overlap(shot.window, {whole.x1 + picture.left, whole.y2 - picture.top - picture.size.height,
                                           whole.x1 + picture.left + picture.size.width, whole.y2 - picture.top});
  if (is_identity(model) || inside.empty() || !inside.holds(shot.window)) copy(shot);
  if (is_identity(model) || inside.empty()) return;
  WarpOptions options = clip.settings.warp;
  options.filter = filter;
  WholeSource source(shot.source);
  const bool straight = source.make_premultiplied(shot.suites, shot.source.alpha());
  const ConstPlane plane = eye_view(source.plane, picture);
  Grid grid;
  for (const Eye& eye : eyes_of(picture.size, clip.settings.stereo)) {
    // y down from here on
    const int left = whole.x1 + picture.left + eye.left, top = whole.y2 - picture.top - eye.top;
    const Box part = overlap({shot.window.x1 - left, top - shot.window.y2, shot.window.x2 - left, top - shot.window.y1},
                             {0, 0, eye.size.width, eye.size.height});
    if (part.empty()) continue;
    if (grid.dst != eye.size) grid = build_grid(model, eye.size, eye.size);
    const Plane out = shot.output.part({left + part.x1, top - part.y2, left + part.x2, top - part.y1});
    warp_part(shot.suites, eye_view(plane, eye), grid, part, out, options, straight);
  }
}

void notice(const Shot& shot, const std::string& text) {
  const Box& whole = shot.source.frame();
  draw_notice(shot.output.part(shot.window), whole.size(), shot.window.x1 - whole.x1, whole.y2 - shot.window.y2, text);
}

}  // namespace vstab::ofx
