// The smoothest correction of a camera path inside linear bounds; vstab_core/smooth/solver.py gives the meaning.
//
//   minimise  1/2 c^T (T + anchor) c + linear^T c + price m   subject to   sides c_t <= m + room_t,  m <= budget
//
// T is the roughness, banded three frames wide and the same for every channel; linear is T times the measured path.
#pragma once

#include <cstddef>
#include <vector>

namespace vstab {

constexpr int kPathOrders = 3;  // bands beside the diagonal: the third difference reaches three frames
constexpr int kMaxPathChannels = 4;
constexpr int kMaxPathSides = 64;

// One shot. All arrays are dense and row-major; `past` frames come first in `bands`, they are shown and fixed.
struct PathQuery {
  std::size_t frames = 0;         // F, those that may be corrected
  std::size_t past = 0;           // P
  std::size_t channels = 0;       // K
  const double* bands = nullptr;  // (4, P + F), lower banded form of T
  const double* path = nullptr;   // (F, K), as measured
  const double* shown = nullptr;  // (P, K), as shown
  double anchor = 0;
};

struct PathBounds {
  std::size_t rows = 0;           // R
  const double* sides = nullptr;  // (R, K)
  const double* room = nullptr;   // (F, R)
  double budget = 0;              // of the margin
  double price = 0;
};

// The best correction (F, K) inside the bounds, with K up to kMaxPathChannels; where the bounds contradict each other,
// what 40 iterations reach. Throws std::runtime_error where the problem is so badly scaled that its matrix cannot be
// factored.
std::vector<double> solve_path(const PathQuery& query, const PathBounds& bounds);

// The best correction (F, K) without bounds; any K.
std::vector<double> solve_free_path(const PathQuery& query);

}  // namespace vstab
