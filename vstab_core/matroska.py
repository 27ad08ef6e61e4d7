"""Read what a Matroska or WebM file says of the sphere, and write it into a file that has been muxed.

FFmpeg's muxer writes the Projection element only from side data that PyAV cannot give it. So the video track gets a
name that ends in `PLACEHOLDER` before the header is written, and afterwards the element takes that place: nothing else
in the file moves. https://www.matroska.org/technical/elements.html
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import InputError, OutputError

PLACEHOLDER = " " * 120  # the element takes 66 bytes; the rest becomes a Void element

_EBML, _SEGMENT, _CLUSTER, _SEEK_HEAD, _TRACKS, _TAGS = (
    0x1A45DFA3, 0x18538067, 0x1F43B675, 0x114D9B74, 0x1654AE6B, 0x1254C367,
)  # fmt: skip
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_TRACK_ENTRY, _TRACK_TYPE, _TRACK_UID, _NAME, _VIDEO, _STEREO_MODE = 0xAE, 0x83, 0x73C5, 0x536E, 0xE0, 0x53B8
_PROJECTION, _PROJECTION_TYPE, _PROJECTION_PRIVATE = 0x7670, 0x7671, 0x7672
_POSE_YAW, _POSE_PITCH, _POSE_ROLL = 0x7673, 0x7674, 0x7675
_TAG, _TARGETS, _TAG_TRACK_UID, _SIMPLE_TAG, _TAG_NAME, _TAG_STRING = 0x7373, 0x63C0, 0x63C5, 0x67C8, 0x45A3, 0x4487
_CRC, _VOID = 0xBF, 0xEC
_VIDEO_TRACK = 1
_MAX_ELEMENT_BYTES = 1 << 26


@dataclass(frozen=True)
class Projection:
    """What the first video track says of itself, in the file's own terms.

    Attributes:
        kind: ProjectionType: 0 rectangular, 1 equirectangular, 2 cube map, 3 mesh; None where the track has none.
        private: ProjectionPrivate: the content of the MP4 box for this projection.
        pose_deg: yaw, pitch, roll.
        stereo_mode: StereoMode; 0 mono, 1 side by side, 3 top-bottom, each with the left eye first; 11, 2 right first.
        spherical_tag: the tag SPHERICAL-VIDEO, or None.
    """

    kind: int | None
    private: bytes
    pose_deg: tuple[float, float, float]
    stereo_mode: int
    spherical_tag: str | None


def is_matroska(path: Path) -> bool:
    """Tell whether a file is Matroska or WebM, from its first bytes."""
    with path.open("rb") as file:
        return file.read(4) == _EBML.to_bytes(4, "big")


def read_projection(path: Path) -> Projection | None:
    """Read what the first video track says; None where the file has no video track.

    Raises:
        InputError: the file is damaged.
    """
    with path.open("rb") as file:
        found = dict(_find(file, {_TRACKS, _TAGS}))
        track = next(iter(_video_tracks(_content(file, found.get(_TRACKS)))), None)
        tags = _content(file, found.get(_TAGS))
    if track is None:
        return None
    fields = dict(_elements(track))
    video = dict(_elements(fields.get(_VIDEO, b"")))
    projection = dict(_elements(video.get(_PROJECTION, b"")))
    kind = _unsigned(projection.get(_PROJECTION_TYPE, b"")) if _PROJECTION in video else None
    yaw, pitch, roll = (_float(projection.get(name, b"")) for name in (_POSE_YAW, _POSE_PITCH, _POSE_ROLL))
    tag = _spherical_tag(tags, _unsigned(fields.get(_TRACK_UID, b"")))
    stereo = _unsigned(video.get(_STEREO_MODE, b""))
    return Projection(kind, projection.get(_PROJECTION_PRIVATE, b""), (yaw, pitch, roll), stereo, tag)


def write_projection(path: Path, kind: int, private: bytes, pose_deg: tuple[float, float, float]) -> None:
    """Put a Projection element where the first video track's name ends in `PLACEHOLDER`, which goes.

    Raises:
        OutputError: there is no such name, or the file cannot be written.
    """
    try:
        with path.open("r+b") as file:
            at, size = dict(_find(file, {_TRACKS}))[_TRACKS]
            tracks = _with_projection(_content(file, (at, size)), _projection(kind, private, pose_deg))
            if tracks is None or len(tracks) != size:
                raise OutputError(f"'{path}': no room was left for the projection")
            file.seek(at)
            file.write(tracks)
    except OSError as error:
        raise OutputError(f"'{path}' could not be written: {error.strerror or error}") from error
    except (InputError, KeyError) as error:
        raise OutputError(f"'{path}' was not muxed as expected: {error}") from error


# -- finding the parts of a file --------------------------------------------------------------------------------------


def _find(file: BinaryIO, wanted: set[int]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield (id, (start, size) of the content) of top-level elements: those before the pictures, and those that the
    index of the file points to."""
    end = file.seek(0, os.SEEK_END)
    start = 0
    while True:  # the EBML header, then the segment
        name, at, size = _header(file, start)
        if name == _SEGMENT:
            break
        start = at + (size or 0)
    segment = start = at
    seen: set[int] = set()
    heads: list[tuple[int, int]] = []
    while start < end:
        name, at, size = _header(file, start)
        if name == _CLUSTER or size is None:
            break
        if name in wanted and name not in seen:
            seen.add(name)
            yield name, (at, size)
        elif name == _SEEK_HEAD:
            heads.append((at, size))
        start = at + size
    for head in heads:
        for _, seek in _elements(_content(file, head)):
            entry = dict(_elements(seek)) if _ == _SEEK else {}
            target = _unsigned(entry.get(_SEEK_ID, b""))
            if target in wanted and target not in seen:
                name, at, size = _header(file, segment + _unsigned(entry.get(_SEEK_POSITION, b"")))
                if name == target and size is not None:
                    seen.add(name)
                    yield name, (at, size)


