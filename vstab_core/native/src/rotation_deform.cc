// Stage two of the rotation path: six local rotations a frame, the frames' rotations given.
//
// They stay as stage one left them: the mean of a frame's six local rotations is a rotation of the frame already, so
// that with both free only the regularizer would tell them apart.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "levenberg.h"
#include "rotation_segment.h"

namespace vstab {
namespace {

// A source ray's three vertices and their weights.
struct Octant {
  std::array<int, 3> vertex;
  std::array<double, 3> weight;

  explicit Octant(const Vec3& p) {
    const double over = 1 / (std::abs(p.x) + std::abs(p.y) + std::abs(p.z));
    vertex = {p.x < 0 ? 1 : 0, p.y < 0 ? 3 : 2, p.z < 0 ? 5 : 4};
    weight = {over * std::abs(p.x), over * std::abs(p.y), over * std::abs(p.z)};
  }

  Vec3 omega(const double* local) const {  // (6, 3)
    Vec3 sum;
    for (std::size_t k = 0; k < 3; ++k) sum += weight[k] * vec3(local + 3 * vertex[k]);
    return sum;
  }
};

// The local rotations as the solver's state. A step is added.
class Deformation {
 public:
  Deformation(const Segment& segment, const TrackEnergy& energy, const RotationPathOptions& options,
              std::vector<double> local)
      : segment_(segment), energy_(energy), options_(options), local_(std::move(local)) {
    local_.resize(kLocal * segment.frames());
    for (const Quat& q : segment.quats) rotations_.push_back(matrix(q));
    octants_.reserve(segment.rays.size());
    for (const Vec3& ray : segment.rays) octants_.emplace_back(ray);
  }

  const std::vector<double>& local() const { return local_; }

  double linearise(FrameMatrix<kLocal>& matrix, std::vector<double>& gradient) {
    matrix.clear();
    gradient.assign(local_.size(), 0.0);
    double cost = 0;
    for (const Track& track : segment_.tracks) cost += add(track, matrix, gradient);
    cost += add_regularizer(matrix, gradient);
    for (std::size_t t = 0; t < segment_.frames(); ++t) {
      if (!segment_.pure[t]) continue;
      matrix.hold(t);
      std::fill_n(&gradient[kLocal * t], kLocal, 0.0);
    }
    return cost;
  }

  void move(const std::vector<double>& step) {
    before_ = local_;
    for (std::size_t i = 0; i < local_.size(); ++i) local_[i] += step[i];
  }
  void undo() { local_ = before_; }

 private:
  double add(const Track& track, FrameMatrix<kLocal>& matrix, std::vector<double>& gradient) {
    rays_.resize(track.count);
    slopes_.resize(track.count);
    terms_.assign(track.count, RayTerms());
    for (std::size_t i = 0; i < track.count; ++i) place(track, i);
    const double cost = energy_.of(rays_.data(), track.count, terms_.data());
    for (std::size_t i = 0; i < track.count; ++i) {
      const std::size_t t = track.first_frame + i;
      const Octant& octant = octants_[track.begin + i];
      const Vec3 g = transposed_times(slopes_[i], terms_[i].pull);
      for (std::size_t k = 0; k < 3; ++k) {
        double* to = &gradient[kLocal * t + static_cast<std::size_t>(3 * octant.vertex[k])];
        to[0] += octant.weight[k] * g.x;
        to[1] += octant.weight[k] * g.y;
        to[2] += octant.weight[k] * g.z;
      }
      const std::array<double, 3> factor{terms_[i].own, terms_[i].next, terms_[i].after};
      for (std::size_t below = 0; below < 3 && i + below < track.count; ++below) {
        const Mat3 product = factor[below] * transposed_times(slopes_[i + below], slopes_[i]);
        add_pair(matrix, t, static_cast<int>(below), product, octants_[track.begin + i + below], octant);
      }
    }
    return cost;
  }

  // The stabilized ray and its derivative by omega, -[y]x R J(omega).
  void place(const Track& track, std::size_t i) {
    const std::size_t t = track.first_frame + i, observation = track.begin + i;
    const Vec3 omega = octants_[observation].omega(&local_[kLocal * t]);
    const AngleSeries of(squared(omega));
    rays_[i] = rotations_[t] * (series(omega, of.sine, of.cosine) * segment_.rays[observation]);
    slopes_[i] = -1.0 * (skew(rays_[i]) * (rotations_[t] * series(omega, of.cosine, of.rest)));
  }

