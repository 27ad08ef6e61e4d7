// Sidecars, each read once for all the instances that show it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "describe.h"
#include "vstab/playback.h"

namespace vstab::ofx {

struct Clip {
  std::string path;  // of the sidecar
  Sidecar sidecar;
  PlaybackSettings settings;
  bool even;  // see source_frame.h
};

// May be used from several threads.
class ClipStore {
 public:
  // Throws Refusal. A file that was replaced since is read again.
  std::shared_ptr<const Clip> open(const std::string& path, Kind kind);

 private:
  struct Stamp {
    std::filesystem::file_time_type changed{};
    std::uintmax_t bytes = 0;
    bool operator==(const Stamp& other) const { return changed == other.changed && bytes == other.bytes; }
  };
  struct Entry {
    Stamp stamp;
    std::weak_ptr<const Clip> clip;
  };

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace vstab::ofx
