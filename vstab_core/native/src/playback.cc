#include "vstab/playback.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <system_error>

namespace vstab {
namespace {

Refusal unknown(const std::string& name, const std::string& value) {
  return {"vstab: " + name + " unknown",
          "the sidecar's " + name + " '" + value + "' is unknown to this plug-in; update it, or run `vstab smooth` again"};
}

}  // namespace

Sidecar read_for_playback(const std::string& path) {
  try {
    Sidecar sidecar = read_sidecar(std::filesystem::u8path(path));
    if (sidecar.warps) return sidecar;
  } catch (const std::system_error& error) {
    throw Refusal{"vstab: no sidecar", "cannot read sidecar '" + path + "': " + error.code().message()};
  } catch (const std::bad_alloc&) {
    throw Refusal{"vstab: out of memory", "there is not enough memory for sidecar '" + path + "'"};
  } catch (const std::exception& error) {
    throw Refusal{"vstab: damaged sidecar", "cannot read sidecar '" + path + "': " + error.what()};
  }
  throw Refusal{"vstab: sidecar without warps", "'" + path + "' holds no warps; run `vstab smooth` on it"};
}

std::string parameter_of(const Sidecar& sidecar, const std::string& name, const std::string& usual) {
  const std::string& lines = sidecar.parameters;
  const std::string start = name + "=";
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    if (lines.compare(at, start.size(), start) == 0) return lines.substr(at + start.size(), end - at - start.size());
    at = end + 1;
  }
  return usual;
}

Filter filter_of(const std::string& word) {
  if (word == "auto") return Filter::automatic;
  if (word == "bilinear") return Filter::bilinear;
  if (word == "bicubic") return Filter::bicubic;
  if (word == "lanczos3") return Filter::lanczos3;
  throw unknown("interpolation", word);
}

PlaybackSettings playback_settings(const Sidecar& sidecar) {
  PlaybackSettings settings;
  const std::string projection = parameter_of(sidecar, "projection", "auto");
  if (projection == "vr180" || projection == "cubemap" || projection == "eac") {
    throw Refusal{"vstab: " + projection + " not supported",
                  "this plug-in does not know the projection " + projection + "; use `vstab render`"};
  }
  settings.warp.filter = filter_of(parameter_of(sidecar, "interpolation", "auto"));
  const std::string border = parameter_of(sidecar, "border", "crop");
  if (border == "crop") {
    settings.warp.border = Border::replicate;
  } else if (border == "mirror" || border == "fill") {  // other frames are not at hand to fill from
    settings.warp.border = Border::mirror;
  } else if (border != "black") {
    throw unknown("border", border);
  }
  const std::string stereo = parameter_of(sidecar, "stereo", "mono");
  if (stereo == "top-bottom") {
    settings.stereo = Stereo::top_bottom;
  } else if (stereo == "left-right") {
    settings.stereo = Stereo::left_right;
  } else if (stereo != "mono" && stereo != "auto") {
    throw unknown("stereo", stereo);
  }
  return settings;
}

bool is_identity(const FrameWarp& warp) {
  static constexpr double kIdentity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  const auto zero = [](float value) { return value == 0; };
  return std::equal(kIdentity, kIdentity + 9, warp.src_from_dst) &&
         std::all_of(warp.mesh.begin(), warp.mesh.end(), zero) &&
         std::all_of(warp.local.begin(), warp.local.end(), zero);
}

bool same_shape(Size size, double height_over_width) {
  constexpr double kRounding = 2.0;  // px
  return std::abs(size.height - size.width * height_over_width) <= kRounding * (1 + height_over_width);
}

std::vector<Eye> eyes_of(Size size, Stereo stereo) {
  const int rows = size.height / 2, columns = size.width / 2;
  if (stereo == Stereo::top_bottom && rows > 0) {
    return {{0, 0, {rows, size.width}}, {0, rows, {size.height - rows, size.width}}};
  }
  if (stereo == Stereo::left_right && columns > 0) {
    return {{0, 0, {size.height, columns}}, {columns, 0, {size.height, size.width - columns}}};
  }
  return {{0, 0, size}};
}

}  // namespace vstab
