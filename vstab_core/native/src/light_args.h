// What light.cc hands to the kernels: checked, plain data.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vstab/light.h"

namespace vstab {

// How one component is brought to another size along an axis: target i is the sum of `taps` samples from first[i] on.
struct LightAxis {
  const std::int32_t* first;  // null: the sizes are equal
  const float* weight;        // taps * targets
  int taps;
};

struct OpenArgs {
  const std::uint8_t* src[3];
  std::ptrdiff_t row_stride[3], sample_stride[3];
  int width[3];
  LightAxis down[3], across[3];
  Depth depth;
  float matrix[12];
  const float* table[3];
  float* dst;
  std::ptrdiff_t dst_stride;  // floats
  int dst_height, dst_width;
  float* scratch;  // 4 rows of `scratch_width`
  int scratch_width;
};

struct CloseArgs {
  const float* src;
  std::ptrdiff_t src_stride;  // floats
  int height, width;
  float matrix[12];
  const float* table[3];
  std::uint8_t* dst[3];
  std::ptrdiff_t row_stride[3], sample_stride[3];
  Depth depth;
  float max_value;
  float* scratch;  // 4 rows of `width`
};

void open_light_baseline(const OpenArgs& args);
void open_light_avx2(const OpenArgs& args);
void open_light_avx512(const OpenArgs& args);
void close_light_baseline(const CloseArgs& args);
void close_light_avx2(const CloseArgs& args);
void close_light_avx512(const CloseArgs& args);

}  // namespace vstab
