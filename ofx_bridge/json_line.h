// One line of `vstab --progress json` (docs/hosts.md): an object of texts and numbers.
#pragma once

#include <map>
#include <string>

namespace vstab::ofx {

// Name -> text, or number as it stands; null, booleans and what is nested are left out. Empty where the line is no object.
std::map<std::string, std::string> parse_line(const std::string& line);

}  // namespace vstab::ofx
