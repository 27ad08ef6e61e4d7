// A box with a line of text in the top left of a picture, for what a user must see without a terminal.
#pragma once

#include <string>

#include "vstab/image.h"

namespace vstab::frei0r {

// Draws on RGBA, 8 bits. Letters without case, digits, colon and space; others are left blank. What does not fit is cut.
void draw_notice(const Plane& rgba, const std::string& text);

}  // namespace vstab::frei0r
