#include "epipolar.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "noise.h"
#include "small_solve.h"

namespace vstab {
namespace {

Vec3 column(const Mat3& a, int i) { return {a(0, i), a(1, i), a(2, i)}; }
Vec3 row(const Mat3& a, int i) { return {a(i, 0), a(i, 1), a(i, 2)}; }

// t of E^T t = 0: all of E's columns are at right angles to it.
Vec3 direction_of(const Mat3& e) {
  Vec3 best;
  for (int i = 0; i < 3; ++i) {
    const Vec3 across = cross(column(e, i), column(e, (i + 1) % 3));
    if (squared(across) > squared(best)) best = across;
  }
  const double norm = length(best);
  return norm > 0 ? 1 / norm * best : Vec3{0, 0, 1};
}

// E = [t]x R has the cofactors t t^T R, and [t]x E = t t^T R - R; so R = cof(E) - [t]x E, and with -t the other one.
Mat3 rotation_of(const Mat3& e, const Vec3& t) {
  Mat3 r = skew(t) * e;
  for (int i = 0; i < 3; ++i) {
    const Vec3 cofactors = cross(row(e, (i + 1) % 3), row(e, (i + 2) % 3));
    r(i, 0) = cofactors.x - r(i, 0);
    r(i, 1) = cofactors.y - r(i, 1);
    r(i, 2) = cofactors.z - r(i, 2);
  }
  return orthonormal(r);
}

// Two directions at right angles to t.
std::array<Vec3, 2> tangent(const Vec3& t) {
  const Vec3 off = std::abs(t.x) < 0.6 ? Vec3{1, 0, 0} : Vec3{0, 1, 0};
  const Vec3 across = cross(t, off);
  const Vec3 u = 1 / length(across) * across;
  return {u, cross(t, u)};
}

// Sampson's error with its sign, and its derivative by R <- exp(w) R and t <- t + d.
struct SampsonTerm {
  double error = 0;
  Vec3 by_turn, by_direction;

  SampsonTerm(const Pose& pose, const Match& match) {
    const Vec3 a = pose.rotation * match.ref, &b = match.cur, &t = pose.direction;
    const Vec3 across = cross(a, b);
    const double off = dot(t, across), ta = dot(t, a), tb = dot(t, b);
    const double slope2 = std::max(2 - ta * ta - tb * tb - 2 * off * off, 1e-12);
    const double over = 1 / std::sqrt(slope2);
    error = off * over;
    // d error = d off / slope - off d slope2 / (2 slope^3)
    const double along = over + 2 * off * off * over / slope2, by_ta = off * ta * over / slope2;
    const double by_tb = off * tb * over / slope2;
    by_turn = along * (ta * b - dot(a, b) * t) + by_ta * cross(a, t);
    by_direction = along * across + by_ta * a + by_tb * b;
  }
};

}  // namespace

Pose pose_of(const Mat3& e, const std::vector<Match>& matches, double threshold_rad) {
  const Vec3 t = direction_of(e);
  const Mat3 first = rotation_of(e, t), second = rotation_of(e, -1 * t);
  const std::array<Pose, 4> poses{Pose{first, t}, Pose{first, -1 * t}, Pose{second, t}, Pose{second, -1 * t}};
  std::array<std::size_t, 4> votes{};
  for (const Match& match : matches) {
    if (epipolar_error2(e, match) > threshold_rad * threshold_rad) continue;
    for (std::size_t i = 0; i < 4; ++i) votes[i] += in_front(poses[i], match, 2 * threshold_rad) ? 1 : 0;
  }
  return poses[static_cast<std::size_t>(std::max_element(votes.begin(), votes.end()) - votes.begin())];
}

Pose refined(const Pose& start, const std::vector<Match>& matches, double threshold_rad, int iterations,
             double& noise_rad) {
  Pose pose = start;
  std::vector<double> errors;
  std::vector<SampsonTerm> terms;
  for (int i = 0; i < iterations; ++i) {
    errors.clear();
    terms.clear();
    for (const Match& match : matches) {
      const SampsonTerm term(pose, match);
      if (std::abs(term.error) > threshold_rad || !in_front(pose, match, 2 * threshold_rad)) continue;
      terms.push_back(term);
      errors.push_back(std::abs(term.error));
    }
    if (terms.size() < 5) return pose;
    noise_rad = noise_of(errors, threshold_rad);
    const std::array<Vec3, 2> side = tangent(pose.direction);
    SmallSystem<5> system;
    for (const SampsonTerm& term : terms) {
      const double ratio = term.error / (kCauchy * noise_rad);
      system.add(1 / (1 + ratio * ratio), term.error,
                 {term.by_turn.x, term.by_turn.y, term.by_turn.z, dot(term.by_direction, side[0]),
                  dot(term.by_direction, side[1])});
    }
    std::array<double, 5> step = system.solve();
    pose.rotation = orthonormal(exp_matrix(vec3(step.data())) * pose.rotation);
    // Without translation its direction is anybody's guess, and a long step across the sphere no longer linear.
    const double turn = std::hypot(step[3], step[4]), scale = turn > 0.5 ? 0.5 / turn : 1;
    const Vec3 moved = pose.direction + scale * step[3] * side[0] + scale * step[4] * side[1];
    pose.direction = 1 / length(moved) * moved;
    const double largest = std::max({std::abs(step[0]), std::abs(step[1]), std::abs(step[2])});
    if (largest < 1e-7 && turn < 1e-5) break;
  }
  return pose;
}

}  // namespace vstab
