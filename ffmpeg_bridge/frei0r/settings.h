// What of a sidecar's parameters matters for showing a frame, as vstab_core/render.py and layout.py read it.
#pragma once

#include <string>

#include "vstab/sidecar.h"
#include "vstab/warp.h"

namespace vstab::frei0r {

enum class Stereo { mono, top_bottom, left_right };

struct Settings {
  WarpOptions warp;
  Stereo stereo = Stereo::mono;
};

// Why a picture cannot be shown stabilized: a few words for the picture, a sentence for the log.
struct Refusal {
  std::string notice, log;
};

// Throws Refusal where the parameters ask for what this plug-in does not do.
Settings settings_of(const Sidecar& sidecar);

}  // namespace vstab::frei0r
