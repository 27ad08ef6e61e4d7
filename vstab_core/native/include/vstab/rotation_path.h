// The rotations between two key frames, and six small local rotations a frame, that make feature tracks on the sphere
// smooth (Kopf, 360 video stabilization, SIGGRAPH Asia 2016); docs/rotation360.md gives the meaning.
//
//   E = sum over tracks, t:  first rho(|y_t - y_t+1|^2) + second rho(|-y_t + 2 y_t+1 - y_t+2|^2)
//   y_t = R_t exp([omega_t(p_t)]x) p_t,   rho(s) = a^2 log(1 + s / a^2)
//
// omega_t(p) = sum of |p_k| / (|p_x| + |p_y| + |p_z|) local_k over the three vertices of p's octant.
#pragma once

#include <cstddef>
#include <vector>

namespace vstab {

constexpr int kVertices = 6;               // +x -x +y -y +z -z of the source camera
constexpr int kLocal = 3 * kVertices;      // numbers a frame

struct RotationPathOptions {
  double loss_rad = 0.01;       // a: 0.57 degrees
  double first_weight = 1;      // of the tracks' first differences
  double second_weight = 1;     // of their second differences
  double prior_first = 1e-4;    // of log(R_t+1 R_t^-1): bridges frames without tracks, far below one track's weight
  double prior_second = 1e-4;   // of its differences
  double deformation = 0;       // share of the local rotations that is used; 0: they are not computed
  double spread_weight = 0.01;  // of sum |local_k - mean|^2, times the frame's tracks
  double magnitude_weight = 1e-3;  // of sum |local_k|^2, times the frame's tracks
  double temporal_weight = 0.05;   // of sum |local_k,t+1 - local_k,t|^2, times the frames' mean number of tracks
  bool validate = true;            // scale the three weights as tracks left out of the solution advise
  double least_tracks = 100;       // a frame with fewer is regularized as if it had these: few tracks say little
  double max_local_rad = 0.0873;   // 5 degrees; a frame that exceeds it is scaled down as a whole
  double damping = 1e-6;           // Levenberg's, of the diagonal, at the start
  double tolerance = 1e-6;         // relative change of the energy
  int max_iterations = 10;         // of each stage
};

// One segment. Arrays are dense and row-major.
struct RotationPathQuery {
  std::size_t frames = 0;        // n
  const double* quats = nullptr;  // (n, 4) stab_from_src, w x y z
  const bool* fixed = nullptr;    // (n,) their rotation stays
  const bool* pure = nullptr;     // (n,) their local rotations are zero: key frames; null: those that are fixed
  std::size_t tracks = 0;        // T
  const std::ptrdiff_t* track_start = nullptr;  // (T + 1,) into the observations
  std::size_t observations = 0;                 // N
  const std::ptrdiff_t* frame = nullptr;        // (N,) consecutive within a track
  const double* ray = nullptr;                  // (N, 3) unit, in the source camera
};

struct RotationPath {
  std::vector<double> quats;  // (n, 4)
  std::vector<double> local;  // (n, 6, 3) radians, in the source camera
  double cost_before = 0;     // E of the rotations that were given
  double cost_rotation = 0;   // E of `quats` alone
  double cost_after = 0;      // E of `quats` and `local`
  double regularizer_scale = 0;  // of the local rotations' weights; 0: there are none
  int iterations = 0;         // of both stages
};

// Throws std::invalid_argument where the query or the options make no sense.
RotationPath solve_rotation_path(const RotationPathQuery& query, const RotationPathOptions& options);

}  // namespace vstab
