// What a sidecar may hold, and how a host finds a frame in it.
#include "vstab/sidecar.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "sidecar_chunks.h"

namespace vstab {
namespace {

template <class T>
bool all_finite(const std::vector<T>& values) {
  // No early exit, so that it runs on vectors: 0 times anything is 0, but NaN for NaN and the infinities.
  T sum[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= values.size(); i += 8) {
    for (std::size_t k = 0; k < 8; ++k) sum[k] += values[i + k] * T{0};
  }
  for (; i < values.size(); ++i) sum[0] += values[i] * T{0};
  return std::all_of(sum, sum + 8, [](T value) { return value == T{0}; });
}

// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF; and no NUL, which C would end at.
bool is_text(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto at = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    const unsigned lead = at(i);
    const std::size_t more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (lead == 0 || (lead >= 0x80 && lead < 0xC2) || lead > 0xF4) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      if ((at(i + k) & 0xC0) != 0x80) return false;
    }
    const unsigned second = at(i + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return false;
    if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return false;
    i += more + 1;
  }
  return true;
}

std::string head_problem(const Sidecar& sidecar) {
  constexpr std::uint32_t max_side = kMaxSide;
  const auto [low, high] = std::minmax(sidecar.width, sidecar.height);
  if (low < 1 || high > max_side) {
    return "frame size is " + std::to_string(sidecar.width) + "x" + std::to_string(sidecar.height) + "; 1 to " +
           std::to_string(max_side) + " px a side are allowed";
  }
  if (!std::isfinite(sidecar.aspect) || sidecar.aspect <= 0) return "aspect is not a positive number";
  if (sidecar.time_base_num <= 0 || sidecar.time_base_den <= 0) {
    return "time base is " + std::to_string(sidecar.time_base_num) + "/" + std::to_string(sidecar.time_base_den) +
           "; both must be positive";
  }
  if (sidecar.projection != Projection::rectilinear && sidecar.projection != Projection::equirectangular) {
    return "projection " + std::to_string(static_cast<int>(sidecar.projection)) +
           " is unknown to this program; update vstab or run `vstab analyze` again";
  }
  for (const auto* text : {&sidecar.writer, &sidecar.fingerprint, &sidecar.source_name, &sidecar.parameters}) {
    if (text->size() > std::numeric_limits<std::uint32_t>::max()) return "a text is too long";
    if (!is_text(*text)) return "a text is not UTF-8, or holds a NUL";
  }
  if (sidecar.source_name.find('/') != std::string::npos) return "the source's name holds a directory";
  return {};
}

std::string times_problem(const Sidecar& sidecar) {
  const auto& pts = sidecar.pts;
  if (pts.empty()) return "there are no frames";
  if (pts.size() > kMaxSidecarFrames) {
    return "there are " + std::to_string(pts.size()) + " frames; at most " + std::to_string(kMaxSidecarFrames) +
           " are allowed";
  }
  for (std::size_t i = 1; i < pts.size(); ++i) {
    if (pts[i] <= pts[i - 1]) return "times do not increase at frame " + std::to_string(i);
  }
  return {};
}

std::string mesh_problem(const MeshTrack& mesh, std::size_t frames, const std::string& whose) {
  if (mesh.offsets.empty() && mesh.rows == 0 && mesh.cols == 0) return {};  // none; 0 x 5 is a mistake
  const auto [low, high] = std::minmax(mesh.rows, mesh.cols);
  if (low < 2 || high > kMaxMeshVertices) {
    return whose + " mesh has " + std::to_string(mesh.rows) + " x " + std::to_string(mesh.cols) +
           " vertices; 2 to " + std::to_string(kMaxMeshVertices) + " a side are allowed";
  }
  if (mesh.offsets.size() != frames * mesh.rows * mesh.cols * 2) return whose + " mesh does not have one entry a frame";
  if (!all_finite(mesh.offsets)) return whose + " mesh holds a value that is not finite";
  return {};
}

std::string motion_problem(const MotionData& motion, std::size_t frames) {
  if (motion.corners.size() != frames * 8 || motion.confidence.size() != frames || motion.cut.size() != frames) {
    return "the motion does not have one entry a frame";
  }
  if (!std::isfinite(motion.readout_ratio)) return "the read-out ratio is not finite";
  if (!all_finite(motion.corners)) return "the motion holds a value that is not finite";
  if (!all_finite(motion.confidence)) return "the confidence holds a value that is not finite";
  if (motion.cut[0] != 1) return "the first frame does not begin a shot";
  if (*std::max_element(motion.cut.begin(), motion.cut.end()) > 1) return "a cut is neither 0 nor 1";
  return mesh_problem(motion.mesh, frames, "the motion's");
}

std::string local_problem(const std::vector<float>& local, std::size_t frames, const std::string& whose) {
  if (!local.empty() && local.size() != frames * 18) return whose + " local rotations do not have one entry a frame";
  if (!all_finite(local)) return whose + " local rotations hold a value that is not finite";
  return {};
}

std::string rotation_problem(const RotationData& rotation, std::size_t frames) {
  if (rotation.world_from_cam.size() != frames * 4 || rotation.confidence.size() != frames ||
      rotation.cut.size() != frames || rotation.key_frame.size() != frames || rotation.up.size() != frames * 3 ||
      rotation.travel.size() != frames * 3) {
    return "the rotation does not have one entry a frame";
  }
  if (!all_finite(rotation.world_from_cam)) return "the rotation holds a value that is not finite";
  for (std::size_t i = 0; i < frames; ++i) {
    const double* q = rotation.world_from_cam.data() + 4 * i;
    const double length = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
    if (std::abs(length - 1) > 1e-6) return "the rotation of frame " + std::to_string(i) + " is no unit quaternion";
  }
  if (!all_finite(rotation.confidence)) return "the confidence holds a value that is not finite";
  if (rotation.cut[0] != 1) return "the first frame does not begin a shot";
  if (*std::max_element(rotation.cut.begin(), rotation.cut.end()) > 1) return "a cut is neither 0 nor 1";
  if (*std::max_element(rotation.key_frame.begin(), rotation.key_frame.end()) > 1) {
    return "a key frame's mark is neither 0 nor 1";
  }
  if (!all_finite(rotation.up) || !all_finite(rotation.travel)) return "a direction holds a value that is not finite";
  for (std::size_t i = 0; i < frames; ++i) {
    const float* up = rotation.up.data() + 3 * i;
    if (std::abs(up[0] * up[0] + up[1] * up[1] + up[2] * up[2] - 1) > 1e-3f) {
      return "the direction up of frame " + std::to_string(i) + " is no unit vector";
    }
  }
  return local_problem(rotation.local, frames, "the rotation's");
}

std::string warps_problem(const WarpData& warps, std::size_t frames) {
  if (warps.src_from_dst.size() != frames * 9 || warps.crop.size() != frames) {
    return "the warps do not have one entry a frame";
  }
  if (!all_finite(warps.src_from_dst)) return "a warp holds a value that is not finite";
  if (!all_finite(warps.crop)) return "the crop holds a value that is not finite";
  const std::string problem = local_problem(warps.local, frames, "the warps'");
  return problem.empty() ? mesh_problem(warps.mesh, frames, "the warps'") : problem;
}

std::string speed_problem(const Sidecar& sidecar) {
  const auto& speed = sidecar.speed;
  if (speed.empty()) return {};
  if (!sidecar.motion && !sidecar.rotation) return "there is a speed without a motion";
  if (speed.size() != sidecar.frames()) return "the speed does not have one entry a frame";
  if (!all_finite(speed)) return "the speed holds a value that is not finite";
  if (*std::min_element(speed.begin(), speed.end()) < 0) return "the speed holds a negative value";
  return {};
}

// What a clip of one projection has, one of the other has not.
std::string mixture_problem(const Sidecar& sidecar) {
  const bool sphere = sidecar.projection == Projection::equirectangular;
  if (sphere && sidecar.motion) return "a 360 clip has a rotation, not a motion of the picture";
  if (!sphere && sidecar.rotation) return "an ordinary clip has a motion of the picture, not a rotation";
  if (sphere && sidecar.warps && !sidecar.warps->mesh.offsets.empty()) return "the warps of a 360 clip have no mesh";
  if (!sphere && sidecar.warps && !sidecar.warps->local.empty()) return "only the warps of a 360 clip have local rotations";
  return {};
}

}  // namespace

