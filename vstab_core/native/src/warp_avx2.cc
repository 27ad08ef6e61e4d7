// The kernel for avx2.
#define VSTAB_LEVEL_AVX2 1
#define VSTAB_LEVEL level_avx2
#include "warp_kernel.h"

void vstab::warp_avx2(const KernelArgs& args) { level_avx2::warp_filter(args); }
