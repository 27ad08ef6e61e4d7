// One use of the filter in a host: its parameters, the sidecar read for it, and the frames it shows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "clock.h"
#include "rgba.h"
#include "vstab/image.h"
#include "vstab/playback.h"
#include "vstab/sidecar.h"

namespace vstab::frei0r {

// Used by one thread at a time; instances share nothing.
class Instance {
 public:
  explicit Instance(Size size);

  // Reads the sidecar where the path, or the file at it, is another one than before.
  void set_path(const std::string& path);
  // For the host to read; lives until the next set_path.
  const std::string& path() const { return path_; }

  // Seconds of the clip's beginning that the host has cut off.
  void set_trimmed(double seconds);
  double trimmed_s() const { return trimmed_s_; }

  // Shows the frame of a time, RGBA without gaps between rows. What keeps it from being stabilized is drawn on it.
  void show(double host_time, const std::uint8_t* in, std::uint8_t* out);

 private:
  struct Loaded {
    Sidecar sidecar;
    PlaybackSettings settings;
    Clock clock;
    Size picture;  // of the clip; less wide than the frame where that was padded
  };
  struct Stamp {  // of a file, to see that it was replaced
    std::filesystem::file_time_type changed{};
    std::uintmax_t bytes = 0;
    bool operator==(const Stamp& other) const { return changed == other.changed && bytes == other.bytes; }
  };

  static std::optional<Stamp> stamp_of(const std::filesystem::path& path);
  std::unique_ptr<Loaded> load(const std::string& path) const;
  Size picture_of(const Sidecar& sidecar) const;
  void refuse(const std::uint8_t* in, std::uint8_t* out);
  void warp(std::size_t frame, const std::uint8_t* in, std::uint8_t* out);
  std::size_t bytes() const;

  Size size_;
  std::string path_;
  double trimmed_s_ = 0;
  std::optional<Stamp> stamp_;
  bool parameters_set_ = false;  // since the last frame
  bool told_ = true;             // whether the refusal was logged
  bool told_counting_ = false;
  Refusal refusal_;
  std::unique_ptr<Loaded> loaded_;
  RgbaPlanes planes_;
};

}  // namespace vstab::frei0r
