// Clips that are image sequences: one file a frame, or a name with a place for the number.
#pragma once

#include <string>

namespace vstab::ofx {

// Whether a clip's path is of a kind of which each file is one picture (OpenEXR, DPX).
bool is_sequence(const std::string& clip);

// The sidecar beside a clip, where `vstab analyze` puts it: `shot.vstab` of shot.mov, and of shot.%04d.exr, shot.####.exr
// and shot.0001.exr. Empty for no clip.
std::string beside(const std::string& clip);

}  // namespace vstab::ofx
