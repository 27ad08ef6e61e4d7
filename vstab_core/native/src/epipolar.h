// The epipolar model of two pictures of the whole sphere: its error, its depths, its refinement.
#pragma once

#include <cstddef>
#include <vector>

#include "rotation_math.h"

namespace vstab {

struct Match {
  Vec3 ref, cur;
};

// X_cur = rotation X_ref + depth * direction
struct Pose {
  Mat3 rotation = identity3();
  Vec3 direction{0, 0, 1};
};

// Sampson's: the least shift of both rays, in radians squared, to first order, that fulfils cur^T E ref = 0.
inline double epipolar_error2(const Mat3& e, const Match& match) {
  const Vec3 line = e * match.ref, back = transposed_times(e, match.cur);
  const double off = dot(match.cur, line), off2 = off * off;
  const double slope2 = squared(line) + squared(back) - 2 * off2;
  return slope2 > 1e-12 ? off2 / slope2 : off2;
}

inline Mat3 essential(const Pose& pose) { return skew(pose.direction) * pose.rotation; }

// Whether the match's depths along both rays are positive. Rays closer than parallel_rad have no depth to speak of.
inline bool in_front(const Pose& pose, const Match& match, double parallel_rad) {
  const Vec3 turned = pose.rotation * match.ref;
  const double c = dot(turned, match.cur);
  if (c > 0 && 1 - c * c < parallel_rad * parallel_rad) return true;
  const double a = dot(turned, pose.direction), b = dot(match.cur, pose.direction);
  return c * b - a > 0 && b - c * a > 0;
}

// The pose of an essential matrix of norm sqrt 2 that most of the matches, as far as they fit it, are in front of.
Pose pose_of(const Mat3& e, const std::vector<Match>& matches, double threshold_rad);

// Improves the pose on the matches that fit it, with Cauchy's weights; `noise_rad` is what they show of noise.
Pose refined(const Pose& start, const std::vector<Match>& matches, double threshold_rad, int iterations,
             double& noise_rad);

}  // namespace vstab
