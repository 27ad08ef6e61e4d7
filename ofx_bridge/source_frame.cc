#include "source_frame.h"

#include <cmath>

namespace vstab::ofx {

bool is_even(const Sidecar& sidecar) {
  const std::size_t count = sidecar.frames();
  if (count < 3) return true;
  const double start = sidecar.time_s(0), interval = (sidecar.time_s(count - 1) - start) / static_cast<double>(count - 1);
  for (std::size_t i = 1; i + 1 < count; ++i) {
    if (std::abs(sidecar.time_s(i) - start - static_cast<double>(i) * interval) >= 0.5 * interval) return false;
  }
  return true;
}

double mean_rate(const Sidecar& sidecar) {
  const std::size_t count = sidecar.frames();
  return count < 2 ? 0 : static_cast<double>(count - 1) / (sidecar.time_s(count - 1) - sidecar.time_s(0));
}

std::optional<std::size_t> frame_at(const Sidecar& sidecar, bool even, double number, double rate) {
  constexpr double kRounding = 0.002;  // frames, as Sidecar::find_frame
  if (!std::isfinite(number)) return std::nullopt;
  const auto count = static_cast<double>(sidecar.frames());
  if (even || sidecar.frames() < 2) {
    if (number < -0.5 - kRounding || number > count - 0.5 + kRounding) return std::nullopt;
    return static_cast<std::size_t>(std::fmin(std::fmax(std::floor(number + 0.5), 0.0), count - 1));
  }
  const bool told = std::isfinite(rate) && rate > 0;
  return sidecar.find_frame(sidecar.time_s(0) + number / (told ? rate : mean_rate(sidecar)));
}

}  // namespace vstab::ofx