def _header(file: BinaryIO, start: int) -> tuple[int, int, int | None]:
    """Return (id, where the content begins, its size; None where it is open)."""
    file.seek(start)
    data = file.read(12)
    if not data:
        raise InputError("damaged Matroska file: it ends early")
    name, at = _number(data, 0, keep_marker=True)
    size, at = _number(data, at)
    width = at - len(name.to_bytes((name.bit_length() + 7) // 8, "big"))
    return name, start + at, None if size == (1 << 7 * width) - 1 else size


def _content(file: BinaryIO, extent: tuple[int, int] | None) -> bytes:
    if extent is None:
        return b""
    if extent[1] > _MAX_ELEMENT_BYTES:
        raise InputError(f"damaged Matroska file: {extent[1]} bytes of tracks or tags cannot be true")
    file.seek(extent[0])
    return file.read(extent[1])


def _video_tracks(tracks: bytes) -> Iterator[bytes]:
    for name, entry in _elements(tracks):
        if name == _TRACK_ENTRY and _unsigned(dict(_elements(entry)).get(_TRACK_TYPE, b"")) == _VIDEO_TRACK:
            yield entry


def _spherical_tag(tags: bytes, track_uid: int) -> str | None:
    for name, tag in _elements(tags):
        fields = list(_elements(tag)) if name == _TAG else []
        targets = dict(_elements(dict(fields).get(_TARGETS, b"")))
        if _unsigned(targets.get(_TAG_TRACK_UID, b"")) not in (0, track_uid):  # 0: the whole file
            continue
        for kind, content in fields:
            simple = dict(_elements(content)) if kind == _SIMPLE_TAG else {}
            if simple.get(_TAG_NAME, b"").strip(b"\0").upper() == b"SPHERICAL-VIDEO":
                return simple.get(_TAG_STRING, b"").decode("utf-8", "replace")
    return None


# -- elements ---------------------------------------------------------------------------------------------------------


def _number(data: bytes, at: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """Return a number of EBML's variable length, and where it ends."""
    if at >= len(data) or data[at] == 0:
        raise InputError("damaged Matroska file: a number has no length")
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big")
    return value if keep_marker else value & (1 << 7 * width) - 1, at + width


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        name, at = _number(data, at, keep_marker=True)
        size, at = _number(data, at)
        if size > len(data) - at:
            raise InputError(f"damaged Matroska file: element {name:X} says {size} of {len(data) - at} bytes")
        yield name, data[at : at + size]
        at += size


def _unsigned(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _float(data: bytes) -> float:
    kind = {4: ">f", 8: ">d"}.get(len(data))
    return float(struct.unpack(kind, data)[0]) if kind else 0.0


def _element(name: int, content: bytes, size_bytes: int = 8) -> bytes:
    size = (len(content) | 1 << 7 * size_bytes).to_bytes(size_bytes, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + content


def _projection(kind: int, private: bytes, pose_deg: tuple[float, float, float]) -> bytes:
    content = _element(_PROJECTION_TYPE, bytes([kind]), 1)
    content += _element(_PROJECTION_PRIVATE, private, 1) if private else b""
    for name, angle in zip((_POSE_YAW, _POSE_PITCH, _POSE_ROLL), pose_deg, strict=True):
        content += _element(name, struct.pack(">d", angle), 1)
    return _element(_PROJECTION, content, 1)


def _with_projection(tracks: bytes, projection: bytes) -> bytes | None:
    """Return the content of Tracks with the projection in it, of the same length, or None where there is no room."""
    parts = []
    done = False
    for name, content in _elements(tracks):
        if name == _TRACK_ENTRY and not done and next(_video_tracks(_element(name, content)), None) is not None:
            changed = _entry_with(content, projection)
            if changed is None:
                return None
            parts.append((name, changed))
            done = True
        else:
            parts.append((name, content))
    # Sizes may have been written in fewer bytes than ours; what is left over goes to a Void behind the entry.
    body = b"".join(_element(name, content) for name, content in parts if name not in (_CRC, _VOID))
    checked = parts[0][0] == _CRC
    room = len(tracks) - len(body) - (6 if checked else 0)
    if not done or room < 0 or room == 1:
        return None
    if room:
        body += _element(_VOID, bytes(room - 2), 1) if room < 9 else _element(_VOID, bytes(room - 9))
    return _element(_CRC, struct.pack("<I", zlib.crc32(body)), 1) + body if checked else body


def _entry_with(entry: bytes, projection: bytes) -> bytes | None:
    result = b""
    for name, content in _elements(entry):
        if name == _NAME:
            title = content.decode("utf-8", "surrogateescape")
            if not title.endswith(PLACEHOLDER):
                return None
            content = title[: -len(PLACEHOLDER)].encode("utf-8", "surrogateescape")
            if not content:
                continue
        elif name == _VIDEO:
            fields = [item for item in _elements(content) if item[0] not in (_PROJECTION, _VOID)]
            content = b"".join(_element(*item, 1) if len(item[1]) < 127 else _element(*item) for item in fields)
            content += projection
        result += _element(name, content, 2) if len(content) < 16000 else _element(name, content)
    return result