  // Spreads a 3 x 3 block over the vertices of both rays; of a frame's own block, the lower half (vertices ascend).
  static void add_pair(FrameMatrix<kLocal>& matrix, std::size_t t, int below, const Mat3& block, const Octant& a,
                       const Octant& b) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t i = below == 0 ? j : 0; i < 3; ++i) {
        const double weight = a.weight[i] * b.weight[j];
        double* to = matrix.column(t, 3 * b.vertex[j]) + below * kLocal + 3 * a.vertex[i];
        for (int c = 0; c < 3; ++c, to += FrameMatrix<kLocal>::kHeight) {
          to[0] += weight * block(0, c);
          to[1] += weight * block(1, c);
          to[2] += weight * block(2, c);
        }
      }
    }
  }

  double add_regularizer(FrameMatrix<kLocal>& matrix, std::vector<double>& gradient) const {
    double cost = 0;
    for (std::size_t t = 0; t < segment_.frames(); ++t) {
      const double* local = &local_[kLocal * t];
      const double spread = options_.spread_weight * segment_.seen[t];
      const double magnitude = options_.magnitude_weight * segment_.seen[t];
      for (int c = 0; c < 3; ++c) {
        double mean = 0;
        for (int k = 0; k < kVertices; ++k) mean += local[3 * k + c] / kVertices;
        for (int k = 0; k < kVertices; ++k) {
          const int i = 3 * k + c;
          const double off = local[i] - mean;
          cost += spread * off * off + magnitude * local[i] * local[i];
          gradient[kLocal * t + static_cast<std::size_t>(i)] += spread * off + magnitude * local[i];
          double* column = matrix.column(t, i);
          column[i] += spread + magnitude;
          for (int other = k; other < kVertices; ++other) column[3 * other + c] -= spread / kVertices;
        }
      }
      if (t + 1 < segment_.frames()) cost += add_change(t, matrix, gradient);
    }
    return cost;
  }

  double add_change(std::size_t t, FrameMatrix<kLocal>& matrix, std::vector<double>& gradient) const {
    const double weight = 0.5 * options_.temporal_weight * (segment_.seen[t] + segment_.seen[t + 1]);
    double cost = 0;
    for (int i = 0; i < kLocal; ++i) {
      const std::size_t now = kLocal * t + static_cast<std::size_t>(i), next = now + kLocal;
      const double change = local_[next] - local_[now];
      cost += weight * change * change;
      gradient[now] -= weight * change;
      gradient[next] += weight * change;
      matrix.column(t, i)[i] += weight;
      matrix.column(t, i)[kLocal + i] -= weight;
      matrix.column(t + 1, i)[i] += weight;
    }
    return cost;
  }

  const Segment& segment_;
  const TrackEnergy energy_;
  const RotationPathOptions& options_;
  std::vector<double> local_, before_;
  std::vector<Mat3> rotations_;
  std::vector<Octant> octants_;
  std::vector<Vec3> rays_;
  std::vector<Mat3> slopes_;
  std::vector<RayTerms> terms_;
};

}  // namespace

std::vector<double> solve_local(const Segment& segment, const TrackEnergy& energy, const RotationPathOptions& options,
                                std::vector<double> local, int& iterations) {
  Deformation problem(segment, energy, options, std::move(local));
  iterations +=
      descend<kLocal>(problem, segment.frames(), options.damping, options.tolerance, options.max_iterations);
  return problem.local();
}

double tracks_energy(const Segment& segment, const TrackEnergy& energy, const std::vector<double>& local) {
  std::vector<Vec3> rays;
  std::vector<RayTerms> terms;
  double cost = 0;
  for (const Track& track : segment.tracks) {
    rays.clear();
    terms.assign(track.count, RayTerms());
    for (std::size_t i = 0; i < track.count; ++i) {
      const std::size_t t = track.first_frame + i;
      Vec3 ray = segment.rays[track.begin + i];
      if (!local.empty()) ray = exp_matrix(Octant(ray).omega(&local[kLocal * t])) * ray;
      rays.push_back(matrix(segment.quats[t]) * ray);
    }
    cost += energy.of(rays.data(), track.count, terms.data());
  }
  return cost;
}

}  // namespace vstab
