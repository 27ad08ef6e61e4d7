// The kernel for neon.
#define VSTAB_LEVEL_NEON 1
#define VSTAB_LEVEL level_neon
#include "warp_kernel.h"

void vstab::warp_neon(const KernelArgs& args) { level_neon::warp_filter(args); }
