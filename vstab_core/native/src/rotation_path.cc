#include "vstab/rotation_path.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "levenberg.h"
#include "rotation_segment.h"

namespace vstab {
namespace {

void check(const RotationPathOptions& options) {
  if (!(options.loss_rad > 0) || !std::isfinite(options.loss_rad)) {
    throw std::invalid_argument("loss_rad must be more than 0, got " + std::to_string(options.loss_rad));
  }
  for (const auto& [value, name] :
       {std::pair(options.first_weight, "first_weight"), std::pair(options.second_weight, "second_weight"),
        std::pair(options.prior_first, "prior_first"), std::pair(options.prior_second, "prior_second"),
        std::pair(options.spread_weight, "spread_weight"), std::pair(options.magnitude_weight, "magnitude_weight"),
        std::pair(options.temporal_weight, "temporal_weight"), std::pair(options.least_tracks, "least_tracks"),
        std::pair(options.max_local_rad, "max_local_rad"), std::pair(options.damping, "damping"),
        std::pair(options.tolerance, "tolerance")}) {
    if (!(value >= 0) || !std::isfinite(value)) {
      throw std::invalid_argument(std::string(name) + " must be 0 or more, got " + std::to_string(value));
    }
  }
  if (!(options.deformation >= 0 && options.deformation <= 1)) {
    throw std::invalid_argument("deformation must be 0 to 1, got " + std::to_string(options.deformation));
  }
  if (options.max_iterations < 0) {
    throw std::invalid_argument("max_iterations must be 0 or more, got " + std::to_string(options.max_iterations));
  }
}

Quat unit_quat(const double* q, std::size_t frame) {
  const double length2 = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
  if (!(std::abs(length2 - 1) < 1e-3)) {
    throw std::invalid_argument("quats must have length 1; that of frame " + std::to_string(frame) + " has " +
                                std::to_string(std::sqrt(length2)));
  }
  return normalised({q[0], q[1], q[2], q[3]});
}

Vec3 unit_ray(const double* p, std::size_t observation) {
  const Vec3 ray = vec3(p);
  const double norm = length(ray);
  if (!(std::abs(norm - 1) < 1e-3)) {
    throw std::invalid_argument("rays must have length 1; that of observation " + std::to_string(observation) +
                                " has " + std::to_string(norm));
  }
  return 1 / norm * ray;
}

void add_track(const RotationPathQuery& query, std::size_t track, Segment& segment) {
  const std::ptrdiff_t begin = query.track_start[track], end = query.track_start[track + 1];
  const std::ptrdiff_t frames = static_cast<std::ptrdiff_t>(query.frames);
  for (std::ptrdiff_t i = begin; i < end; ++i) {
    const std::ptrdiff_t frame = query.frame[i];
    if (frame < 0 || frame >= frames) {
      throw std::invalid_argument("frame must be 0 to " + std::to_string(frames - 1) + ", got " +
                                  std::to_string(frame) + " in track " + std::to_string(track));
    }
    if (i > begin && frame != query.frame[i - 1] + 1) {
      throw std::invalid_argument("a track's observations are of consecutive frames; in track " +
                                  std::to_string(track) + " " + std::to_string(frame) + " follows " +
                                  std::to_string(query.frame[i - 1]));
    }
    segment.seen[static_cast<std::size_t>(frame)] += 1;
  }
  if (end - begin < 2) return;
  segment.tracks.push_back({static_cast<std::size_t>(query.frame[begin]), static_cast<std::size_t>(begin),
                            static_cast<std::size_t>(end - begin)});
}

void check_starts(const RotationPathQuery& query) {
  const std::ptrdiff_t first = query.track_start[0], last = query.track_start[query.tracks];
  if (first != 0 || last != static_cast<std::ptrdiff_t>(query.observations)) {
    throw std::invalid_argument("track_start must begin at 0 and end at the number of observations, " +
                                std::to_string(query.observations) + ", got " + std::to_string(first) + " and " +
                                std::to_string(last));
  }
  for (std::size_t track = 0; track < query.tracks; ++track) {
    if (query.track_start[track] <= query.track_start[track + 1]) continue;
    throw std::invalid_argument("track_start must not fall, got " + std::to_string(query.track_start[track + 1]) +
                                " after " + std::to_string(query.track_start[track]));
  }
}

Segment segment_of(const RotationPathQuery& query, double least_tracks) {
  if (query.frames == 0) throw std::invalid_argument("a segment needs at least 1 frame, got 0");
  check_starts(query);
  Segment segment;
  for (std::size_t t = 0; t < query.frames; ++t) segment.quats.push_back(unit_quat(query.quats + 4 * t, t));
  segment.fixed.assign(query.fixed, query.fixed + query.frames);
  const bool* pure = query.pure != nullptr ? query.pure : query.fixed;
  segment.pure.assign(pure, pure + query.frames);
  segment.seen.assign(query.frames, 0.0);
  segment.rays.reserve(query.observations);
  for (std::size_t i = 0; i < query.observations; ++i) segment.rays.push_back(unit_ray(query.ray + 3 * i, i));
  for (std::size_t track = 0; track < query.tracks; ++track) add_track(query, track, segment);
  for (double& seen : segment.seen) seen = std::max(seen, least_tracks);
  return segment;
}

// factor * a, at frame t's columns and the rows of the frame `below` it.
void add_block(FrameMatrix<3>& matrix, std::size_t t, int below, double factor, const Mat3& a) {
  for (int c = 0; c < 3; ++c) {
    double* to = matrix.column(t, c) + 3 * below;
    for (int r = below == 0 ? c : 0; r < 3; ++r) to[r] += factor * a(r, c);
  }
}

// Stage one: the rotations alone. A step w of a frame is R <- exp(w) R.
class Rotations {
 public:
  Rotations(Segment& segment, const TrackEnergy& energy, const RotationPathOptions& options)
      : segment_(segment), energy_(energy), options_(options) {}

