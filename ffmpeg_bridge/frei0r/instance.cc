#include "instance.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "vstab/grid.h"
#include "vstab/notice.h"

namespace vstab::frei0r {
namespace {

constexpr int kChannels = 4;
constexpr int kPadding = 64;  // px: ffmpeg's lines are as long as a multiple of it
constexpr int kWhole = 16;    // px: of other widths ffmpeg 5 hands over lines with gaps, which frei0r does not know

bool fits_padded(Size frame, const Sidecar& sidecar) {
  const int width = static_cast<int>(sidecar.width), height = static_cast<int>(sidecar.height);
  return frame.height == height && frame.width == (width + kPadding - 1) / kPadding * kPadding;
}

template <class Pointer>
PlaneView<Pointer> view_of(Pointer data, Size whole) {
  return {data, std::ptrdiff_t{kChannels} * whole.width, whole, kChannels, Depth::u8};
}

}  // namespace

Instance::Instance(Size size)
    : size_(size),
      told_(false),
      refusal_{"vstab: no sidecar", "no sidecar is given; set the first parameter to the path of one (vstab analyze)"} {}

std::size_t Instance::bytes() const {
  return std::size_t{kChannels} * static_cast<std::size_t>(size_.width) * static_cast<std::size_t>(size_.height);
}

std::optional<Instance::Stamp> Instance::stamp_of(const std::filesystem::path& path) {
  std::error_code missing;
  Stamp stamp;
  stamp.changed = std::filesystem::last_write_time(path, missing);
  if (missing) return std::nullopt;
  stamp.bytes = std::filesystem::file_size(path, missing);
  if (missing) stamp.bytes = 0;
  return stamp;
}

void Instance::set_path(const std::string& path) {
  parameters_set_ = true;
  const auto file = std::filesystem::u8path(path);
  const auto stamp = path.empty() ? std::nullopt : stamp_of(file);
  if (path == path_ && stamp == stamp_) return;
  path_ = path;
  stamp_ = stamp;
  loaded_.reset();
  told_ = false;
  if (path.empty()) {
    refusal_ = {"vstab: no sidecar", "no sidecar is given; set the first parameter to the path of one (vstab analyze)"};
    return;
  }
  try {
    loaded_ = load(path);
  } catch (const Refusal& refusal) {
    refusal_ = refusal;
  }
}

void Instance::set_trimmed(double seconds) {
  parameters_set_ = true;
  trimmed_s_ = std::isfinite(seconds) ? seconds : 0;
}

std::unique_ptr<Instance::Loaded> Instance::load(const std::string& path) const {
  Sidecar sidecar = read_for_playback(path);
  try {
    const Size picture = picture_of(sidecar);
    const PlaybackSettings settings = playback_settings(sidecar);
    Clock clock(sidecar);
    return std::make_unique<Loaded>(Loaded{std::move(sidecar), settings, clock, picture});
  } catch (const Refusal& refusal) {
    throw Refusal{refusal.notice, "'" + path + "': " + refusal.log};
  }
}

// The size of the clip's picture in a frame, at the top left.
Size Instance::picture_of(const Sidecar& sidecar) const {
  if (fits_padded(size_, sidecar)) return {size_.height, static_cast<int>(sidecar.width)};
  // An editor's frame has square pixels; ffmpeg's has those of the file.
  const double stored = static_cast<double>(sidecar.height) / sidecar.width;
  if (same_shape(size_, stored) || same_shape(size_, sidecar.aspect)) return size_;
  const auto text = [](auto width, auto height) { return std::to_string(width) + "x" + std::to_string(height); };
  throw Refusal{"vstab: sidecar of another clip",
                "it was made for " + text(sidecar.width, sidecar.height) + ", the picture is " +
                    text(size_.width, size_.height) + ", of another shape; use the sidecar of this clip"};
}

void Instance::refuse(const std::uint8_t* in, std::uint8_t* out) {
  std::memcpy(out, in, bytes());
  draw_notice(view_of<void*>(out, size_), size_, 0, 0, refusal_.notice);
  if (!told_) std::fprintf(stderr, "vstab: %s\n", refusal_.log.c_str());
  told_ = true;
}

void Instance::show(double host_time, const std::uint8_t* in, std::uint8_t* out) {
  const bool parameters_set = parameters_set_;
  parameters_set_ = false;
  if (loaded_ && Clock::is_lost(host_time) && size_.width % kWhole != 0) {
    const std::string width = std::to_string(size_.width), whole = std::to_string(kPadding);
    loaded_.reset();
    refusal_ = {"vstab: pad the width to " + whole,
                "this ffmpeg garbles pictures " + width + " wide in frei0r filters; put pad=ceil(iw/" + whole + ")*" +
                    whole + ":ih before this filter and crop=" + width + ":ih:0:0 behind it"};
  }
  if (!loaded_) {
    refuse(in, out);
    return;
  }
  const auto frame = loaded_->clock.find(loaded_->sidecar, host_time, trimmed_s_, parameters_set);
  if (loaded_->clock.counts() && !told_counting_) {
    std::fprintf(stderr, "vstab: the host does not pass the time of pictures %d wide, so they are counted; do not seek or "
                 "change the rate before this filter, or pad the width to a multiple of %d\n", size_.width, kPadding);
    told_counting_ = true;
  }
  if (frame) {
    warp(*frame, in, out);
  } else {
    std::memcpy(out, in, bytes());
  }
}

void Instance::warp(std::size_t frame, const std::uint8_t* in, std::uint8_t* out) {
  const FrameWarp model = loaded_->sidecar.warp(frame);
  if (is_identity(model)) {
    std::memcpy(out, in, bytes());
    return;
  }
  if (loaded_->picture != size_) std::memcpy(out, in, bytes());
  Grid grid;
  for (const Eye& eye : eyes_of(loaded_->picture, loaded_->settings.stereo)) {
    if (grid.dst != eye.size) grid = build_grid(model, eye.size, eye.size);
    warp_rgba(eye_view(view_of<const void*>(in, size_), eye), eye_view(view_of<void*>(out, size_), eye), grid,
              loaded_->settings.warp, planes_);
  }
}

}  // namespace vstab::frei0r
