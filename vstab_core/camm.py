"""Camera orientations as a CAMM track in an mp4 or mov file: written and read back.

CAMM (developers.google.com/streetview/publish/camm-spec) keeps one packet a sample, little-endian: uint16 0, uint16
type, payload. Type 0 is an orientation, three float32. Players for VR180 turn the picture by it, others read it as
telemetry.

Convention:
    An orientation is a rotation vector (axis times angle, radians) `world_from_cam`: a ray X of the camera is seen
    along R X in the world. Camera: x right, y down, z forward, right-handed; the world's y points down along gravity
    where that is known. (The axes are stated in Google's VR180 document, which uses this track.) They are those of
    `RotationMotion.world_from_cam`, so that its rotations go in as they are.
"""

from __future__ import annotations

import struct
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import InputError, OutputError
from .isobmff import Box, Movie, new_media_offset, read_movie, write_movie
from .sample_table import sample_bytes, sample_times_s
from .types import FloatArray

_ENTRY = b"camm"
_ORIENTATION = 0
_SAMPLE_BYTES = 16
_TICKS_PER_S = 90_000  # holds the frame times of every usual rate to 6 us
# The specification asks for the handler "meta"; cameras (Insta360) and tools (Mapillary) write "camm", with this name,
# and readers go by the sample entry, so either is found.
_HANDLER, _NAME = b"camm", b"CameraMetadataMotionHandler"
_UNITY = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_LANGUAGE = 0x55C4  # "und"