  double linearise(FrameMatrix<3>& matrix, std::vector<double>& gradient) {
    matrix.clear();
    gradient.assign(3 * segment_.frames(), 0.0);
    rotations_.clear();
    for (const Quat& q : segment_.quats) rotations_.push_back(vstab::matrix(q));
    double cost = 0;
    for (const Track& track : segment_.tracks) cost += add(track, matrix, gradient);
    cost += add_prior(matrix, gradient);
    for (std::size_t t = 0; t < segment_.frames(); ++t) {
      if (!segment_.fixed[t]) continue;
      matrix.hold(t);
      std::fill_n(&gradient[3 * t], 3, 0.0);
    }
    return cost;
  }

  void move(const std::vector<double>& step) {
    before_ = segment_.quats;
    for (std::size_t t = 0; t < segment_.frames(); ++t) {
      if (segment_.fixed[t]) continue;
      segment_.quats[t] = normalised(exp_quat(vec3(&step[3 * t])) * segment_.quats[t]);
    }
  }
  void undo() { segment_.quats = before_; }

 private:
  double add(const Track& track, FrameMatrix<3>& matrix, std::vector<double>& gradient) {
    rays_.resize(track.count);
    terms_.assign(track.count, RayTerms());
    for (std::size_t i = 0; i < track.count; ++i) {
      rays_[i] = rotations_[track.first_frame + i] * segment_.rays[track.begin + i];
    }
    const double cost = energy_.of(rays_.data(), track.count, terms_.data());
    for (std::size_t i = 0; i < track.count; ++i) {
      const std::size_t t = track.first_frame + i;
      const Vec3 g = cross(rays_[i], terms_[i].pull);
      gradient[3 * t] += g.x;
      gradient[3 * t + 1] += g.y;
      gradient[3 * t + 2] += g.z;
      add_pair(matrix, t, 0, terms_[i].own, rays_[i], rays_[i]);
      if (i + 1 < track.count) add_pair(matrix, t, 1, terms_[i].next, rays_[i + 1], rays_[i]);
      if (i + 2 < track.count) add_pair(matrix, t, 2, terms_[i].after, rays_[i + 2], rays_[i]);
    }
    return cost;
  }

  // dy/dw = -[y]x, and [a]x^T [b]x = (a . b) I - b a^T
  static void add_pair(FrameMatrix<3>& matrix, std::size_t t, int below, double factor, const Vec3& a, const Vec3& b) {
    const double along = factor * dot(a, b);
    const Vec3 c = factor * a;
    double* to = matrix.column(t, 0) + 3 * below;
    constexpr int kNext = FrameMatrix<3>::kHeight;
    to[0] += along - b.x * c.x;
    to[1] -= b.y * c.x;
    to[2] -= b.z * c.x;
    to[kNext] -= b.x * c.y;
    to[kNext + 1] += along - b.y * c.y;
    to[kNext + 2] -= b.z * c.y;
    to[2 * kNext] -= b.x * c.z;
    to[2 * kNext + 1] -= b.y * c.z;
    to[2 * kNext + 2] += along - b.z * c.z;
  }

