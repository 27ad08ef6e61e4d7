// The sidecar file `clip.vstab`: the measured camera motion of a clip, the parameters, and the warp of every frame.
//
// docs/sidecar-format.md gives every byte. Frames are found by time, never by number: hosts trim, retime and drop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vstab/grid.h"

namespace vstab {

constexpr int kSidecarMajor = 1;  // a reader refuses a higher one
constexpr int kSidecarMinor = 0;  // a higher one only adds chunks

// A grid of offset vectors per frame; empty where a file has none.
struct MeshTrack {
  std::uint32_t rows = 0;  // vertices
  std::uint32_t cols = 0;
  std::vector<float> offsets;  // frames * rows * cols * 2
};

struct MotionData {
  double readout_ratio = 0;
  std::vector<double> corners;         // frames * 4 * 2
  std::vector<float> confidence;       // frames
  std::vector<std::uint8_t> cut;       // frames, 0 or 1
  MeshTrack mesh;
};

struct WarpData {
  std::vector<double> src_from_dst;  // frames * 9, row major
  std::vector<double> crop;          // frames
  MeshTrack mesh;
};

struct Sidecar {
  std::string writer;       // version of vstab that wrote the file
  std::string fingerprint;  // of the source file's content
  std::string source_name;  // its name without a directory
  std::string parameters;   // lines "name=value", UTF-8
  std::uint32_t width = 0, height = 0;
  double aspect = 0;  // display height / display width
  std::int32_t time_base_num = 1, time_base_den = 1;
  Projection projection = Projection::rectilinear;
  std::vector<std::int64_t> pts;  // ticks, strictly increasing
  std::optional<MotionData> motion;
  std::optional<WarpData> warps;

  // The frame shown nearest to a time in seconds; none where it is further from the first or the last frame than half
  // of the interval beside it (half a second for a single frame).
  std::optional<std::size_t> find_frame(double time_s) const;

  // Throws std::out_of_range without warps or for a frame that is not there.
  FrameWarp warp(std::size_t frame) const;
};

// Throw std::runtime_error that says what is wrong with the file. Nothing is allocated that the file does not hold.
Sidecar parse_sidecar(const std::uint8_t* data, std::size_t size);
Sidecar read_sidecar(const std::string& path);

// Throw std::invalid_argument where the arrays do not fit together.
std::vector<std::uint8_t> format_sidecar(const Sidecar& sidecar);

}  // namespace vstab
