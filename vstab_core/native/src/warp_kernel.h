// The kernel, compiled once per instruction set: the including file defines VSTAB_LEVEL (a namespace) and, for the
// vector path, one of VSTAB_LEVEL_SSE4, _AVX2, _AVX512, _NEON. Uses nothing of the C++ library that could leave an
// inline function behind: the linker would keep one copy for all, compiled for any one of the instruction sets.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "warp_args.h"

#if VSTAB_LEVEL_SSE4 || VSTAB_LEVEL_AVX2 || VSTAB_LEVEL_AVX512
#include <immintrin.h>
#define VSTAB_VECTOR 1
#elif VSTAB_LEVEL_NEON
#include <arm_neon.h>
#define VSTAB_VECTOR 1
#else
#define VSTAB_VECTOR 0
#endif

// VSTAB_INLINE: vectors would travel through memory. VSTAB_NOINLINE: rare, and would crowd out what is not.
// VSTAB_UNROLL: the loop's length is known and small. VSTAB_ROLLED: unrolled, weights would be shuffled in registers where
// they can be loaded from memory one by one. VSTAB_INDEPENDENT: what one turn of the loop writes, no other reads.
#if defined(__GNUC__)
#define VSTAB_INLINE inline __attribute__((always_inline))
#define VSTAB_NOINLINE __attribute__((noinline))
#elif defined(_MSC_VER)
#define VSTAB_INLINE __forceinline
#define VSTAB_NOINLINE __declspec(noinline)
#else
#define VSTAB_INLINE inline
#define VSTAB_NOINLINE
#endif
#if defined(__clang__)
#define VSTAB_UNROLL _Pragma("unroll")
#define VSTAB_ROLLED _Pragma("nounroll")
#define VSTAB_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define VSTAB_UNROLL _Pragma("GCC unroll 8")
#define VSTAB_ROLLED _Pragma("GCC unroll 1")
#define VSTAB_INDEPENDENT _Pragma("GCC ivdep")
#elif defined(_MSC_VER)
#define VSTAB_UNROLL
#define VSTAB_ROLLED
#define VSTAB_INDEPENDENT __pragma(loop(ivdep))
#else
#define VSTAB_UNROLL
#define VSTAB_ROLLED
#define VSTAB_INDEPENDENT
#endif

namespace vstab {
namespace VSTAB_LEVEL {
namespace {

// All 16-bit lanes equal to v.
template <class V>
inline V dup(int v);

#if VSTAB_LEVEL_NEON
#include "warp_simd_neon.h"
#elif VSTAB_VECTOR
#include "warp_simd_x86.h"
#else
constexpr int kGroups = 1;
#endif
#include "warp_filters.h"
#include "warp_plan.h"
#include "warp_scalar.h"

#if VSTAB_VECTOR
#include "warp_vector.h"
#include "warp_float.h"
#include "warp_float_run.h"
#else
template <class T, int kTaps>
inline bool vector_runs(const KernelArgs&, const RowPlan&, int, T*) {
  return false;
}
template <int kChannels, int kTaps>
inline int float_runs(const KernelArgs&, const RowPlan&, int, int, float*) {
  return 0;
}
#endif

template <class T, int kChannels, int kTaps>
void warp_rows(const KernelArgs& a) {
  constexpr bool kVector = VSTAB_VECTOR && kChannels == 1 && sizeof(T) <= 2;
  constexpr bool kFloat = VSTAB_VECTOR && sizeof(T) == 4 && kChannels != 2 && kTaps > 1;
  RowPlan plan = carve_plan(a);
  const int whole_runs = a.dst_width / kBlock;
  for (int y = a.row_begin; y < a.row_end; ++y) {
    if (y == a.row_begin || y % kBlock == 0) {
      plan_block_row(a, y / kBlock, plan);
    }
    plan_row<kTaps, kVector, sizeof(T) == 1>(a, y, plan);
    T* const out = reinterpret_cast<T*>(a.dst + y * a.dst_stride);
    int b = 0;
    while (b < plan.runs) {
      if constexpr (kVector) {
        if (b < whole_runs && whole_runs >= kGroups) {
          // The last group may start earlier and write some runs twice.
          const int from = min_of(b, whole_runs - kGroups);
          if (vector_runs<T, kTaps>(a, plan, from, out + from * kBlock)) {
            b = from + kGroups;
            continue;
          }
        }
      }
      const int count = min_of(kBlock, a.dst_width - b * kBlock);
      if constexpr (kFloat) {
        const int written = float_runs<kChannels, kTaps>(a, plan, b, whole_runs, out + b * kBlock * kChannels);
        b += written;
        if (written > 0) {
          continue;
        }
      }
      ScalarPath<T, kChannels, kTaps>::run(a, plan, b, count, out + b * kBlock * kChannels);
      ++b;
    }
  }
#if VSTAB_LEVEL_AVX512
  if (kFloat && a.past_caches) {
    _mm_sfence();  // before another thread is told that the rows are there
  }
#endif
}

template <class T, int kTaps>
void warp_each(const KernelArgs& a) {
  switch (a.channels) {
    case 1: return warp_rows<T, 1, kTaps>(a);
    case 2: return warp_rows<T, 2, kTaps>(a);
    case 3: return warp_rows<T, 3, kTaps>(a);
    default: return warp_rows<T, 4, kTaps>(a);
  }
}

template <class T, int kTaps>
void warp_channels(const KernelArgs& a) {
  if constexpr (VSTAB_VECTOR && sizeof(T) <= 2) {
    warp_rows<T, 1, kTaps>(a);  // more channels: warp_interleaved.h
  } else {
    warp_each<T, kTaps>(a);
  }
}

template <int kTaps>
void warp_depth(const KernelArgs& a) {
  switch (a.depth) {
    case Depth::u8: return warp_channels<std::uint8_t, kTaps>(a);
    case Depth::u16: return warp_channels<std::uint16_t, kTaps>(a);
    default: return warp_channels<float, kTaps>(a);
  }
}

inline void warp_filter(const KernelArgs& a) {
  switch (a.filter) {
    case Filter::bilinear: return warp_depth<2>(a);
    case Filter::bicubic: return warp_depth<4>(a);
    case Filter::nearest: return warp_each<float, 1>(a);
    default: return warp_depth<6>(a);
  }
}

}  // namespace
}  // namespace VSTAB_LEVEL
}  // namespace vstab
