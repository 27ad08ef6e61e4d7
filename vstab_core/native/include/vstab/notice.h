// A box with a line of text in the top left of a picture, for what a user must see without a terminal.
#pragma once

#include <string>

#include "vstab/image.h"

namespace vstab {

// Draws on RGB or RGBA of any depth (float: 1 is white). Letters without case, digits, colon and space; others are left
// blank. What does not fit is cut. `part` holds the rows and columns of a picture from (left, top) on; the box is laid
// out for the whole picture.
void draw_notice(const Plane& part, Size picture, int left, int top, const std::string& text);

}  // namespace vstab
