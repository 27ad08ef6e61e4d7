// How a camera turned between two pictures of the whole sphere, from matched unit rays; docs/rotation360.md.
//
// Two models are fitted, each by RANSAC and refinement: cur = R ref (the camera only turned), and the epipolar
// constraint cur^T [t]x R ref = 0 (it moved too; Nister, An efficient solution to the five-point relative pose problem,
// PAMI 2004). The evidence chooses: where the camera hardly moved, the second one's rotation is the noisier one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace vstab {

constexpr std::size_t kLeastMatches = 5;

struct RelativeRotationOptions {
  double threshold_rad = 0.0087;  // 0.5 degrees: a match that is further off is foreign
  int max_iterations = 500;       // of RANSAC; usually 50 are enough
  std::uint64_t seed = 0;
};

struct RelativeRotationQuery {
  std::size_t matches = 0;
  const double* ref_rays = nullptr;  // (n, 3) unit
  const double* cur_rays = nullptr;  // (n, 3) unit
};

enum class RelativeModel { kNone, kRotation, kEpipolar };

struct RelativeRotation {
  RelativeModel model = RelativeModel::kNone;               // none: the rays say nothing, for instance all are equal
  std::array<double, 9> cur_from_ref{1, 0, 0, 0, 1, 0, 0, 0, 1};  // row-major
  std::array<double, 3> direction{};  // of the epipolar model: X_cur = cur_from_ref X_ref + depth * direction
  std::vector<bool> inlier;           // (n,)
  double inlier_ratio = 0;
  double noise_rad = 0;  // of a ray along an axis, as the chosen model's inliers show it
};

// Throws std::invalid_argument where there are fewer than 5 matches or a ray or an option is out of its range.
RelativeRotation relative_rotation(const RelativeRotationQuery& query, const RelativeRotationOptions& options);

// The essential matrices, row-major, of Frobenius norm sqrt 2, up to ten, that cur^T E ref = 0 holds for of five
// matches, (5, 3) each. None where the matches are degenerate.
std::vector<std::array<double, 9>> five_point(const double* ref_rays, const double* cur_rays);

}  // namespace vstab
