// The chunks of a sidecar, as docs/sidecar-format.md gives them.
#include "sidecar_chunks.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <limits>
#include <set>
#include <stdexcept>

#include "sidecar_bytes.h"

namespace vstab {
namespace {

constexpr char kMagic[] = "VSTAB\x1A\r\n";  // like PNG's: shows a transfer that changed line ends
constexpr std::size_t kMagicSize = 8;
constexpr std::size_t kPrologSize = 16;       // magic, version, checksum
constexpr std::size_t kChunkHeaderSize = 16;  // tag, length, checksum
constexpr std::size_t kUnderChecksum = 12;    // bytes of either that their checksum covers

constexpr const char* kKnown[] = {"HEAD", "TIME", "PARM", "MOTN", "MMSH", "ROTN", "RLOC", "SPED",
                                   "WARP", "WMSH", "WLOC", "END "};

[[noreturn]] void fail(const std::string& message) { throw std::runtime_error(message); }

const std::uint8_t* take(ByteSource& source, std::uint64_t size, const std::string& what) {
  if (size > source.left() || size > std::numeric_limits<std::size_t>::max()) {
    fail(what + " is truncated: " + std::to_string(size) + " bytes should follow, " + std::to_string(source.left()) +
         " do");
  }
  return source.take(static_cast<std::size_t>(size));
}

void read_prolog(ByteSource& source) {
  if (source.left() == 0) fail("the file is empty");
  const std::size_t present = static_cast<std::size_t>(std::min<std::uint64_t>(source.left(), kPrologSize));
  const std::uint8_t* bytes = source.take(present);
  if (std::memcmp(bytes, kMagic, std::min(present, kMagicSize)) != 0) fail("it is not a vstab sidecar");
  if (present < kPrologSize) fail("the file is truncated: it ends inside its first 16 bytes");
  ByteReader in(bytes + kMagicSize, kPrologSize - kMagicSize, "the first 16 bytes");
  const auto major = in.number<std::uint16_t>();
  const auto minor = in.number<std::uint16_t>();
  if (major != kSidecarMajor) {  // before the checksum, which another version may keep elsewhere
    fail("sidecar version is " + std::to_string(major) + "." + std::to_string(minor) + ", this program reads " +
         std::to_string(kSidecarMajor) + ".x; " + (major > kSidecarMajor ? "update vstab or " : "") +
         "run `vstab analyze` again");
  }
  if (in.number<std::uint32_t>() != crc32(bytes, kUnderChecksum)) fail("the header is damaged: its checksum differs");
}

struct ChunkHeader {
  std::string tag;
  std::uint64_t length = 0;
  std::uint32_t crc = 0;         // of the whole chunk, as stored
  std::uint32_t crc_so_far = 0;  // of tag and length, as read
};

ChunkHeader read_chunk_header(ByteSource& source) {
  const std::uint8_t* bytes = take(source, kChunkHeaderSize, "the file");
  ByteReader in(bytes, kChunkHeaderSize, "a chunk");
  ChunkHeader header;
  header.tag = in.text(4);
  header.length = in.number<std::uint64_t>();
  header.crc = in.number<std::uint32_t>();
  header.crc_so_far = crc32(bytes, kUnderChecksum);
  const auto allowed = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' '; };
  if (!std::all_of(header.tag.begin(), header.tag.end(), allowed)) {
    fail("the file is damaged: no chunk where one should begin");
  }
  return header;
}

std::uint32_t read_head(ByteReader& in, Sidecar& sidecar) {
  sidecar.width = in.number<std::uint32_t>();
  sidecar.height = in.number<std::uint32_t>();
  sidecar.aspect = in.number<double>();
  sidecar.time_base_num = in.number<std::int32_t>();
  sidecar.time_base_den = in.number<std::int32_t>();
  const auto projection = in.number<std::uint32_t>();
  const auto frames = in.number<std::uint32_t>();
  sidecar.fingerprint = in.text(in.number<std::uint32_t>());
  sidecar.source_name = in.text(in.number<std::uint32_t>());
  sidecar.writer = in.text(in.number<std::uint32_t>());
  if (projection > 1) {
    fail("projection " + std::to_string(projection) +
         " is unknown to this program; update vstab or run `vstab analyze` again");
  }
  sidecar.projection = projection == 0 ? Projection::rectilinear : Projection::equirectangular;
  return frames;
}

void read_motion(ByteReader& in, MotionData& motion, std::uint64_t frames) {
  motion.readout_ratio = in.number<double>();
  motion.corners = in.numbers<double>(frames * 8);
  motion.confidence = in.numbers<float>(frames);
  motion.cut = in.numbers<std::uint8_t>(frames);
}

void read_rotation(ByteReader& in, RotationData& rotation, std::uint64_t frames) {
  rotation.world_from_cam = in.numbers<double>(frames * 4);
  rotation.confidence = in.numbers<float>(frames);
  rotation.cut = in.numbers<std::uint8_t>(frames);
  rotation.key_frame = in.numbers<std::uint8_t>(frames);
  rotation.up = in.numbers<float>(frames * 3);
  rotation.travel = in.numbers<float>(frames * 3);
}

void read_warps(ByteReader& in, WarpData& warps, std::uint64_t frames) {
  warps.src_from_dst = in.numbers<double>(frames * 9);
  warps.crop = in.numbers<double>(frames);
}

void read_mesh(ByteReader& in, MeshTrack& mesh, std::uint64_t frames) {
  mesh.rows = in.number<std::uint32_t>();
  mesh.cols = in.number<std::uint32_t>();
  if (std::max(mesh.rows, mesh.cols) > kMaxMeshVertices || std::min(mesh.rows, mesh.cols) == 0) {
    fail("a mesh has " + std::to_string(mesh.rows) + " x " + std::to_string(mesh.cols) + " vertices; 2 to " +
         std::to_string(kMaxMeshVertices) + " a side are allowed");  // else the product below could overflow
  }
  mesh.offsets = in.numbers<float>(frames * mesh.rows * mesh.cols * 2);
}

// Refuses chunks that stand where the ones they need have not been.
void check_order(const std::string& tag, const std::set<std::string>& seen) {
  const auto need = [&](const char* before) {
    if (seen.count(before) == 0) fail("chunk " + tag + " stands before chunk " + before + ", or without it");
  };
  if (tag != "HEAD") need("HEAD");
  if (tag != "HEAD" && tag != "TIME") need("TIME");
  if (tag == "MMSH") need("MOTN");
  if (tag == "RLOC") need("ROTN");
  if (tag == "SPED" && seen.count("MOTN") == 0) need("ROTN");
  if (tag == "WMSH" || tag == "WLOC") need("WARP");
  if (seen.count(tag) != 0) fail("chunk " + tag + " stands twice");
}

void write_chunk(const ByteSink& sink, const char* tag, const ByteWriter& payload) {
  ByteWriter header;
  header.text(tag);
  header.number(static_cast<std::uint64_t>(payload.bytes.size()));
  const std::uint32_t crc = crc32(header.bytes.data(), header.bytes.size());
  header.number(crc32(payload.bytes.data(), payload.bytes.size(), crc));
  sink(header.bytes.data(), header.bytes.size());
  sink(payload.bytes.data(), payload.bytes.size());
}

bool all_zero(const std::vector<float>& values) {
  // By bits: -0.0 would not come back as it was.
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(values.data());
  return std::all_of(bytes, bytes + values.size() * sizeof(float), [](std::uint8_t byte) { return byte == 0; });
}

void write_mesh(const ByteSink& sink, const char* tag, const MeshTrack& mesh) {
  if (mesh.offsets.empty()) return;
  ByteWriter payload;
  payload.number(mesh.rows);
  payload.number(mesh.cols);
  payload.numbers(mesh.offsets);
  write_chunk(sink, tag, payload);
}

void write_local(const ByteSink& sink, const char* tag, const std::vector<float>& local) {
  if (local.empty() || all_zero(local)) return;
  ByteWriter payload;
  payload.numbers(local);
  write_chunk(sink, tag, payload);
}

}  // namespace

