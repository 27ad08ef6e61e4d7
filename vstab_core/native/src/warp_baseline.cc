// The kernel for baseline.
#define VSTAB_LEVEL level_baseline
#include "warp_kernel.h"

void vstab::warp_baseline(const KernelArgs& args) { level_baseline::warp_filter(args); }
