#include "picture.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace vstab::ofx {
namespace {

Box box_of(const Properties& properties, const char* name) {
  return {properties.integer(name, 0).value_or(0), properties.integer(name, 1).value_or(0),
          properties.integer(name, 2).value_or(0), properties.integer(name, 3).value_or(0)};
}

// Before a width is formed of it: it is the host's, and may be anything.
bool sensible(const Box& box) {
  constexpr int kFar = 1 << 24;
  return std::min({box.x1, box.y1, box.x2, box.y2}) > -kFar && std::max({box.x1, box.y1, box.x2, box.y2}) < kFar;
}

}  // namespace

Box overlap(const Box& a, const Box& b) {
  return {std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
}

Picture::Picture(const Suites& suites, ImageEffect effect, const char* clip, double time) : suites_(suites) {
  ImageClip handle = nullptr;
  const std::string name = clip;
  if (suites.effect->clipGetHandle(effect, clip, &handle, nullptr) != kOk || handle == nullptr) {
    throw Failure{kFailed, "the host has no clip " + name};
  }
  const Status status = suites.effect->clipGetImage(handle, time, nullptr, &image_);
  if (status != kOk || image_ == nullptr) {
    throw Failure{status == kErrMemory ? kErrMemory : kFailed, "the host has no picture of clip " + name};
  }
  try {
    read(Properties(suites, image_));
  } catch (...) {
    suites.effect->clipReleaseImage(image_);
    throw;
  }
}

Picture::~Picture() { suites_.effect->clipReleaseImage(image_); }

void Picture::read(const Properties& image) {
  data_ = image.pointer("OfxImagePropData");
  row_bytes_ = image.integer("OfxImagePropRowBytes").value_or(0);
  bounds_ = box_of(image, "OfxImagePropBounds");
  frame_ = box_of(image, "OfxImagePropRegionOfDefinition");
  alpha_ = image.text("OfxImageEffectPropPreMultiplication").value_or("");
  const std::string depth = image.text("OfxImageEffectPropPixelDepth").value_or("");
  const std::string components = image.text("OfxImageEffectPropComponents").value_or("");
  if (depth == "OfxBitDepthFloat") {
    depth_ = Depth::f32;
  } else if (depth == "OfxBitDepthShort") {
    depth_ = Depth::u16;
  } else if (depth == "OfxBitDepthByte") {
    depth_ = Depth::u8;
  } else {
    throw Failure{kErrImageFormat, "pictures of depth '" + depth + "' are not supported; use float, short or byte"};
  }
  if (components == "OfxImageComponentRGBA" || components == "OfxImageComponentRGB") {
    channels_ = components == "OfxImageComponentRGBA" ? 4 : 3;
  } else {
    throw Failure{kErrImageFormat, "pictures of '" + components + "' are not supported; use RGBA or RGB"};
  }
  if (!sensible(bounds_) || !sensible(frame_)) throw Failure{kFailed, "the host's picture has senseless bounds"};
  if (frame_.empty()) frame_ = bounds_;
  if (bounds_.empty()) return;
  const std::int64_t row = static_cast<std::int64_t>(bounds_.width()) * channels_ * sample_bytes(depth_);
  if (data_ == nullptr) throw Failure{kFailed, "the host's picture has no pixels"};
  if (bounds_.height() > 1 && std::llabs(row_bytes_) < row) {
    throw Failure{kFailed, "the host's picture has rows of " + std::to_string(row_bytes_) + " bytes, too short for " +
                               std::to_string(bounds_.width()) + " pixels"};
  }
}

Plane Picture::part(const Box& box) const {
  const std::ptrdiff_t up = row_bytes_;
  char* top = static_cast<char*>(data_) + (box.y2 - 1 - bounds_.y1) * up +
              static_cast<std::ptrdiff_t>(box.x1 - bounds_.x1) * channels_ * sample_bytes(depth_);
  return {top, -up, box.size(), channels_, depth_};
}

ConstPlane Picture::const_part(const Box& box) const {
  const Plane plane = part(box);
  return {plane.data, plane.stride, plane.size, plane.channels, plane.depth};
}

}  // namespace vstab::ofx