Sidecar read_chunks(ByteSource& source) {
  read_prolog(source);
  Sidecar sidecar;
  std::uint64_t frames = 0;
  std::set<std::string> seen;
  while (seen.count("END ") == 0) {
    const ChunkHeader header = read_chunk_header(source);
    const std::string& tag = header.tag;
    const std::uint8_t* payload = take(source, header.length, "chunk " + tag);
    const auto length = static_cast<std::size_t>(header.length);
    if (crc32(payload, length, header.crc_so_far) != header.crc) {
      fail("chunk " + tag + " is damaged: its checksum differs");
    }
    if (std::find(std::begin(kKnown), std::end(kKnown), tag) == std::end(kKnown)) continue;  // a higher minor version's
    check_order(tag, seen);
    seen.insert(tag);
    ByteReader in(payload, length, "chunk " + tag);
    if (tag == "HEAD") frames = read_head(in, sidecar);
    if (tag == "TIME") sidecar.pts = in.numbers<std::int64_t>(frames);
    if (tag == "PARM") sidecar.parameters = in.text(in.left());
    if (tag == "MOTN") read_motion(in, sidecar.motion.emplace(), frames);
    if (tag == "MMSH") read_mesh(in, sidecar.motion->mesh, frames);
    if (tag == "ROTN") read_rotation(in, sidecar.rotation.emplace(), frames);
    if (tag == "RLOC") sidecar.rotation->local = in.numbers<float>(frames * 18);
    if (tag == "SPED") sidecar.speed = in.numbers<float>(frames);
    if (tag == "WARP") read_warps(in, sidecar.warps.emplace(), frames);
    if (tag == "WMSH") read_mesh(in, sidecar.warps->mesh, frames);
    if (tag == "WLOC") sidecar.warps->local = in.numbers<float>(frames * 18);
    in.end();
  }
  if (source.left() != 0) fail("the file goes on after its end, for " + std::to_string(source.left()) + " bytes");
  const std::string problem = problem_of(sidecar);
  if (!problem.empty()) fail(problem);
  return sidecar;
}

