// How strongly to regularize the local rotations: as tracks that a solution has not seen say.
//
// Noise of tracks and a camera's deformation look alike in the tracks that were fitted; in others, noise is another
// one. Two halves of the tracks are solved each and judged by the other half.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "rotation_segment.h"

namespace vstab {
namespace {

constexpr double kStep = 4, kWeakest = 1.0 / 64, kStrongest = 256;
constexpr int kIterations = 3;        // enough to compare by, as each scale starts where the last one ended
constexpr double kMostTracks = 100;   // seen in a frame by a half: more say the same again
constexpr double kTolerance = 1e-4;

// One of every how many tracks is looked at.
std::size_t stride_of(const Segment& segment) {
  double seen = 0;
  for (const Track& track : segment.tracks) seen += static_cast<double>(track.count);
  const double in_frame = seen / static_cast<double>(segment.frames());
  return 2 * std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(0.5 * in_frame / kMostTracks)));
}

Segment half_of(const Segment& segment, std::size_t parity, std::size_t stride) {
  Segment half;
  half.quats = segment.quats;
  half.fixed = segment.fixed;
  half.pure = segment.pure;
  half.rays = segment.rays;
  for (std::size_t i = parity; i < segment.tracks.size(); i += stride) half.tracks.push_back(segment.tracks[i]);
  for (const double seen : segment.seen) half.seen.push_back(seen / static_cast<double>(stride));
  return half;
}

class Halves {
 public:
  Halves(const Segment& segment, const TrackEnergy& energy, const RotationPathOptions& options)
      : halves_{half_of(segment, 0, stride_of(segment)), half_of(segment, 1, stride_of(segment))}, energy_(energy), options_(options) {
    options_.max_iterations = std::min(options.max_iterations, kIterations);
    options_.tolerance = std::max(options.tolerance, kTolerance);
  }

  // The energy of each half under what the other one says. Solves start where the last scale left them.
  double with(double scale) {
    int iterations = 0;
    double sum = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      local_[i] = solve_local(halves_[i], energy_, scaled(options_, scale), std::move(local_[i]), iterations);
      sum += tracks_energy(halves_[1 - i], energy_, local_[i]);
    }
    return sum;
  }
  std::vector<double> mean() const {
    std::vector<double> sum = local_[0];
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = 0.5 * (sum[i] + local_[1][i]);
    return sum;
  }
  double without() const { return tracks_energy(halves_[0], energy_, {}) + tracks_energy(halves_[1], energy_, {}); }

 private:
  std::array<Segment, 2> halves_;
  const TrackEnergy energy_;
  RotationPathOptions options_;
  std::array<std::vector<double>, 2> local_;
};

}  // namespace

RotationPathOptions scaled(RotationPathOptions options, double scale) {
  options.spread_weight *= scale;
  options.magnitude_weight *= scale;
  options.temporal_weight *= scale;
  return options;
}

RegularizerScale regularizer_scale(const Segment& segment, const TrackEnergy& energy,
                                   const RotationPathOptions& options) {
  Halves halves(segment, energy, options);
  double best = 1, cost = halves.with(best);
  std::vector<double> local = halves.mean();
  for (const double step : {kStep, 1 / kStep}) {
    const double before = best;
    for (double scale = best * step; scale >= kWeakest && scale <= kStrongest; scale *= step) {
      const double reached = halves.with(scale);
      if (reached >= cost) break;
      best = scale;
      cost = reached;
      local = halves.mean();
    }
    if (best != before) break;
  }
  return {cost < halves.without() ? best : 0, local};
}

}  // namespace vstab
