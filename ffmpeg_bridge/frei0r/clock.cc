#include "clock.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace vstab::frei0r {
namespace {

constexpr int kMaxVotes = 3;  // so many mistakes in a row are needed to lose a unit that is known
// ffmpeg passes the file's own timestamps, exact but for rounding; so near to a frame, as a share of the interval, a
// time in seconds comes to lie by chance once in 2500 times.
constexpr double kExact = 2e-4;
constexpr double kStill = 0.1;  // of an interval: no host steps through a clip in smaller steps
constexpr double kSoundAhead = 0.1;  // s: what encoders put before the first sample; AAC 21 to 48 ms, Opus 7
constexpr double kStride = 3;   // intervals: what a host that plays skips at most

// ffmpeg copies a picture whose lines it has padded, and forgets the copy's time: AV_NOPTS_VALUE, -2^63, times the time
// base. No clip's time is as low; with the finest time base, 1 ns, it is -9.2e12 ms.
constexpr double kNoTime = -1e12;

double median_interval(const Sidecar& sidecar) {
  if (sidecar.frames() < 2) return 1;  // as Sidecar::find_frame, which takes half a second to either side
  std::vector<double> intervals(sidecar.frames() - 1);
  for (std::size_t i = 0; i < intervals.size(); ++i) intervals[i] = sidecar.time_s(i + 1) - sidecar.time_s(i);
  const auto middle = intervals.begin() + static_cast<std::ptrdiff_t>(intervals.size() / 2);
  std::nth_element(intervals.begin(), middle, intervals.end());
  return *middle;
}

}  // namespace

Clock::Clock(const Sidecar& sidecar)
    : start_s_(sidecar.time_s(0)), end_s_(sidecar.time_s(sidecar.frames() - 1)), interval_s_(median_interval(sidecar)) {
  const std::size_t last = sidecar.frames() - 1;
  half_first_ = last > 0 ? 0.5 * (sidecar.time_s(1) - start_s_) : 0.5;
  half_last_ = last > 0 ? 0.5 * (end_s_ - sidecar.time_s(last - 1)) : 0.5;
}

bool Clock::is_lost(double host_time) { return host_time < kNoTime; }

std::optional<std::size_t> Clock::find(const Sidecar& sidecar, double host_time, double trimmed_s, bool parameters_set) {
  if (!std::isfinite(host_time)) return std::nullopt;
  if (is_lost(host_time)) {
    const std::size_t frame = counted_++;
    return frame < sidecar.frames() ? std::optional(frame) : std::nullopt;
  }
  if (trimmed_s != 0) {
    removed_s_ = start_s_ + trimmed_s;
  } else if (!previous_) {
    removed_s_ = removed_start(sidecar, host_time / 1000);
  }
  votes_ = std::clamp(votes_ + vote(sidecar, host_time, parameters_set), -kMaxVotes, kMaxVotes);
  const bool ms = votes_ > 0 || (votes_ == 0 && looks_like_ms(sidecar, host_time));
  previous_ = host_time;
  // Hosts that pass seconds count them from the start of the clip.
  return sidecar.find_frame(ms ? clip_time_of_ms(host_time) : start_s_ + trimmed_s + host_time);
}

// What a time says about its unit: 1 milliseconds, -1 seconds, 0 nothing.
int Clock::vote(const Sidecar& sidecar, double host_time, bool parameters_set) const {
  const bool set_again = previous_ && parameters_set;
  const double step = std::abs(host_time - previous_.value_or(0));
  if (step == 0) return set_again ? -1 : 0;
  const double s = host_time / 1000;
  const bool far = std::abs(host_time) >= 0.9 * interval_s_;  // the first frame is exact in either unit
  if (far && (is_frame(sidecar, s, kExact) || is_frame(sidecar, start_s_ + s, kExact) ||
              (previous_ && is_frame(sidecar, clip_time_of_ms(host_time), kExact)))) {
    return 1;
  }
  if (set_again || step / 1000 < kStill * interval_s_) return -1;
  const double clip_time = clip_time_of_ms(host_time);
  const bool within_ms = clip_time >= start_s_ - half_first_ && clip_time <= end_s_ + half_last_;
  return within_ms && s >= 0.5 * interval_s_ && host_time > end_s_ - start_s_ + half_last_ ? 1 : 0;
}

// The guess where no time so far has said anything.
bool Clock::looks_like_ms(const Sidecar& sidecar, double host_time) const {
  if (previous_) {
    const double step_frames = std::abs(host_time - *previous_) / (1000 * interval_s_);
    if (step_frames >= kStill && step_frames <= kStride) return true;
  } else if (removed_s_ != 0 && host_time > 0) {
    // The first picture of a file whose sound begins elsewhere, unless an editor asks for just this frame. Whole
    // milliseconds, as Matroska has them, are such a sound's; they also are a frame of most clips in seconds.
    const bool of_sound = host_time < 1000 * kSoundAhead / 2 && host_time == std::floor(host_time);
    if (of_sound || !is_frame(sidecar, start_s_ + host_time, 10 * kExact)) return true;
  }
  return host_time > end_s_ - start_s_ + half_last_;
}

// ffmpeg passes the clip's own time, or what is left of it when the file's start was removed. Then the first picture is
// the clip's first frame: at its time; before it, where the start is above 0; or a little after it, where the sound
// begins below 0 (AAC and Opus in Matroska).
double Clock::removed_start(const Sidecar& sidecar, double first_s) const {
  if (first_s < std::min(0.0, start_s_) - half_first_) return 0;
  const bool is_start = first_s < start_s_ + half_first_ || std::abs(first_s) <= half_first_ ||
                        (first_s < start_s_ + kSoundAhead && !is_frame(sidecar, first_s, kExact));
  return is_start ? start_s_ - first_s : 0;
}

bool Clock::is_frame(const Sidecar& sidecar, double time_s, double tolerance) const {
  const auto frame = sidecar.find_frame(time_s);
  return frame && std::abs(sidecar.time_s(*frame) - time_s) <= tolerance * interval_s_;
}

}  // namespace vstab::frei0r
