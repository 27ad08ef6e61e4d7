// Where the command vstab is.
#pragma once

#include <string>

namespace vstab::ofx {

// Its path: $VSTAB_EXE, else what `vstab doctor --install-ofx` wrote, else what PATH has. Empty where there is none.
std::string find_command();

}  // namespace vstab::ofx
