#include "cpu.h"

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace vstab {

#if VSTAB_X86 && (defined(__GNUC__) || defined(__clang__))

bool cpu_runs(SimdLevel level) {
  __builtin_cpu_init();
  switch (level) {
    case SimdLevel::baseline: return true;
    case SimdLevel::sse4: return __builtin_cpu_supports("sse4.1") != 0;
    case SimdLevel::avx2: return __builtin_cpu_supports("avx2") != 0;
    case SimdLevel::avx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0;
    default: return false;
  }
}

#elif VSTAB_X86

bool cpu_runs(SimdLevel level) {
  int leaf1[4] = {}, leaf7[4] = {};
  __cpuid(leaf1, 1);
  __cpuidex(leaf7, 7, 0);
  const bool os_saves = (leaf1[2] & (1 << 27)) != 0;
  const unsigned long long saved = os_saves ? _xgetbv(0) : 0;
  const bool ymm = (saved & 0x6) == 0x6, zmm = (saved & 0xe6) == 0xe6;
  const int avx512 = (1 << 16) | (1 << 17) | (1 << 30) | static_cast<int>(1u << 31);  // F, DQ, BW, VL
  switch (level) {
    case SimdLevel::baseline: return true;
    case SimdLevel::sse4: return (leaf1[2] & (1 << 19)) != 0;
    case SimdLevel::avx2: return ymm && (leaf7[1] & (1 << 5)) != 0;
    case SimdLevel::avx512: return zmm && (leaf7[1] & avx512) == avx512;
    default: return false;
  }
}

#elif VSTAB_NEON

bool cpu_runs(SimdLevel level) { return level == SimdLevel::baseline || level == SimdLevel::neon; }

#else

bool cpu_runs(SimdLevel level) { return level == SimdLevel::baseline; }

#endif

std::vector<SimdLevel> simd_levels() {
  std::vector<SimdLevel> levels;
  for (SimdLevel level :
       {SimdLevel::baseline, SimdLevel::sse4, SimdLevel::avx2, SimdLevel::avx512, SimdLevel::neon}) {
    if (cpu_runs(level)) {
      levels.push_back(level);
    }
  }
  return levels;
}

const char* simd_level_name(SimdLevel level) {
  switch (level) {
    case SimdLevel::sse4: return "sse4";
    case SimdLevel::avx2: return "avx2";
    case SimdLevel::avx512: return "avx512";
    case SimdLevel::neon: return "neon";
    default: return "baseline";
  }
}

}  // namespace vstab
