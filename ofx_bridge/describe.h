// What the plug-in says of itself, and the parameters it defines.
#pragma once

#include "host.h"

namespace vstab::ofx {

enum class Kind { flat, sphere };  // "vstab Stabilize", "vstab 360 Stabilize"

// Parameters beside those of the table (parameters.h).
namespace param {
constexpr const char* kSidecar = "sidecar";  // path of the sidecar; empty: beside the clip
constexpr const char* kClip = "clip";        // path of the clip, for hosts that do not say it
constexpr const char* kOffset = "offset";    // frames
constexpr const char* kAnalyze = "analyze";
constexpr const char* kCancel = "cancel";
constexpr const char* kReload = "reload";
constexpr const char* kStatus = "status";
constexpr const char* kRevision = "revision";  // hidden; a new value makes the host forget what it has rendered
}  // namespace param

const char* identifier_of(Kind kind);
void describe(const Suites& suites, Kind kind, ImageEffect effect);
void describe_in_context(const Suites& suites, Kind kind, ImageEffect effect);

}  // namespace vstab::ofx
