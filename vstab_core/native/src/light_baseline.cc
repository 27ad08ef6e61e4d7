// Light and codes, for baseline.
#define VSTAB_LEVEL level_baseline
#include "light_kernel.h"

void vstab::open_light_baseline(const OpenArgs& args) { level_baseline::open_rows(args); }
void vstab::close_light_baseline(const CloseArgs& args) { level_baseline::close_rows(args); }
