// Light and codes, for avx2.
#define VSTAB_LEVEL level_avx2
#include "light_kernel.h"

void vstab::open_light_avx2(const OpenArgs& args) { level_avx2::open_rows(args); }
void vstab::close_light_avx2(const CloseArgs& args) { level_avx2::close_rows(args); }