std::string problem_of(const Sidecar& sidecar) {
  std::string problem = head_problem(sidecar);
  if (problem.empty()) problem = times_problem(sidecar);
  if (problem.empty() && !sidecar.motion && !sidecar.rotation && !sidecar.warps) {
    problem = "there is neither motion nor warps";
  }
  if (problem.empty()) problem = mixture_problem(sidecar);
  if (problem.empty() && sidecar.motion) problem = motion_problem(*sidecar.motion, sidecar.frames());
  if (problem.empty() && sidecar.rotation) problem = rotation_problem(*sidecar.rotation, sidecar.frames());
  if (problem.empty()) problem = speed_problem(sidecar);
  if (problem.empty() && sidecar.warps) problem = warps_problem(*sidecar.warps, sidecar.frames());
  return problem;
}

double Sidecar::time_s(std::size_t frame) const {
  return static_cast<double>(pts[frame]) * (static_cast<double>(time_base_num) / time_base_den);
}

std::optional<std::size_t> Sidecar::find_frame(double time) const {
  if (pts.empty() || !std::isfinite(time)) return std::nullopt;
  const std::size_t last = pts.size() - 1;
  const double first_half = last > 0 ? 0.5 * (time_s(1) - time_s(0)) : 0.5;
  const double last_half = last > 0 ? 0.5 * (time_s(last) - time_s(last - 1)) : 0.5;
  if (time < time_s(0) - 1.002 * first_half || time > time_s(last) + 1.002 * last_half) return std::nullopt;
  std::size_t low = 0, high = last;
  while (low < high) {  // the first frame not before the time, or the last frame
    const std::size_t middle = low + (high - low) / 2;
    if (time_s(middle) < time) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low > 0 && time - time_s(low - 1) < time_s(low) - time ? low - 1 : low;
}

FrameWarp Sidecar::warp(std::size_t frame) const {
  if (!warps) throw std::invalid_argument("sidecar holds no warps; run `vstab smooth` on it");
  if (frame >= frames()) {
    throw std::invalid_argument("sidecar has " + std::to_string(frames()) + " frames, asked for frame " +
                                std::to_string(frame) + " (the first is 0)");
  }
  FrameWarp result;
  result.projection = projection;
  result.aspect = aspect;
  std::copy_n(warps->src_from_dst.data() + 9 * frame, 9, result.src_from_dst);
  if (!warps->mesh.offsets.empty()) {
    const std::size_t size = std::size_t{2} * warps->mesh.rows * warps->mesh.cols;
    const float* begin = warps->mesh.offsets.data() + size * frame;
    result.mesh_rows = static_cast<int>(warps->mesh.rows) - 1;
    result.mesh_cols = static_cast<int>(warps->mesh.cols) - 1;
    result.mesh.assign(begin, begin + size);
  }
  if (!warps->local.empty()) {
    const float* begin = warps->local.data() + 18 * frame;
    result.local.assign(begin, begin + 18);
  }
  return result;
}

}  // namespace vstab
