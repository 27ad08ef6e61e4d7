// The kernel for avx2.
#define VSTAB_LEVEL_AVX2 1
#define VSTAB_LEVEL level_avx2
#include "sphere_row_kernel.h"
#include "warp_kernel.h"

void vstab::warp_avx2(const KernelArgs& args) { level_avx2::warp_filter(args); }
void vstab::sphere_row_avx2(const SphereRow& row) { level_avx2::sphere_row(row); }
