// What a plug-in needs to show the frames of a sidecar: reading it, what its parameters say, and how a picture is laid
// out. The plug-ins for frei0r and OpenFX share it; the command does the same in vstab_core/render.py and layout.py.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "vstab/image.h"
#include "vstab/sidecar.h"
#include "vstab/warp.h"

namespace vstab {

enum class Stereo { mono, top_bottom, left_right };

struct PlaybackSettings {
  WarpOptions warp;
  Stereo stereo = Stereo::mono;
};

// Why a picture cannot be shown stabilized: a few words for the picture, a sentence for the log.
struct Refusal {
  std::string notice, log;
};

// Reads a sidecar that has warps; throws Refusal, whatever is wrong with the file. The path is UTF-8.
Sidecar read_for_playback(const std::string& path);

// Throws Refusal where the parameters ask for what the plug-ins do not do.
PlaybackSettings playback_settings(const Sidecar& sidecar);

// The value of a parameter of the sidecar, or `usual` where it has none.
std::string parameter_of(const Sidecar& sidecar, const std::string& name, const std::string& usual);

// Throws Refusal for a word that is no filter.
Filter filter_of(const std::string& word);

bool is_identity(const FrameWarp& warp);

// Whether a picture may be the clip's: hosts scale, and round both sides to whole, or even, pixels.
bool same_shape(Size size, double height_over_width);

// Where an eye's picture stands, in pixels from the top left.
struct Eye {
  int left, top;
  Size size;
};
std::vector<Eye> eyes_of(Size size, Stereo stereo);

// The part of a plane that an eye sees.
template <class Pointer>
PlaneView<Pointer> eye_view(const PlaneView<Pointer>& plane, const Eye& eye) {
  using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char, char>;
  PlaneView<Pointer> view = plane;
  view.data = static_cast<Byte*>(plane.data) + eye.top * plane.stride +
              static_cast<std::ptrdiff_t>(eye.left) * plane.channels * sample_bytes(plane.depth);
  view.size = eye.size;
  return view;
}

}  // namespace vstab
