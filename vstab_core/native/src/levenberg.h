// Levenberg-Marquardt over the frames of a segment: Gauss-Newton steps, more damping where a step would climb.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "frame_matrix.h"

namespace vstab {

constexpr double kLeastDamping = 1e-12, kMostDamping = 1e6;

// Problem: K unknowns a frame; `linearise` gives the cost at its state and fills matrix and gradient (both of half the
// cost), `move` takes a step, `undo` takes it back. Returns the number of iterations.
template <int K, class Problem>
int descend(Problem& problem, std::size_t frames, double damping, double tolerance, int max_iterations) {
  FrameMatrix<K> matrix(frames), next(frames);
  std::vector<double> gradient, next_gradient;
  double cost = problem.linearise(matrix, gradient);
  int done = 0;
  while (done < max_iterations && cost > 0 && damping < kMostDamping) {
    ++done;
    next = matrix;
    next.damp(damping);
    std::vector<double> step(gradient.size());
    std::transform(gradient.begin(), gradient.end(), step.begin(), [](double g) { return -g; });
    if (!next.factor()) {
      damping = std::max(100 * damping, kLeastDamping);
      continue;
    }
    next.solve(step);
    problem.move(step);
    const double reached = problem.linearise(next, next_gradient);
    if (!(reached <= cost)) {
      problem.undo();
      damping = std::max(10 * damping, kLeastDamping);
      continue;
    }
    const double gain = (cost - reached) / cost;
    cost = reached;
    std::swap(matrix, next);
    std::swap(gradient, next_gradient);
    damping = std::max(0.1 * damping, kLeastDamping);
    if (gain < tolerance) break;
  }
  return done;
}

}  // namespace vstab
