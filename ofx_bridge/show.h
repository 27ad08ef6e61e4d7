// Writes a frame to the host's output: copied, or warped by a sidecar's model, in parallel where the host lends threads.
#pragma once

#include <string>

#include "clip_store.h"
#include "picture.h"

namespace vstab::ofx {

struct Shot {
  const Suites& suites;
  ImageEffect effect;
  const Picture& source;
  const Picture& output;
  Box window;  // of the output to write
};

void copy(const Shot& shot);

// `fitted`: whether a clip of another shape than the picture is taken to stand in its middle, as large as fits; otherwise
// Refusal is thrown for one.
void warp(const Shot& shot, const Clip& clip, std::size_t frame, Filter filter, bool fitted);

// Draws a line of text over the picture.
void notice(const Shot& shot, const std::string& text);

}  // namespace vstab::ofx
