// The model of a camera that only turned: cur = R ref.
#pragma once

#include <cmath>
#include <vector>

#include "epipolar.h"
#include "noise.h"
#include "small_solve.h"

namespace vstab {

// The least shift of both rays together, radians squared; it has two dimensions where the epipolar one has one.
inline double rotation_error2(const Mat3& rotation, const Match& match) {
  return 0.5 * squared(rotation * match.ref - match.cur);
}

// An orthonormal frame whose first axis is halfway between two rays. False where they are (nearly) one line.
inline bool frame_of(const Vec3& a, const Vec3& b, Mat3& frame) {
  const Vec3 sum = a + b, across = cross(a, b);
  const double along = length(sum), area = length(across);
  if (along < 0.02 || area < 0.02) return false;
  const Vec3 first = 1 / along * sum, third = 1 / area * across, second = cross(third, first);
  frame = {{first.x, second.x, third.x, first.y, second.y, third.y, first.z, second.z, third.z}};
  return true;
}

// The rotation that takes two rays to two others, as well as can be. False where they do not tell.
inline bool rotation_of_two(const Match& one, const Match& two, Mat3& rotation) {
  Mat3 ref, cur;
  if (!frame_of(one.ref, two.ref, ref) || !frame_of(one.cur, two.cur, cur)) return false;
  rotation = cur * transposed(ref);
  return true;
}

// Improves the rotation on the matches that fit it, with Cauchy's weights.
inline Mat3 refined(Mat3 rotation, const std::vector<Match>& matches, double threshold_rad, int iterations,
                    double& noise_rad) {
  std::vector<double> errors;
  std::vector<Match> fitting;
  for (int i = 0; i < iterations; ++i) {
    errors.clear();
    fitting.clear();
    for (const Match& match : matches) {
      const double error2 = rotation_error2(rotation, match);
      if (error2 > threshold_rad * threshold_rad) continue;
      fitting.push_back({rotation * match.ref, match.cur});
      errors.push_back(std::sqrt(error2));
    }
    if (fitting.size() < 2) return rotation;
    noise_rad = noise_of(errors, threshold_rad) / 1.746;  // the median of a length in two dimensions is 1.177 sigma
    SmallSystem<3> system;
    for (const Match& match : fitting) {
      const Vec3 off = match.ref - match.cur, &y = match.ref;
      const double weight = 1 / (1 + 0.5 * squared(off) / (kCauchy * kCauchy * noise_rad * noise_rad));
      system.add(weight, off.x, {0, y.z, -y.y});  // y + w x y - cur
      system.add(weight, off.y, {-y.z, 0, y.x});
      system.add(weight, off.z, {y.y, -y.x, 0});
    }
    const std::array<double, 3> step = system.solve();
    rotation = orthonormal(exp_matrix(vec3(step.data())) * rotation);
    if (length(vec3(step.data())) < 1e-8) break;
  }
  return rotation;
}

}  // namespace vstab
