// Pictures as the host hands them over: y up, any place in the plane, rows in either direction.
#pragma once

#include <string>

#include "host.h"
#include "vstab/image.h"

namespace vstab::ofx {

// Pixels [x1, x2) x [y1, y2), y up.
struct Box {
  int x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  int width() const { return x2 - x1; }
  int height() const { return y2 - y1; }
  bool empty() const { return x1 >= x2 || y1 >= y2; }
  bool holds(const Box& other) const { return x1 <= other.x1 && y1 <= other.y1 && x2 >= other.x2 && y2 >= other.y2; }
  Size size() const { return {height(), width()}; }
};
Box overlap(const Box& a, const Box& b);

// One image of a clip, fetched from the host and handed back.
class Picture {
 public:
  // Throws Failure where there is none, or one that the plug-in did not ask for.
  Picture(const Suites& suites, ImageEffect effect, const char* clip, double time);
  ~Picture();
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;

  Depth depth() const { return depth_; }
  int channels() const { return channels_; }
  const Box& bounds() const { return bounds_; }  // the pixels there are
  const Box& frame() const { return frame_; }    // the whole picture that they are of
  const std::string& alpha() const { return alpha_; }

  // A part of the pixels there are, as the viewer sees it: the top row first.
  Plane part(const Box& box) const;
  ConstPlane const_part(const Box& box) const;

 private:
  void read(const Properties& image);

  const Suites& suites_;
  PropertySet image_ = nullptr;
  void* data_ = nullptr;
  int row_bytes_ = 0;
  Depth depth_ = Depth::u8;
  int channels_ = 4;
  Box bounds_, frame_;
  std::string alpha_;
};

}  // namespace vstab::ofx
