// Which frame of the clip a host means by the time it passes. docs/ffmpeg.md, "The frame's time", gives the rule.
#pragma once

#include <cstddef>
#include <optional>

#include "vstab/sidecar.h"

namespace vstab::frei0r {

// One for each instance and sidecar: it learns the host's unit from the times it is asked for.
class Clock {
 public:
  explicit Clock(const Sidecar& sidecar);

  // The frame to show at the host's time, or none where the clip has none.
  // trimmed_s: how much of the clip's beginning the host has cut off without saying so; 0 if it is not known.
  // parameters_set: whether the host has set parameters since the last call, as MLT does before every frame.
  std::optional<std::size_t> find(const Sidecar& sidecar, double host_time, double trimmed_s, bool parameters_set);

  // Whether a time is none: ffmpeg has lost it.
  static bool is_lost(double host_time);

  // Whether the host has lost a frame's time, so that frames are counted.
  bool counts() const { return counted_ > 0; }

 private:
  double removed_start(const Sidecar& sidecar, double first_s) const;
  double clip_time_of_ms(double host_time) const { return host_time / 1000 + removed_s_; }
  bool is_frame(const Sidecar& sidecar, double time_s, double tolerance) const;
  int vote(const Sidecar& sidecar, double host_time, bool parameters_set) const;
  bool looks_like_ms(const Sidecar& sidecar, double host_time) const;

  double start_s_, end_s_;
  double interval_s_;           // median
  double half_first_, half_last_;  // half of the interval beside the first and the last frame, s
  std::optional<double> previous_;  // what the host passed
  double removed_s_ = 0;            // what a host in milliseconds has taken off the clip's times
  int votes_ = 0;               // above 0: milliseconds; below: seconds
  std::size_t counted_ = 0;     // frames without a time
};

}  // namespace vstab::frei0r
