// One segment as the solver's two stages see it.
#pragma once

#include <cstddef>
#include <vector>

#include "rotation_math.h"
#include "track_energy.h"
#include "vstab/rotation_path.h"

namespace vstab {

struct Track {
  std::size_t first_frame, begin, count;  // observations begin .. begin + count of consecutive frames
};

struct Segment {
  std::vector<Quat> quats;
  std::vector<bool> fixed, pure;
  std::vector<Track> tracks;  // of two observations or more
  std::vector<Vec3> rays;     // of all observations
  std::vector<double> seen;   // observations of a frame, or `least_tracks`
  std::size_t frames() const { return quats.size(); }
};

// Stage two: the local rotations (n, 6, 3), the rotations given; before limit and share. They start at `local`, or at
// zero where that is empty. In rotation_deform.cc.
std::vector<double> solve_local(const Segment& segment, const TrackEnergy& energy, const RotationPathOptions& options,
                                std::vector<double> local, int& iterations);

// The options with a regularizer of the local rotations that is stronger by this factor.
RotationPathOptions scaled(RotationPathOptions options, double scale);

struct RegularizerScale {
  double scale = 1;           // that tracks left out of the solution speak for; 0: they speak against local rotations
  std::vector<double> local;  // the mean of what the two halves of the tracks found with it: where to start
};
RegularizerScale regularizer_scale(const Segment& segment, const TrackEnergy& energy,
                                   const RotationPathOptions& options);

// The energy of the tracks under rotations and local rotations (or none: empty).
double tracks_energy(const Segment& segment, const TrackEnergy& energy, const std::vector<double>& local);

}  // namespace vstab
