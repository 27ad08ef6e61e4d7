// The kernel for avx512.
#define VSTAB_LEVEL_AVX512 1
#define VSTAB_LEVEL level_avx512
#include "sphere_row_kernel.h"
#include "warp_kernel.h"

void vstab::warp_avx512(const KernelArgs& args) { level_avx512::warp_filter(args); }
void vstab::sphere_row_avx512(const SphereRow& row) { level_avx512::sphere_row(row); }
