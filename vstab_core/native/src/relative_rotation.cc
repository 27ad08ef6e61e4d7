#include "vstab/relative_rotation.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "epipolar.h"
#include "pure_rotation.h"

namespace vstab {
namespace {

constexpr double kSurety = 0.9999;  // of having drawn one sample without a foreign match
constexpr int kLeastIterations = 50;  // a clean sample is not yet a good one: its rays are noisy
constexpr int kDuring = 4, kAtLast = 20;  // iterations of the refinement
constexpr double kWorse = 1.05;  // the refinement's cost is Cauchy's; this much of RANSAC's it may lose
constexpr double kPlane = 1.25;  // 95 % of errors in two dimensions are below 2.45 standard deviations, in one 1.96

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t count) {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<std::size_t>((z ^ (z >> 31)) % count);
  }

 private:
  std::uint64_t state_;
};

template <std::size_t N>
std::array<std::size_t, N> sample(Random& random, std::size_t count) {
  std::array<std::size_t, N> drawn;
  for (std::size_t i = 0; i < N; ++i) {
    do {
      drawn[i] = random.below(count);
    } while (std::find(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(i), drawn[i]) !=
             drawn.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return drawn;
}

// How many samples of `size` matches are enough at this share of good ones.
double enough(double good_ratio, int size) {
  const double clean = std::pow(good_ratio, size);
  if (clean >= 1) return 0;
  return clean <= 0 ? 1e300 : std::log(1 - kSurety) / std::log1p(-clean);
}

struct Score {
  double cost = 0;  // sum of squared errors, each at most the threshold's
  std::size_t good = 0;
};

// Gives up where the cost exceeds `most`.
template <class Error2>
Score score(const std::vector<Match>& matches, double threshold2, double most, const Error2& error2) {
  Score result;
  for (const Match& match : matches) {
    const double error = error2(match);
    result.cost += std::min(error, threshold2);
    result.good += error < threshold2 ? 1 : 0;
    if (result.cost >= most) break;
  }
  return result;
}

struct RotationFit {
  bool found = false;
  Mat3 rotation = identity3();
  Score score;
  double noise_rad = 0;
};

struct EpipolarFit {
  bool found = false;
  Pose pose;
  Score score;
  double noise_rad = 0;
};

RotationFit fit_rotation(const std::vector<Match>& matches, const RelativeRotationOptions& options) {
  const double threshold = kPlane * options.threshold_rad, threshold2 = threshold * threshold;
  RotationFit best;
  best.score.cost = 1e300;
  const auto consider = [&](const Mat3& rotation, double most) {
    const Score found =
        score(matches, threshold2, most, [&](const Match& match) { return rotation_error2(rotation, match); });
    if (found.cost >= most) return false;
    best = {true, rotation, found, best.noise_rad};
    return true;
  };
  Random random(options.seed);
  for (int i = 0; i < options.max_iterations; ++i) {
    const double share = static_cast<double>(best.score.good) / static_cast<double>(matches.size());
    if (i >= kLeastIterations && i > enough(share, 2)) break;
    const auto drawn = sample<2>(random, matches.size());
    Mat3 rotation;
    if (!rotation_of_two(matches[drawn[0]], matches[drawn[1]], rotation)) continue;
    if (!consider(rotation, best.score.cost)) continue;
    consider(refined(rotation, matches, threshold, kDuring, best.noise_rad), best.score.cost);
  }
  if (best.found) {
    consider(refined(best.rotation, matches, threshold, kAtLast, best.noise_rad), kWorse * best.score.cost);
  }
  return best;
}

double pose_error2(const Pose& pose, const Mat3& e, const Match& match, double threshold_rad) {
  const double error2 = epipolar_error2(e, match);
  if (error2 < threshold_rad * threshold_rad && !in_front(pose, match, 2 * threshold_rad)) return 1;
  return error2;
}

EpipolarFit fit_epipolar(const std::vector<Match>& matches, const RelativeRotationOptions& options) {
  const double threshold = options.threshold_rad, threshold2 = threshold * threshold;
  EpipolarFit best;
  best.score.cost = 1e300;
  const auto consider = [&](const Pose& pose, double most) {
    const Mat3 e = essential(pose);
    const Score found =
        score(matches, threshold2, most, [&](const Match& match) { return pose_error2(pose, e, match, threshold); });
    if (found.cost >= most) return false;
    best = {true, pose, found, best.noise_rad};
    return true;
  };
  Random random(options.seed);
  for (int i = 0; i < options.max_iterations; ++i) {
    const double share = static_cast<double>(best.score.good) / static_cast<double>(matches.size());
    if (i >= kLeastIterations && i > enough(share, 5)) break;
    const auto drawn = sample<5>(random, matches.size());
    std::array<double, 15> ref, cur;
    for (std::size_t n = 0; n < 5; ++n) {
      const Match& match = matches[drawn[n]];
      const std::array<double, 6> both{match.ref.x, match.ref.y, match.ref.z, match.cur.x, match.cur.y, match.cur.z};
      std::copy_n(both.begin(), 3, ref.begin() + static_cast<std::ptrdiff_t>(3 * n));
      std::copy_n(both.begin() + 3, 3, cur.begin() + static_cast<std::ptrdiff_t>(3 * n));
    }
    for (const std::array<double, 9>& entries : five_point(ref.data(), cur.data())) {
      const Mat3 e{entries};
      const Score rough = score(matches, threshold2, best.score.cost,
                                [&](const Match& match) { return epipolar_error2(e, match); });
      if (rough.cost >= best.score.cost) continue;
      const Pose pose = pose_of(e, matches, threshold);
      if (!consider(pose, best.score.cost)) continue;
      consider(refined(pose, matches, threshold, kDuring, best.noise_rad), best.score.cost);
    }
  }
  if (best.found) {
    consider(refined(best.pose, matches, threshold, kAtLast, best.noise_rad), kWorse * best.score.cost);
  }
  return best;
}

// Torr's geometric robust information criterion (IJCV 2002) over the matches that fit either model: the squared errors
// in standard deviations, each capped, and what a model's freedom costs: `dimension` coordinates of every match (of the
// four that were measured), and its parameters.
double criterion(const std::vector<double>& error2, double noise_rad, int dimension, int parameters) {
  const double cap = 2.0 * (4 - dimension), count = static_cast<double>(error2.size());
  double sum = 0;
  for (const double error : error2) sum += std::min(error / (noise_rad * noise_rad), cap);
  return sum + std::log(4.0) * dimension * count + std::log(4 * count) * parameters;
}

bool prefers_rotation(const std::vector<Match>& matches, const RotationFit& rotation, const EpipolarFit& epipolar,
                      double threshold_rad) {
  if (!epipolar.found || epipolar.score.good < kLeastMatches) return true;
  const Mat3 e = essential(epipolar.pose);
  const double threshold2 = threshold_rad * threshold_rad;
  std::vector<double> by_rotation, by_epipolar;
  for (const Match& match : matches) {
    const double first = rotation_error2(rotation.rotation, match);
    const double second = pose_error2(epipolar.pose, e, match, threshold_rad);
    if (first > kPlane * kPlane * threshold2 && second > threshold2) continue;
    by_rotation.push_back(first);
    by_epipolar.push_back(second);
  }
  const double noise = std::max(epipolar.noise_rad, 0.02 * threshold_rad);
  return criterion(by_rotation, noise, 2, 3) <= criterion(by_epipolar, noise, 3, 5);
}

std::vector<Match> matches_of(const RelativeRotationQuery& query) {
  std::vector<Match> matches;
  for (std::size_t i = 0; i < query.matches; ++i) {
    Match match{vec3(query.ref_rays + 3 * i), vec3(query.cur_rays + 3 * i)};
    for (Vec3* ray : {&match.ref, &match.cur}) {
      const double norm = length(*ray);
      if (!(std::abs(norm - 1) < 1e-3)) {
        throw std::invalid_argument("rays must have length 1; one of match " + std::to_string(i) + " has " +
                                    std::to_string(norm));
      }
      *ray = 1 / norm * *ray;
    }
    matches.push_back(match);
  }
  return matches;
}

void check(const RelativeRotationQuery& query, const RelativeRotationOptions& options) {
  if (query.matches < kLeastMatches) {
    throw std::invalid_argument("a relative rotation needs at least " + std::to_string(kLeastMatches) +
                                " matches, got " + std::to_string(query.matches));
  }
  if (!(options.threshold_rad > 0 && options.threshold_rad < 1)) {
    throw std::invalid_argument("threshold_rad must be more than 0 and less than 1, got " +
                                std::to_string(options.threshold_rad));
  }
  if (options.max_iterations < 1) {
    throw std::invalid_argument("max_iterations must be 1 or more, got " + std::to_string(options.max_iterations));
  }
}

}  // namespace

RelativeRotation relative_rotation(const RelativeRotationQuery& query, const RelativeRotationOptions& options) {
  check(query, options);
  const std::vector<Match> matches = matches_of(query);
  const RotationFit rotation = fit_rotation(matches, options);
  RelativeRotation result;
  result.inlier.assign(query.matches, false);
  if (!rotation.found) return result;  // no two rays differ enough
  const EpipolarFit epipolar = fit_epipolar(matches, options);
  const double threshold = options.threshold_rad;
  if (prefers_rotation(matches, rotation, epipolar, threshold)) {
    result.model = RelativeModel::kRotation;
    result.cur_from_ref = rotation.rotation.m;
    result.noise_rad = rotation.noise_rad;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      result.inlier[i] = rotation_error2(rotation.rotation, matches[i]) < kPlane * kPlane * threshold * threshold;
    }
  } else {
    result.model = RelativeModel::kEpipolar;
    result.cur_from_ref = epipolar.pose.rotation.m;
    result.direction = {epipolar.pose.direction.x, epipolar.pose.direction.y, epipolar.pose.direction.z};
    result.noise_rad = epipolar.noise_rad;
    const Mat3 e = essential(epipolar.pose);
    for (std::size_t i = 0; i < matches.size(); ++i) {
      result.inlier[i] = pose_error2(epipolar.pose, e, matches[i], threshold) < threshold * threshold;
    }
  }
  const auto good = std::count(result.inlier.begin(), result.inlier.end(), true);
  result.inlier_ratio = static_cast<double>(good) / static_cast<double>(matches.size());
  return result;
}

}  // namespace vstab
