#include "vstab/notice.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vstab {
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

void write(std::uint8_t code, Depth depth, std::uint8_t* to) {
  if (depth == Depth::u8) {
    *to = code;
  } else if (depth == Depth::u16) {
    const auto wide = static_cast<std::uint16_t>(code * 257);
    std::memcpy(to, &wide, sizeof wide);
  } else {
    const float share = static_cast<float>(code) / 255.0f;
    std::memcpy(to, &share, sizeof share);
  }
}

// A part of a picture, and where it begins.
struct Canvas {
  const Plane& part;
  int left, top;

  void fill(int x0, int y0, int width, int height, Colour colour) const {
    const int bytes = sample_bytes(part.depth);
    const int bottom = std::min(y0 - top + height, part.size.height);
    const int right = std::min(x0 - left + width, part.size.width);
    for (int y = std::max(y0 - top, 0); y < bottom; ++y) {
      auto* row = static_cast<std::uint8_t*>(part.data) + y * part.stride;
      for (int x = std::max(x0 - left, 0); x < right; ++x) {
        for (int c = 0; c < std::min(part.channels, 4); ++c) {
          write(colour.rgba[c], part.depth, row + (static_cast<std::ptrdiff_t>(x) * part.channels + c) * bytes);
        }
      }
    }
  }
};

}  // namespace

void draw_notice(const Plane& part, Size picture, int left, int top, const std::string& text) {
  const Canvas canvas{part, left, top};
  const int columns = kAdvance * static_cast<int>(text.size()) - 1 + 2 * (kMargin + 1);
  const int rows = kGlyphHeight + 2 * (kMargin + 1);
  const int dot = std::max(1, picture.width * 2 / 5 / columns);  // two fifths of the picture's width
  canvas.fill(0, 0, columns * dot, rows * dot, kInk);
  canvas.fill(dot, dot, (columns - 2) * dot, (rows - 2) * dot, kPaper);
  int x = (kMargin + 1) * dot;
  for (const char c : text) {
    for (int i = 0; i < kGlyphWidth * kGlyphHeight; ++i) {
      const bool on = (glyph(c) >> (kGlyphWidth * kGlyphHeight - 1 - i)) & 1;
      if (on) canvas.fill(x + i % kGlyphWidth * dot, (kMargin + 1 + i / kGlyphWidth) * dot, dot, dot, kInk);
    }
    x += kAdvance * dot;
  }
}

}  // namespace vstab
