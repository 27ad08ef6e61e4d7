// Interleaved integer planes through the vector path, which knows one channel: channel by channel through a plane of its
// own. Two copies a channel cost less than a third of what the scalar path would (RGBA 1080p: see docs/warp.md).
#pragma once

#include "warp_args.h"

namespace vstab {

// `warp_channel` warps one channel. The bytes are those of the scalar path on the interleaved plane.
void warp_interleaved(const KernelArgs& args, void (*warp_channel)(const KernelArgs&));

}  // namespace vstab
