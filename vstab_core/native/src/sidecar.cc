#include "vstab/sidecar.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>

#include "sidecar_bytes.h"

namespace vstab {
namespace {

constexpr char kMagic[] = "VSTAB\x1A\r\n";  // like PNG's: shows a transfer that changed line ends
constexpr std::size_t kMagicSize = 8;
constexpr std::uint32_t kMaxMeshVertices = 64;  // a side

[[noreturn]] void fail(const std::string& message) { throw std::runtime_error(message); }

template <class T>
void check_finite(const std::vector<T>& values, const char* what) {
  if (!std::all_of(values.begin(), values.end(), [](T v) { return std::isfinite(v); })) {
    fail(std::string(what) + " holds a value that is not a number or infinite");
  }
}

// A tag as it may stand in a message: bytes of a damaged file need not be text.
std::string printable(std::string tag) {
  for (char& c : tag) {
    if (c < ' ' || c > '~') c = '?';
  }
  return tag;
}

void read_head(ByteReader in, Sidecar& sidecar, std::size_t& frames) {
  sidecar.width = in.number<std::uint32_t>();
  sidecar.height = in.number<std::uint32_t>();
  sidecar.aspect = in.number<double>();
  sidecar.time_base_num = in.number<std::int32_t>();
  sidecar.time_base_den = in.number<std::int32_t>();
  const auto projection = in.number<std::uint32_t>();
  frames = in.number<std::uint32_t>();
  sidecar.fingerprint = in.text(in.number<std::uint32_t>());
  sidecar.source_name = in.text(in.number<std::uint32_t>());
  sidecar.writer = in.text(in.number<std::uint32_t>());
  in.end();
  if (sidecar.width == 0 || sidecar.height == 0) fail("frame size is zero");
  if (!std::isfinite(sidecar.aspect) || sidecar.aspect <= 0) fail("aspect is not a positive number");
  if (sidecar.time_base_num <= 0 || sidecar.time_base_den <= 0) fail("time base is not positive");
  if (projection != 0) fail("projection " + std::to_string(projection) + " is unknown; update vstab");
  if (frames == 0) fail("there are no frames");
}

void read_times(ByteReader in, Sidecar& sidecar, std::size_t frames) {
  sidecar.pts = in.numbers<std::int64_t>(frames);
  in.end();
  for (std::size_t i = 1; i < frames; ++i) {
    if (sidecar.pts[i] <= sidecar.pts[i - 1]) fail("times do not increase at frame " + std::to_string(i));
  }
}

MeshTrack read_mesh(ByteReader in, std::size_t frames) {
  MeshTrack mesh;
  mesh.rows = in.number<std::uint32_t>();
  mesh.cols = in.number<std::uint32_t>();
  if (std::min(mesh.rows, mesh.cols) < 2 || std::max(mesh.rows, mesh.cols) > kMaxMeshVertices) {
    fail("mesh of " + std::to_string(mesh.rows) + " x " + std::to_string(mesh.cols) + " vertices; 2 to 64 are allowed");
  }
  mesh.offsets = in.numbers<float>(frames * mesh.rows * mesh.cols * 2);
  in.end();
  check_finite(mesh.offsets, "the mesh");
  return mesh;
}

void read_motion(ByteReader in, MotionData& motion, std::size_t frames) {
  motion.readout_ratio = in.number<double>();
  motion.corners = in.numbers<double>(frames * 8);
  motion.confidence = in.numbers<float>(frames);
  motion.cut = in.numbers<std::uint8_t>(frames);
  in.end();
  check_finite(motion.corners, "the motion");
  check_finite(motion.confidence, "the confidence");
  if (!std::isfinite(motion.readout_ratio)) fail("the read-out ratio is not a number");
  if (motion.cut[0] != 1 || std::any_of(motion.cut.begin(), motion.cut.end(), [](auto c) { return c > 1; })) {
    fail("the cuts are not 0 or 1 with a 1 at the first frame");
  }
}

void read_warps(ByteReader in, WarpData& warps, std::size_t frames) {
  warps.src_from_dst = in.numbers<double>(frames * 9);
  warps.crop = in.numbers<double>(frames);
  in.end();
  check_finite(warps.src_from_dst, "a warp");
  check_finite(warps.crop, "the crop");
}

void write_chunk(ByteWriter& out, const char* tag, const ByteWriter& payload) {
  out.text(tag);
  out.number(crc32(payload.bytes.data(), payload.bytes.size()));
  out.number(static_cast<std::uint64_t>(payload.bytes.size()));
  out.bytes.insert(out.bytes.end(), payload.bytes.begin(), payload.bytes.end());
}

void write_mesh(ByteWriter& out, const char* tag, const MeshTrack& mesh) {
  if (mesh.offsets.empty()) return;
  ByteWriter payload;
  payload.number(mesh.rows);
  payload.number(mesh.cols);
  payload.numbers(mesh.offsets);
  write_chunk(out, tag, payload);
}

void expect(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("sidecar: ") + what);
}

void check_mesh(const MeshTrack& mesh, std::size_t frames) {
  expect(mesh.offsets.empty() || mesh.offsets.size() == frames * mesh.rows * mesh.cols * 2,
         "a mesh does not have one grid a frame");
}

}  // namespace

