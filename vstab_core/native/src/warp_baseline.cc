// The kernel for baseline.
#define VSTAB_LEVEL level_baseline
#include "sphere_row_kernel.h"
#include "warp_kernel.h"

void vstab::warp_baseline(const KernelArgs& args) { level_baseline::warp_filter(args); }
void vstab::sphere_row_baseline(const SphereRow& row) { level_baseline::sphere_row(row); }
