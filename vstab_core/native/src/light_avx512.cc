// Light and codes, for avx512.
#define VSTAB_LEVEL level_avx512
#include "light_kernel.h"

void vstab::open_light_avx512(const OpenArgs& args) { level_avx512::open_rows(args); }
void vstab::close_light_avx512(const CloseArgs& args) { level_avx512::close_rows(args); }
