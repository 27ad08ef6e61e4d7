// Which frame of the sidecar a host means. docs/ofx.md, "Which frame", gives the rule.
#pragma once

#include <cstddef>
#include <optional>

#include "vstab/sidecar.h"

namespace vstab::ofx {

// Whether the frames of a clip come at one rate, to half an interval, so that their numbers say their times.
bool is_even(const Sidecar& sidecar);

// Frames a second on average; 0 where there is one frame only.
double mean_rate(const Sidecar& sidecar);

// The frame shown `number` frames (which may lie between two) after the clip's first, or none outside the clip. `rate`:
// the host's frames a second, 0 where it does not say; used for uneven clips, whose numbers a host derives from times.
std::optional<std::size_t> frame_at(const Sidecar& sidecar, bool even, double number, double rate);

}  // namespace vstab::ofx