def add_camm(path: Path, times_s: FloatArray, angle_axis: npt.NDArray[np.floating]) -> None:
    """Add a track of camera orientations to a file, in place of one that is there.

    No sample of the file is moved; see `isobmff`. The file must not be the user's source.

    Args:
        path: mp4 or mov.
        times_s: (N,) seconds on the file's own clock (a frame's `time_s`), increasing, not negative.
        angle_axis: (N, 3) radians, see the convention above.

    Raises:
        InputError: the file is no mp4 or mov.
        OutputError: times and orientations do not fit each other, or the file cannot be edited.

    Known limit: a first time above zero becomes an edit list, which counts in the file's own unit of time; what FFmpeg
    and most others write counts milliseconds.
    """
    ticks = np.round(np.asarray(times_s, np.float64) * _TICKS_PER_S).astype(np.int64)
    vectors = np.asarray(angle_axis, np.float64)
    if vectors.shape != (len(ticks), 3) or len(ticks) == 0:
        raise OutputError(
            f"a CAMM track needs one orientation (N, 3) a time, got {vectors.shape} for {len(ticks)} times"
        )
    if not np.isfinite(vectors).all() or (np.diff(ticks) <= 0).any() or ticks[0] < 0:
        raise OutputError("a CAMM track needs finite orientations, at times that increase from 0 or later")
    movie = read_movie(Path(path))
    movie.moov.children = [box for box in movie.moov.children if not _is_camm(box)]
    header = movie.moov.need("mvhd")
    track_id = max([_track_id(track) for track in movie.tracks()], default=0) + 1
    movie_ticks_per_s, movie_ticks = _clock(header)
    movie.moov.children.append(_track(movie, ticks, track_id, movie_ticks_per_s))
    media_ticks = -(-int(ticks[-1] + _last_step(ticks)) * movie_ticks_per_s // _TICKS_PER_S)
    _set_clock(header, max(movie_ticks, media_ticks), track_id + 1)
    write_movie(movie, _packets(vectors))


def read_camm(path: Path) -> tuple[FloatArray, FloatArray]:
    """Return the camera orientations in a file's CAMM track: times (N,) in seconds, rotation vectors (N, 3) in radians.

    Packets of other types (gyro, GPS ...) are passed over. The convention is that of `add_camm`.

    Raises:
        InputError: there is no such track, or the file is damaged.
    """
    movie = read_movie(Path(path))
    track = next((track for track in movie.tracks() if _is_camm(track)), None)
    if track is None:
        raise InputError(f"'{path}' has no CAMM track")
    kept, vectors = [], []
    try:
        times_s = sample_times_s(movie, track)
        for number, packet in enumerate(sample_bytes(movie, track)):
            if len(packet) >= _SAMPLE_BYTES and struct.unpack_from("<2H", packet)[1] == _ORIENTATION:
                kept.append(number)
                vectors.append(struct.unpack_from("<3f", packet, 4))
        return times_s[kept], np.array(vectors, np.float64).reshape(-1, 3)
    except (struct.error, IndexError) as error:
        raise InputError(f"'{path}': the CAMM track is damaged: {error}") from error


def _is_camm(box: Box) -> bool:
    return box.kind == b"trak" and box.first("mdia/minf/stbl/stsd/camm") is not None


def _packets(vectors: FloatArray) -> bytes:
    packets = np.zeros(len(vectors), np.dtype([("reserved", "<u2"), ("type", "<u2"), ("angle_axis", "<f4", 3)]))
    packets["angle_axis"] = vectors
    return packets.tobytes()


def _last_step(ticks: npt.NDArray[np.int64]) -> int:
    """Return how long the last orientation lasts: as long as the one before."""
    return int(ticks[-1] - ticks[-2]) if len(ticks) > 1 else _TICKS_PER_S // 30


# -- the boxes, ISO 14496-12 ------------------------------------------------------------------------------------------


def _full(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> Box:
    return Box(kind, struct.pack(">I", version << 24 | flags) + content)


def _track(movie: Movie, ticks: npt.NDArray[np.int64], track_id: int, movie_ticks_per_s: int) -> Box:
    count = len(ticks)
    steps = [*np.diff(ticks).tolist(), _last_step(ticks)]
    length = sum(steps)
    start = round(int(ticks[0]) * movie_ticks_per_s / _TICKS_PER_S)
    shown = -(-length * movie_ticks_per_s // _TICKS_PER_S)
    header = struct.pack(">QQIIQ8xHHHH", 0, 0, track_id, 0, start + shown, 0, 0, 0, 0) + _UNITY + bytes(8)
    runs = [(len(list(same)), step) for step, same in groupby(steps)]
    offset = new_media_offset(movie)
    wide = offset >= 1 << 32
    tables = [
        Box(b"stsd", struct.pack(">II", 0, 1), [Box(_ENTRY, struct.pack(">6xH", 1))]),
        _full(b"stts", struct.pack(">I", len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)),
        _full(b"stsc", struct.pack(">4I", 1, 1, count, 1)),
        _full(b"stsz", struct.pack(">II", _SAMPLE_BYTES, count)),
        _full(b"co64", struct.pack(">IQ", 1, offset)) if wide else _full(b"stco", struct.pack(">II", 1, offset)),
    ]
    here = Box(b"dinf", children=[Box(b"dref", struct.pack(">II", 0, 1), [_full(b"url ", b"", flags=1)])])
    if movie.quicktime:
        graphics = struct.pack(">6H", 0x40, 0x8000, 0x8000, 0x8000, 0, 0)  # what QuickTime writes for any such track
        media_header = Box(b"gmhd", children=[_full(b"gmin", graphics)])
        kind, name = b"mhlr", bytes([len(_NAME)]) + _NAME
    else:
        media_header, kind, name = _full(b"nmhd", b""), bytes(4), _NAME + b"\0"
    media = Box(b"mdia", children=[
        _full(b"mdhd", struct.pack(">QQIQHH", 0, 0, _TICKS_PER_S, length, _LANGUAGE, 0), version=1),
        _full(b"hdlr", kind + _HANDLER + bytes(12) + name),
        Box(b"minf", children=[media_header, here, Box(b"stbl", children=tables)]),
    ])  # fmt: skip
    children = [_full(b"tkhd", header, version=1, flags=3)]
    if start:
        edits = struct.pack(">I", 2) + struct.pack(">QqI", start, -1, 0x10000) + struct.pack(">QqI", shown, 0, 0x10000)
        children.append(Box(b"edts", children=[_full(b"elst", edits, version=1)]))
    return Box(b"trak", children=[*children, media])


def _track_id(track: Box) -> int:
    head = track.need("tkhd").head
    return int(struct.unpack_from(">I", head, 20 if head[0] == 1 else 12)[0])


def _clock(header: Box) -> tuple[int, int]:
    """Return (ticks a second, length in ticks) of a movie's header."""
    ticks_per_s, length = struct.unpack_from(
        *((">IQ", header.head, 20) if header.head[0] == 1 else (">II", header.head, 12))
    )
    return ticks_per_s, length


def _set_clock(header: Box, length: int, next_track_id: int) -> None:
    content = bytearray(header.head)
    if content[0] == 1:
        struct.pack_into(">Q", content, 24, length)
    else:
        struct.pack_into(">I", content, 16, min(length, 0xFFFFFFFF))
    struct.pack_into(">I", content, len(content) - 4, next_track_id)
    header.head = bytes(content)
