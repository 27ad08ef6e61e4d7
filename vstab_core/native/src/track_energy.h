// The robust energy of one feature track on the sphere, and what it says of its rays.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "rotation_math.h"

namespace vstab {

// Half the Gauss-Newton matrix and gradient of a track's energy over its rays: an observation's weight with itself,
// with the next and with the one after that (times the identity), and the gradient.
struct RayTerms {
  double own = 0, next = 0, after = 0;
  Vec3 pull;
};

struct TrackEnergy {
  double loss2 = 1e-4, first = 1, second = 1;  // a^2, weights

  // Returns the energy of `count` stabilized rays; adds to `terms`, which start at zero.
  double of(const Vec3* y, std::size_t count, RayTerms* terms) const {
    double cost = 0;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      const Vec3 r = y[i] - y[i + 1];
      const double ratio = squared(r) / loss2, weight = first / (1 + ratio);
      cost += first * std::log1p(ratio);
      const Vec3 pull = weight * r;
      terms[i].pull += pull;
      terms[i + 1].pull -= pull;
      terms[i].own += weight;
      terms[i + 1].own += weight;
      terms[i].next -= weight;
    }
    for (std::size_t i = 0; i + 2 < count; ++i) {
      const Vec3 r = 2 * y[i + 1] - y[i] - y[i + 2];
      const double ratio = squared(r) / loss2, weight = second / (1 + ratio);
      cost += second * std::log1p(ratio);
      const Vec3 pull = weight * r;
      terms[i].pull -= pull;
      terms[i + 1].pull += 2 * pull;
      terms[i + 2].pull -= pull;
      terms[i].own += weight;
      terms[i + 1].own += 4 * weight;
      terms[i + 2].own += weight;
      terms[i].next -= 2 * weight;
      terms[i + 1].next -= 2 * weight;
      terms[i].after += weight;
    }
    return loss2 * cost;
  }
};

}  // namespace vstab
