// Which kernels this build holds, and which of them this processor runs.
#pragma once

#include "vstab/simd.h"

#if defined(__x86_64__) || (defined(_M_X64) && !defined(_M_ARM64EC))
#define VSTAB_X86 1
#define VSTAB_NEON 0
#elif defined(__aarch64__) || defined(_M_ARM64)
#define VSTAB_X86 0
#define VSTAB_NEON 1
#else
#define VSTAB_X86 0
#define VSTAB_NEON 0
#endif

namespace vstab {

bool cpu_runs(SimdLevel level);

}  // namespace vstab