std::optional<std::size_t> Sidecar::find_frame(double time_s) const {
  if (pts.empty() || !std::isfinite(time_s)) return std::nullopt;
  const double tick = static_cast<double>(time_base_num) / time_base_den;
  const auto seconds = [&](std::size_t i) { return static_cast<double>(pts[i]) * tick; };
  const std::size_t last = pts.size() - 1;
  const double first_half = last > 0 ? 0.5 * (seconds(1) - seconds(0)) : 0.5;
  const double last_half = last > 0 ? 0.5 * (seconds(last) - seconds(last - 1)) : 0.5;
  // A host's time is rounded: half an interval and a thousandth of it still belong to the frame.
  if (time_s < seconds(0) - 1.002 * first_half || time_s > seconds(last) + 1.002 * last_half) return std::nullopt;
  std::size_t low = 0, high = last;
  while (low < high) {  // the first frame not before the time
    const std::size_t middle = (low + high) / 2;
    if (seconds(middle) < time_s) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low > 0 && time_s - seconds(low - 1) < seconds(low) - time_s ? low - 1 : low;
}

FrameWarp Sidecar::warp(std::size_t frame) const {
  if (!warps || frame >= pts.size()) throw std::out_of_range("sidecar has no warp for frame " + std::to_string(frame));
  FrameWarp result;
  result.projection = projection;
  result.aspect = aspect;
  std::copy_n(warps->src_from_dst.begin() + static_cast<std::ptrdiff_t>(9 * frame), 9, result.src_from_dst);
  if (!warps->mesh.offsets.empty()) {
    const std::size_t size = std::size_t{2} * warps->mesh.rows * warps->mesh.cols;
    const auto begin = warps->mesh.offsets.begin() + static_cast<std::ptrdiff_t>(size * frame);
    result.mesh_rows = static_cast<int>(warps->mesh.rows) - 1;
    result.mesh_cols = static_cast<int>(warps->mesh.cols) - 1;
    result.mesh.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
  }
  return result;
}

Sidecar parse_sidecar(const std::uint8_t* data, std::size_t size) {
  if (size < kMagicSize || std::memcmp(data, kMagic, kMagicSize) != 0) fail("this is no vstab sidecar");
  ByteReader in(data + kMagicSize, size - kMagicSize, "the file");
  const auto major = in.number<std::uint16_t>();
  const auto minor = in.number<std::uint16_t>();
  if (major != kSidecarMajor) {
    fail("sidecar version is " + std::to_string(major) + "." + std::to_string(minor) + ", this program reads " +
         std::to_string(kSidecarMajor) + ".x; update vstab or run `vstab analyze` again");
  }
  Sidecar sidecar;
  MotionData motion;
  WarpData warps;
  std::size_t frames = 0;
  std::set<std::string> seen;
  while (seen.count("END ") == 0) {
    const std::string tag = in.text(4);
    const auto crc = in.number<std::uint32_t>();
    const auto length = in.number<std::uint64_t>();
    if (length > in.left()) fail("the file is truncated");
    const std::uint8_t* payload = in.skip(static_cast<std::size_t>(length));
    const std::string name = "chunk " + printable(tag);
    if (crc32(payload, static_cast<std::size_t>(length)) != crc) fail(name + " is damaged: its checksum differs");
    if (!seen.insert(tag).second) fail(name + " stands twice");
    if (tag != "HEAD" && seen.count("HEAD") == 0) fail(name + " stands before chunk HEAD");
    ByteReader chunk(payload, static_cast<std::size_t>(length), name);
    if (tag == "HEAD") read_head(chunk, sidecar, frames);
    if (tag == "TIME") read_times(chunk, sidecar, frames);
    if (tag == "PARM") sidecar.parameters = chunk.text(chunk.left());
    if (tag == "MOTN") read_motion(chunk, motion, frames);
    if (tag == "MMSH") motion.mesh = read_mesh(chunk, frames);
    if (tag == "WARP") read_warps(chunk, warps, frames);
    if (tag == "WMSH") warps.mesh = read_mesh(chunk, frames);
  }
  in.end();
  if (seen.count("TIME") == 0) fail("chunk TIME is missing");
  if (seen.count("MOTN") != 0) sidecar.motion = std::move(motion);
  if (seen.count("WARP") != 0) sidecar.warps = std::move(warps);
  return sidecar;
}

Sidecar read_sidecar(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("it cannot be opened");
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return parse_sidecar(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::vector<std::uint8_t> format_sidecar(const Sidecar& sidecar) {
  const std::size_t frames = sidecar.pts.size();
  expect(frames > 0 && frames <= UINT32_MAX, "there must be at least one frame");
  ByteWriter out;
  out.bytes.assign(kMagic, kMagic + kMagicSize);
  out.number(static_cast<std::uint16_t>(kSidecarMajor));
  out.number(static_cast<std::uint16_t>(kSidecarMinor));

  ByteWriter head;
  head.number(sidecar.width);
  head.number(sidecar.height);
  head.number(sidecar.aspect);
  head.number(sidecar.time_base_num);
  head.number(sidecar.time_base_den);
  head.number(static_cast<std::uint32_t>(sidecar.projection));
  head.number(static_cast<std::uint32_t>(frames));
  head.sized_text(sidecar.fingerprint);
  head.sized_text(sidecar.source_name);
  head.sized_text(sidecar.writer);
  write_chunk(out, "HEAD", head);

  ByteWriter times;
  times.numbers(sidecar.pts);
  write_chunk(out, "TIME", times);

  if (!sidecar.parameters.empty()) {
    ByteWriter parameters;
    parameters.text(sidecar.parameters);
    write_chunk(out, "PARM", parameters);
  }
  if (sidecar.motion) {
    const MotionData& motion = *sidecar.motion;
    expect(motion.corners.size() == frames * 8 && motion.confidence.size() == frames && motion.cut.size() == frames,
           "the motion does not have one entry a frame");
    check_mesh(motion.mesh, frames);
    ByteWriter payload;
    payload.number(motion.readout_ratio);
    payload.numbers(motion.corners);
    payload.numbers(motion.confidence);
    payload.numbers(motion.cut);
    write_chunk(out, "MOTN", payload);
    write_mesh(out, "MMSH", motion.mesh);
  }
  if (sidecar.warps) {
    const WarpData& warps = *sidecar.warps;
    expect(warps.src_from_dst.size() == frames * 9 && warps.crop.size() == frames,
           "the warps do not have one entry a frame");
    check_mesh(warps.mesh, frames);
    ByteWriter payload;
    payload.numbers(warps.src_from_dst);
    payload.numbers(warps.crop);
    write_chunk(out, "WARP", payload);
    write_mesh(out, "WMSH", warps.mesh);
  }
  write_chunk(out, "END ", ByteWriter());
  // What cannot be read back must not be written: the reader's checks are the writer's.
  parse_sidecar(out.bytes.data(), out.bytes.size());
  return std::move(out.bytes);
}

}  // namespace vstab
