#include "settings.h"

#include <algorithm>

namespace vstab::frei0r {
namespace {

// The value of a line "name=value", or what is usual where there is none.
std::string value_of(const std::string& lines, const std::string& name, const std::string& usual) {
  const std::string start = name + "=";
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    if (lines.compare(at, start.size(), start) == 0) return lines.substr(at + start.size(), end - at - start.size());
    at = end + 1;
  }
  return usual;
}

Refusal unknown(const std::string& name, const std::string& value) {
  return {"vstab: " + name + " unknown",
          "the sidecar's " + name + " '" + value + "' is unknown to this plug-in; update it, or run `vstab smooth` again"};
}

}  // namespace

Settings settings_of(const Sidecar& sidecar) {
  Settings settings;
  const std::string& lines = sidecar.parameters;
  const std::string projection = value_of(lines, "projection", "auto");
  if (projection == "vr180" || projection == "cubemap" || projection == "eac") {
    throw Refusal{"vstab: " + projection + " not supported",
                  "this plug-in does not know the projection " + projection + "; use `vstab render`"};
  }
  const std::string filter = value_of(lines, "interpolation", "bicubic");
  if (filter == "bilinear") {
    settings.warp.filter = Filter::bilinear;
  } else if (filter == "lanczos3") {
    settings.warp.filter = Filter::lanczos3;
  } else if (filter != "bicubic") {
    throw unknown("interpolation", filter);
  }
  const std::string border = value_of(lines, "border", "crop");
  if (border == "crop") {
    settings.warp.border = Border::replicate;
  } else if (border == "mirror" || border == "fill") {  // other frames are not at hand to fill from
    settings.warp.border = Border::mirror;
  } else if (border != "black") {
    throw unknown("border", border);
  }
  const std::string stereo = value_of(lines, "stereo", "mono");
  if (stereo == "top-bottom") {
    settings.stereo = Stereo::top_bottom;
  } else if (stereo == "left-right") {
    settings.stereo = Stereo::left_right;
  } else if (stereo != "mono" && stereo != "auto") {
    throw unknown("stereo", stereo);
  }
  return settings;
}

}  // namespace vstab::frei0r
