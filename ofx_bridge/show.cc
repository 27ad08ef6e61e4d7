#include "show.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <exception>
#include <vector>

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
        bytes_(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(size.height)),
        plane_{bytes_.data(), stride_, size, channels, depth} {}
  const Plane& plane() const { return plane_; }
  ConstPlane const_plane() const {
    return {plane_.data, plane_.stride, plane_.size, plane_.channels, plane_.depth};
  }

 private:
  std::ptrdiff_t stride_;
  std::vector<std::uint8_t> bytes_;
  Plane plane_;
};

template <class View>
View part_of(const View& plane, int left, int top, Size size) {
  return eye_view(plane, Eye{left, top, size});
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

// Rows [0, rows) in bands of whole blocks, on the host's threads where it has any.
class Bands {
 public:
  Bands(const ConstPlane& src, const Plane& dst, const Grid& grid, const WarpOptions& options)
      : src_(src), dst_(dst), grid_(grid), options_(options) {}

  void run(const Suites& suites) {
    constexpr int kFewest = 64;  // rows a thread is worth
    unsigned threads = 1;
    if (suites.threads != nullptr && suites.threads->numCpus(&threads) != kOk) threads = 1;
    threads = std::clamp(threads, 1u, static_cast<unsigned>(dst_.size.height / kFewest + 1));
    if (threads == 1 || suites.threads->multiThread(&Bands::enter, threads, this) != kOk) {
      next_ = 0;
      band(0, 1);
    }
    if (failed_) throw Failure{kFailed, "a picture could not be warped: memory, or the host's pictures overlap"};
  }

 private:
  static void enter(unsigned index, unsigned count, void* self) noexcept { static_cast<Bands*>(self)->band(index, count); }

  // Threads take bands as they come: hosts may run one after the other, or fewer than they were asked for.
  void band(unsigned, unsigned count) noexcept {
    const int blocks = (dst_.size.height + kBlock - 1) / kBlock;
    const int each = std::max(1, (blocks + static_cast<int>(count) - 1) / static_cast<int>(count));
    try {
      for (int from = next_.fetch_add(each); from < blocks; from = next_.fetch_add(each)) {
        warp_plane(src_, dst_, grid_, options_, from * kBlock, std::min((from + each) * kBlock, dst_.size.height));
      }
    } catch (...) {
      failed_ = true;
    }
  }

  const ConstPlane& src_;
  const Plane& dst_;
  const Grid& grid_;
  const WarpOptions& options_;
  std::atomic<int> next_{0};
  std::atomic<bool> failed_{false};
};

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
    const Box box = overlap(picture.bounds(), frame);
    if (!box.empty()) {
      copy_rows(picture.const_part(box), part_of(copied->plane(), box.x1 - frame.x1, frame.y2 - box.y2, box.size()));
    }
    plane = copied->const_plane();
  }

  // Straight colour is multiplied by its alpha; returns whether it has to be divided again.
  bool make_premultiplied(const std::string& alpha) {
    if (alpha != "OfxImageAlphaUnPremultiplied" || plane.channels != 4 || is_opaque(plane)) return false;
    auto multiplied = std::make_unique<Buffer>(plane.size, plane.channels, plane.depth);
    premultiply(plane, multiplied->plane());
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
  if (blocks.size() == part.size()) {
    Bands(src, out, grid, options).run(suites);
    if (straight) unpremultiply(out);
    return;
  }
  const Buffer buffer(blocks.size(), out.channels, out.depth);
  Bands(src, buffer.plane(), grid, options).run(suites);
  if (straight) unpremultiply(buffer.plane());
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
  const bool straight = source.make_premultiplied(shot.source.alpha());
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
