// What warp.cc hands to the kernels: checked, plain data, no types whose inline functions could be compiled twice with
// different instruction sets and merged by the linker.
#pragma once

#include <cstddef>
#include <cstdint>

#include "vstab/warp.h"

namespace vstab {

struct KernelArgs {
  const std::uint8_t* src;
  std::uint8_t* dst;
  std::ptrdiff_t src_stride, dst_stride;
  bool past_caches;  // float RGBA: the destination is whole cache lines, and more of them than caches hold
  int src_height, src_width, dst_height, dst_width;
  int channels;
  Depth depth;
  Filter filter;  // decided: never automatic
  Border border;
  std::int32_t border_code[4];  // 8 and 16 bits
  float border_value[4];        // float
  bool floor;                   // float: no result below the least of the four samples around it
  int max_value;
  int code_bits;  // bits of max_value
  const std::int32_t* grid_x;
  const std::int32_t* grid_y;
  int grid_cols;
  // The source is a sphere: x goes round, beyond a pole the picture goes on at the other side. `border` is not used.
  bool sphere;
  const std::int32_t* exact;  // per block: number of its table of positions, or -1; null where there is none
  const std::int32_t* exact_x;
  const std::int32_t* exact_y;
  int row_begin, row_end;
  std::int32_t* scratch;  // kScratchRows * grid_cols
};

constexpr int kScratchRows = 16;
constexpr int kMaxRows = 16;  // source rows that one run may touch in the vector path: every rotation at zoom 1

void warp_baseline(const KernelArgs& args);
void warp_sse4(const KernelArgs& args);
void warp_avx2(const KernelArgs& args);
void warp_avx512(const KernelArgs& args);
void warp_neon(const KernelArgs& args);

}  // namespace vstab