void write_chunks(const Sidecar& sidecar, const ByteSink& sink) {
  const std::string problem = problem_of(sidecar);
  if (!problem.empty()) throw std::invalid_argument(problem);

  ByteWriter prolog;
  prolog.bytes.assign(kMagic, kMagic + kMagicSize);
  prolog.number(static_cast<std::uint16_t>(kSidecarMajor));
  // The lowest version that holds it: an ordinary clip's file needs nothing that came after 1.0.
  const int minor = !sidecar.speed.empty() ? 2 : sidecar.projection == Projection::equirectangular ? 1 : 0;
  prolog.number(static_cast<std::uint16_t>(minor));
  prolog.number(crc32(prolog.bytes.data(), prolog.bytes.size()));
  sink(prolog.bytes.data(), prolog.bytes.size());

  ByteWriter head;
  head.number(sidecar.width);
  head.number(sidecar.height);
  head.number(sidecar.aspect);
  head.number(sidecar.time_base_num);
  head.number(sidecar.time_base_den);
  head.number(static_cast<std::uint32_t>(sidecar.projection));
  head.number(static_cast<std::uint32_t>(sidecar.frames()));
  head.sized_text(sidecar.fingerprint);
  head.sized_text(sidecar.source_name);
  head.sized_text(sidecar.writer);
  write_chunk(sink, "HEAD", head);

  ByteWriter times;
  times.numbers(sidecar.pts);
  write_chunk(sink, "TIME", times);
  if (!sidecar.parameters.empty()) {
    ByteWriter parameters;
    parameters.text(sidecar.parameters);
    write_chunk(sink, "PARM", parameters);
  }
  if (sidecar.motion) {
    ByteWriter motion;
    motion.number(sidecar.motion->readout_ratio);
    motion.numbers(sidecar.motion->corners);
    motion.numbers(sidecar.motion->confidence);
    motion.numbers(sidecar.motion->cut);
    write_chunk(sink, "MOTN", motion);
    if (!all_zero(sidecar.motion->mesh.offsets)) write_mesh(sink, "MMSH", sidecar.motion->mesh);
  }
  if (sidecar.rotation) {
    ByteWriter rotation;
    rotation.numbers(sidecar.rotation->world_from_cam);
    rotation.numbers(sidecar.rotation->confidence);
    rotation.numbers(sidecar.rotation->cut);
    rotation.numbers(sidecar.rotation->key_frame);
    rotation.numbers(sidecar.rotation->up);
    rotation.numbers(sidecar.rotation->travel);
    write_chunk(sink, "ROTN", rotation);
    write_local(sink, "RLOC", sidecar.rotation->local);
  }
  if (!sidecar.speed.empty()) {
    ByteWriter speed;
    speed.numbers(sidecar.speed);
    write_chunk(sink, "SPED", speed);
  }
  if (sidecar.warps) {
    ByteWriter warps;
    warps.numbers(sidecar.warps->src_from_dst);
    warps.numbers(sidecar.warps->crop);
    write_chunk(sink, "WARP", warps);
    write_mesh(sink, "WMSH", sidecar.warps->mesh);
    write_local(sink, "WLOC", sidecar.warps->local);
  }
  write_chunk(sink, "END ", ByteWriter());
}

}  // namespace vstab
