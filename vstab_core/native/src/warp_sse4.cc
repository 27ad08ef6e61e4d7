// The kernel for sse4.
#define VSTAB_LEVEL_SSE4 1
#define VSTAB_LEVEL level_sse4
#include "sphere_row_kernel.h"
#include "warp_kernel.h"

void vstab::warp_sse4(const KernelArgs& args) { level_sse4::warp_filter(args); }
void vstab::sphere_row_sse4(const SphereRow& row) { level_sse4::sphere_row(row); }
