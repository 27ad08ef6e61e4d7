// The instruction sets that the inner loops are compiled for. The best is taken at run time; all give the same bytes.
#pragma once

#include <vector>

namespace vstab {

enum class SimdLevel { baseline, sse4, avx2, avx512, neon };

// Levels that this build holds and this processor runs, slowest first; always starts with `baseline`.
std::vector<SimdLevel> simd_levels();
const char* simd_level_name(SimdLevel level);

}  // namespace vstab
