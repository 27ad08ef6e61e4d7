#include "notice.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vstab::frei0r {
namespace {

constexpr int kGlyphWidth = 3, kGlyphHeight = 5, kAdvance = kGlyphWidth + 1;
constexpr int kMargin = 2;  // between border and text, in dots

// Five rows of three dots, an octal digit each.
constexpr std::uint16_t kLetters[26] = {
    025755, 065656, 034443, 065556, 074647, 074644, 034553, 055755, 072227, 011152, 055655, 044447, 057755,
    065555, 025552, 065644, 025563, 065655, 034216, 072222, 055557, 055522, 055775, 055255, 055222, 071247,
};
constexpr std::uint16_t kDigits[10] = {075557, 026227, 071747, 071717, 055711, 074717, 074757, 071222, 075757, 075717};

std::uint16_t glyph(char c) {
  if (c >= 'a' && c <= 'z') return kLetters[c - 'a'];
  if (c >= 'A' && c <= 'Z') return kLetters[c - 'A'];
  if (c >= '0' && c <= '9') return kDigits[c - '0'];
  return c == ':' ? 002020 : 0;
}

struct Colour {
  std::uint8_t rgba[4];
};
constexpr Colour kInk{{255, 210, 0, 255}}, kPaper{{20, 20, 20, 255}};

void fill(const Plane& plane, int left, int top, int width, int height, Colour colour) {
  for (int y = std::max(top, 0); y < std::min(top + height, plane.size.height); ++y) {
    auto* row = static_cast<std::uint8_t*>(plane.data) + y * plane.stride;
    for (int x = std::max(left, 0); x < std::min(left + width, plane.size.width); ++x) {
      std::memcpy(row + 4 * x, colour.rgba, 4);
    }
  }
}

}  // namespace

void draw_notice(const Plane& rgba, const std::string& text) {
  const int columns = kAdvance * static_cast<int>(text.size()) - 1 + 2 * (kMargin + 1);
  const int rows = kGlyphHeight + 2 * (kMargin + 1);
  const int dot = std::max(1, rgba.size.width * 2 / 5 / columns);  // two fifths of the picture's width
  fill(rgba, 0, 0, columns * dot, rows * dot, kInk);
  fill(rgba, dot, dot, (columns - 2) * dot, (rows - 2) * dot, kPaper);
  int left = (kMargin + 1) * dot;
  for (const char c : text) {
    for (int i = 0; i < kGlyphWidth * kGlyphHeight; ++i) {
      const bool on = (glyph(c) >> (kGlyphWidth * kGlyphHeight - 1 - i)) & 1;
      if (on) fill(rgba, left + i % kGlyphWidth * dot, (kMargin + 1 + i / kGlyphWidth) * dot, dot, dot, kInk);
    }
    left += kAdvance * dot;
  }
}

}  // namespace vstab::frei0r
