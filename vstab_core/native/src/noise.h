// The noise that the errors of a robust fit show.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace vstab {

constexpr double kCauchy = 2.385;  // Cauchy's scale in standard deviations: 95 % as efficient as least squares

// The standard deviation of errors whose magnitudes are given, by their median; not below a fiftieth of the threshold.
inline double noise_of(std::vector<double>& errors, double threshold) {
  const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return std::max(1.4826 * *middle, 0.02 * threshold);
}

}  // namespace vstab
