#include "clip_store.h"

#include <system_error>

#include "source_frame.h"

namespace vstab::ofx {
namespace {

std::shared_ptr<const Clip> read(const std::string& path) {
  Sidecar sidecar = read_for_playback(path);
  try {
    const PlaybackSettings settings = playback_settings(sidecar);
    const bool even = is_even(sidecar);
    return std::make_shared<const Clip>(Clip{path, std::move(sidecar), settings, even});
  } catch (const Refusal& refusal) {
    throw Refusal{refusal.notice, "'" + path + "': " + refusal.log};
  }
}

}  // namespace

std::shared_ptr<const Clip> ClipStore::open(const std::string& path, Kind kind) {
  const auto file = std::filesystem::u8path(path);
  std::error_code missing;
  Stamp stamp;
  stamp.changed = std::filesystem::last_write_time(file, missing);
  if (!missing) stamp.bytes = std::filesystem::file_size(file, missing);
  std::shared_ptr<const Clip> clip;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(path);
    if (found != entries_.end() && !missing && found->second.stamp == stamp) clip = found->second.clip.lock();
  }
  if (!clip) {  // read outside the lock: others render on meanwhile
    clip = read(path);
    const std::lock_guard lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      entry = entry->second.clip.expired() ? entries_.erase(entry) : std::next(entry);
    }
    entries_[path] = {stamp, clip};
  }
  const bool sphere = clip->sidecar.projection == Projection::equirectangular;
  if (sphere != (kind == Kind::sphere)) {
    throw Refusal{sphere ? "vstab: use 360 stabilize" : "vstab: use stabilize",
                  "'" + path + "' is of " + (sphere ? "a 360 clip; use vstab 360 Stabilize" : "no 360 clip; use vstab Stabilize")};
  }
  return clip;
}

}  // namespace vstab::ofx
