// Work on the rows of a picture, in parallel where the host lends threads.
#pragma once

#include <functional>

#include "host.h"

namespace vstab::ofx {

// Calls `work(first, last)` for bands of whole blocks of rows that together are [0, rows). Throws Failure where a call
// threw; the others are done.
void in_bands(const Suites& suites, int rows, const std::function<void(int, int)>& work);

}  // namespace vstab::ofx
