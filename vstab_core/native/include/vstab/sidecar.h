// The sidecar file `clip.vstab`: the measured camera motion of a clip, the parameters, and the warp of every frame.
//
// docs/sidecar-format.md gives every byte. Frames are found by time, never by number: hosts trim, retime and drop.
// Nothing here keeps state or a file open; a Sidecar may be read from several threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vstab/grid.h"

namespace vstab {

constexpr int kSidecarMajor = 1;  // a reader refuses another one
constexpr int kSidecarMinor = 2;  // a higher one only adds chunks

constexpr std::uint32_t kMaxSidecarFrames = 1u << 24;  // 77 hours at 60 frames a second
constexpr std::uint32_t kMaxMeshVertices = 64;         // a side

// A mesh of offsets per frame, normalised; empty where a file has none.
struct MeshTrack {
  std::uint32_t rows = 0;  // vertices
  std::uint32_t cols = 0;
  std::vector<float> offsets;  // frames * rows * cols * 2, (dx, dy)
};

// What `analyze` measured. Convention: `cur_from_prev` displacements, as CameraMotion in vstab_core/types.py.
struct MotionData {
  double readout_ratio = 0;
  std::vector<double> corners;    // frames * 4 * 2, normalised
  std::vector<float> confidence;  // frames, 0..1
  std::vector<std::uint8_t> cut;  // frames, 0 or 1; 1 at frame 0
  MeshTrack mesh;                 // empty where all offsets are zero
};

// What `analyze` measured of a 360 clip. Convention: as RotationMotion in vstab_core/types.py.
struct RotationData {
  std::vector<double> world_from_cam;   // frames * 4, unit quaternions w x y z
  std::vector<float> confidence;        // frames, 0..1
  std::vector<std::uint8_t> cut;        // frames, 0 or 1; 1 at frame 0
  std::vector<std::uint8_t> key_frame;  // frames, 0 or 1
  std::vector<float> up;                // frames x 3, unit, in the world
  std::vector<float> travel;            // frames x 3, unit or zero, in the world
  std::vector<float> local;             // frames * 18, radians; empty where all are zero
};

// What `smooth` solved: backward maps, as WarpTrack in vstab_core/types.py.
struct WarpData {
  std::vector<double> src_from_dst;  // frames * 9, row major
  std::vector<double> crop;          // frames
  MeshTrack mesh;                    // rectilinear only
  std::vector<float> local;          // frames * 18, radians, equirectangular only; empty: none
};

struct Sidecar {
  std::string writer;       // version of vstab that wrote the file
  std::string fingerprint;  // of the source file's content
  std::string source_name;  // its name without a directory
  std::string parameters;   // lines "name=value"
  std::uint32_t width = 0, height = 0;
  double aspect = 0;  // display height / display width
  std::int32_t time_base_num = 1, time_base_den = 1;
  Projection projection = Projection::rectilinear;
  std::vector<std::int64_t> pts;  // ticks, strictly increasing
  std::optional<MotionData> motion;      // rectilinear only
  std::optional<RotationData> rotation;  // equirectangular only
  std::optional<WarpData> warps;
  std::vector<float> speed;  // frames, see CameraMotion and RotationMotion; empty: not measured

  std::size_t frames() const { return pts.size(); }

  // Seconds of a frame of this sidecar.
  double time_s(std::size_t frame) const;

  // The frame nearest to a time in seconds, the later one of two equally near. None where the time lies before the
  // first or after the last frame by more than half of the interval beside that frame (half a second for a single
  // frame); 0.2 % more is let pass, for hosts round their times. None for a time that is not a number.
  std::optional<std::size_t> find_frame(double time_s) const;

  // Throws std::invalid_argument without warps or for a frame that is not there.
  FrameWarp warp(std::size_t frame) const;
};

// Throw std::runtime_error that says what is wrong with the bytes; reading a file, also std::system_error (which is a
// std::runtime_error) with the system's code. What is returned has passed every check of docs/sidecar-format.md.
// Memory: a length is compared with the bytes that are there before anything is allocated for it.
Sidecar parse_sidecar(const std::uint8_t* data, std::size_t size);
Sidecar read_sidecar(const std::filesystem::path& path);

// Throw std::invalid_argument where the reader would refuse the result. `write_sidecar` lets the file appear under its
// name only when it is complete, and throws std::system_error where it cannot be written; nothing is left then.
// Known limit: the standard library cannot flush to the disk, so a power cut right after it may still lose the file.
std::vector<std::uint8_t> format_sidecar(const Sidecar& sidecar);
void write_sidecar(const std::filesystem::path& path, const Sidecar& sidecar);

}  // namespace vstab