  // weight |r|^2, r's derivative by the steps of frames t, t + 1, ... being j[0], j[1], ...
  template <std::size_t N>
  static double add_residual(FrameMatrix<3>& matrix, std::vector<double>& gradient, std::size_t t, double weight,
                             const Vec3& r, const std::array<Mat3, N>& j) {
    for (std::size_t a = 0; a < N; ++a) {
      const Vec3 g = transposed_times(j[a], r);
      gradient[3 * (t + a)] += weight * g.x;
      gradient[3 * (t + a) + 1] += weight * g.y;
      gradient[3 * (t + a) + 2] += weight * g.z;
      for (std::size_t b = a; b < N; ++b) {
        add_block(matrix, t + a, static_cast<int>(b - a), weight, transposed_times(j[b], j[a]));
      }
    }
    return weight * squared(r);
  }

  double add_prior(FrameMatrix<3>& matrix, std::vector<double>& gradient) {
    double cost = 0;
    Vec3 last;
    Mat3 last_from, last_to;
    for (std::size_t t = 0; t + 1 < segment_.frames(); ++t) {
      const Vec3 v = log_quat(segment_.quats[t + 1] * inverse(segment_.quats[t]));
      const Mat3 to = inverse_left_jacobian(v), from = -1.0 * transposed(to);
      cost += add_residual<2>(matrix, gradient, t, options_.prior_first, v, {from, to});
      if (t > 0) {
        cost += add_residual<3>(matrix, gradient, t - 1, options_.prior_second, v - last,
                                {-1.0 * last_from, from - last_to, to});
      }
      last = v;
      last_from = from;
      last_to = to;
    }
    return cost;
  }

  Segment& segment_;
  const TrackEnergy energy_;
  const RotationPathOptions& options_;
  std::vector<Quat> before_;
  std::vector<Mat3> rotations_;
  std::vector<Vec3> rays_;
  std::vector<RayTerms> terms_;
};

// A frame whose longest local rotation exceeds the limit is scaled as a whole: its shape stays.
void limit(std::vector<double>& local, double longest_rad) {
  for (std::size_t t = 0; t < local.size(); t += kLocal) {
    double longest = 0;
    for (std::size_t k = 0; k < kLocal; k += 3) longest = std::max(longest, length(vec3(&local[t + k])));
    if (longest <= longest_rad) continue;
    for (std::size_t i = 0; i < kLocal; ++i) local[t + i] *= longest_rad / longest;
  }
}

// Stage two.
void deform(const Segment& segment, const TrackEnergy& energy, const RotationPathOptions& options,
            RotationPath& result) {
  RegularizerScale regularizer;
  if (options.validate) regularizer = regularizer_scale(segment, energy, options);
  result.regularizer_scale = regularizer.scale;
  if (regularizer.scale == 0) return;
  result.local = solve_local(segment, energy, scaled(options, regularizer.scale), std::move(regularizer.local),
                             result.iterations);
  for (double& value : result.local) value *= options.deformation;
  limit(result.local, options.max_local_rad);
  result.cost_after = tracks_energy(segment, energy, result.local);
}

}  // namespace

RotationPath solve_rotation_path(const RotationPathQuery& query, const RotationPathOptions& options) {
  check(options);
  Segment segment = segment_of(query, options.least_tracks);
  const TrackEnergy energy{options.loss_rad * options.loss_rad, options.first_weight, options.second_weight};
  RotationPath result;
  result.cost_before = tracks_energy(segment, energy, {});
  Rotations rotations(segment, energy, options);
  result.iterations =
      descend<3>(rotations, segment.frames(), options.damping, options.tolerance, options.max_iterations);
  result.cost_after = result.cost_rotation = tracks_energy(segment, energy, {});
  result.local.assign(kLocal * segment.frames(), 0.0);
  if (options.deformation > 0) deform(segment, energy, options, result);
  for (const Quat& q : segment.quats) result.quats.insert(result.quats.end(), {q.w, q.x, q.y, q.z});
  return result;
}

}  // namespace vstab
