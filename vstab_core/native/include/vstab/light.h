// Code values of a picture to light, and light back to code values, so that a warp may mix light and not codes.
//
//   R'G'B' = matrix * (codes, 1)        light = curve(R'), curve(G'), curve(B')
//
// Curves come as tables. A table of light has kSignalPoints entries, evenly over the signals kSignalLow to kSignalHigh.
// A table of signals has two halves of kLightPoints entries, of light >= 0 and of light < 0: entry i is the signal of
// the light whose size is y - kLeastLight, y being the float whose bits are those of kLeastLight plus i << kLightShift:
// 128 points an octave, and even steps below kLeastLight. Both are read with linear interpolation and hold their ends.
#pragma once

#include <cstdint>
#include <vector>

#include "vstab/image.h"
#include "vstab/warp.h"

namespace vstab {

constexpr float kSignalLow = -1.25f;
constexpr float kSignalHigh = 2.25f;
constexpr int kSignalSteps = 4096;  // a unit of signal
constexpr int kSignalPoints = 14336 + 1;
constexpr float kLeastLight = 5.9604644775390625e-08f;  // 2^-24
constexpr int kLightShift = 16;
constexpr int kLightPoints = 128 * 56 + 1;  // up to 2^32

// One component of a picture: Y', Cb, Cr, R' ... Neither rows nor samples need lie side by side.
template <class Pointer>
struct Component {
  Pointer data = nullptr;  // null: the picture has none, it counts as code 0
  std::ptrdiff_t row_stride = 0, sample_stride = 0;  // bytes
  Size size;
};

struct LightCurves {
  const float* table[3] = {nullptr, nullptr, nullptr};  // of R', G', B'; null: taken as it is
};

// Where a chroma sample lies: sample i at step * i + place of luma, whose pixel centres are at halves.
struct ChromaGrid {
  int step_y = 1, step_x = 1;
  double place_y = 0.5, place_x = 0.5;
};

// Writes the light of a picture at the size of `dst`, which is that of luma or that of chroma; a component of the other
// size is brought to it, chroma linearly between its samples, luma as the triangle-weighted mean around the chroma sample.
// dst: (H, W, 4) float; the fourth channel is set to 0. matrix: 3 x 4, row major.
void open_light(const Component<const void*> (&components)[3], Depth depth, const double (&matrix)[12],
                const LightCurves& curves, const ChromaGrid& chroma, const Plane& dst, SimdLevel level);

// Writes those components that are given, all of the size of `src`: codes = matrix * (R', G', B', 1), rounded and clamped
// to 0..max_value for integers.
void close_light(const ConstPlane& src, const double (&matrix)[12], const LightCurves& curves,
                 const Component<void*> (&components)[3], Depth depth, int max_value, SimdLevel level);

}  // namespace vstab
