"""Read a video file: what is known of it, its frames as the codec stores them, and small luma pictures for tracking.

Frames come in display order, upright (the display matrix of phone clips is applied), with their timestamps as they
are in the file: variable frame rate, start offsets and negative times survive. A damaged file gives what can be
decoded, and a message for each stretch that was lost.

A picture size that changes in mid-stream ends reading with an `InputError` that says when: one camera path cannot
hold for two framings, so the clip is to be cut there. A pixel format that changes is converted to the first one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from .formats import bit_depth, delivered_format, plane_views
from .handover import read_ahead
from .media import (
    Orientation,
    check_readable,
    chroma_place,
    container_tags,
    open_media,
    orientation_of,
    picture_tags,
    read_first,
    video_stream,
)
from .pictures import frame_count_and_duration, frame_rate_of, read_pictures, time_base_of
from .sequence import clip as sequence
from .sequence.names import pattern_of, refuse_one_frame
from .sequence.tone import tone_of_linear
from .types import Frame, Plane, VideoInfo

logger = logging.getLogger(__name__)

OnDamage = Callable[[str], None]

FINGERPRINT_BYTES = 65536  # of each end: headers and index live there, and reading them costs no time on any disk
PROXY_LONG_SIDE_PX = 640
AS_FILES_SAY = sequence.Reading()
FRAMES_AHEAD = 3  # of full size: covers the jitter between decoder and warp, 75 MB in 4K 10 bit


def probe(path: Path, reading: sequence.Reading = AS_FILES_SAY) -> VideoInfo:
    """Return what is known of a clip's first video stream; decodes one picture.

    Args:
        path: a file, or the pattern of an image sequence.
        reading: what the user said about a sequence.

    Raises:
        InputError: the file is missing, unreadable, no media, without video, or nothing in it can be decoded.
    """
    path = Path(path)
    if (pattern := pattern_of(path)) is not None:
        return sequence.probe(pattern, reading)
    refuse_one_frame(path)
    with open_media(path) as container:
        stream = video_stream(container, path)
        frames, duration_s = frame_count_and_duration(container, stream)
        said, place = container_tags(stream), chroma_place(container, stream.index)
        picture = read_first(container, stream, path)
        orientation = orientation_of(picture)
        width, height = orientation.turn_size(picture.width, picture.height)
        return VideoInfo(
            path=path,
            width=width,
            height=height,
            pixel_aspect=orientation.turn_aspect(stream.sample_aspect_ratio or Fraction(1)),
            frame_rate=frame_rate_of(stream),
            time_base=time_base_of(stream),
            frames=frames,
            duration_s=duration_s,
            pixel_format=delivered_format(picture.format.name),
            codec=stream.codec_context.codec.canonical_name,
            interlaced=stream.codec_context.field_order > 1 or picture.interlaced_frame,  # 0 unknown, 1 progressive
            fingerprint=fingerprint(path),
            tags=picture_tags(picture, said, place),
        )


def fingerprint(path: Path) -> str:
    """Return 32 hex digits that change with a file's content: BLAKE2b of its size and of 64 KiB at each end.

    Neither name nor date nor folder is in it. Known limit: a change in the middle that keeps the size goes unseen;
    encoders do not make such files.
    """
    path = Path(path)
    check_readable(path)
    size = path.stat().st_size
    digest = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=16)
    with path.open("rb") as file:
        digest.update(file.read(FINGERPRINT_BYTES))
        file.seek(max(0, size - FINGERPRINT_BYTES))
        digest.update(file.read(FINGERPRINT_BYTES))
    return digest.hexdigest()


def read_frames(
    path: Path,
    *,
    on_damage: OnDamage | None = None,
    ahead: int = FRAMES_AHEAD,
    reading: sequence.Reading = AS_FILES_SAY,
    start: int | None = None,
) -> Iterator[Frame]:
    """Yield every frame of the first video stream in display order.

    Args:
        path: the file, or the pattern of an image sequence.
        on_damage: called with a message for each damaged stretch; without it they are logged as warnings.
        ahead: how many frames are decoded ahead in a thread of their own; 0 decodes in the caller's thread.
        reading: as for `probe`.
        start: a time in ticks to seek to, see `read_pictures`; None: from the beginning. Of files only.

    Returns:
        frames whose planes are views of the decoder's memory (copies only where the picture had to be turned or its
        format is not native, see `formats`). They must not be written to: the decoder may still refer to them.

    Raises:
        InputError: as `probe`, and where the picture size changes in mid-stream.
    """
    path = Path(path)
    pattern = pattern_of(path)
    frames = _frames(path, start) if pattern is None else sequence.read_frames(pattern, reading)
    return _tell_damage(read_ahead(frames, ahead, "decode", _bytes_of), path, on_damage)


def _bytes_of(item: Frame | str) -> int:
    return 0 if isinstance(item, str) else item.nbytes


def proxy_size(width: int, height: int, long_side_px: int = PROXY_LONG_SIDE_PX) -> tuple[int, int]:
    """Return (height, width) of the proxy: `long_side_px` on the longer side, never larger than the source."""
    scale = min(1.0, long_side_px / max(width, height))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _tell_damage(items: Iterator[Frame | str], path: Path, on_damage: OnDamage | None) -> Iterator[Frame]:
    """Take the messages out of the items, in the caller's thread."""
    try:
        for item in items:
            if not isinstance(item, str):
                yield item
            elif on_damage is not None:
                on_damage(item)
            else:
                logger.warning("'%s': %s", path, item)
    finally:
        getattr(items, "close", lambda: None)()


def _frames(path: Path, start: int | None) -> Iterator[Frame | str]:
    orientation: Orientation | None = None
    for picture in read_pictures(path, start):
        if isinstance(picture, str):
            yield picture
            continue
        if orientation is None:
            orientation = orientation_of(picture)
        name = delivered_format(picture.format.name)
        planes = plane_views(picture)
        if orientation:
            planes = orientation.turn_planes(planes, name)
        assert picture.pts is not None
        yield Frame(planes, name, picture.pts, picture.time, picture)


def luma_of(
    frame: Frame, long_side_px: int = PROXY_LONG_SIDE_PX, tone: Callable[[Plane], npt.NDArray[np.uint8]] | None = None
) -> npt.NDArray[np.uint8]:
    """Return the luma of a frame for tracking, reduced by area averaging, (h, w) uint8.

    The codes are as in the file, limited or full range, in 8 bits; RGB gives green where it is planar, else luma. The
    proxy covers the same area as the picture: a point scales by w / width in x and by h / height in y, pixel centres
    at halves.

    Args:
        frame: from `read_frames`.
        long_side_px: the proxy's longer side, see `proxy_size`.
        tone: makes 8 bits of the reduced plane where its codes are no SDR picture, see `light.tone`; None: the codes.
    """
    plane = frame.planes[0]
    height, width = proxy_size(plane.shape[1], plane.shape[0], long_side_px)
    if plane.shape[:2] != (height, width):
        plane = cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA)
    if plane.ndim == 3:
        plane = _gray_of_packed(plane, frame.pixel_format)
    if tone is not None:
        return tone(plane)
    if plane.dtype == np.uint16:
        plane = cv2.convertScaleAbs(plane, alpha=1 / (1 << (bit_depth(frame.pixel_format) - 8)))
    elif plane.dtype == np.float32:
        plane = tone_of_linear(plane)
    return plane if plane.base is None else plane.copy()  # a view would keep the whole picture in memory


def halved(plane: Plane, long_side_px: int) -> Plane:
    """Return a plane reduced by halves until its longer side is about as long as wanted: 0.87 to 1.75 times.

    Averages of two by two are forty times as fast as areas of any other size.
    """
    while max(plane.shape[:2]) > 1.75 * long_side_px:
        size = ((plane.shape[1] + 1) // 2, (plane.shape[0] + 1) // 2)
        plane = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return plane


def _gray_of_packed(plane: Plane, name: str) -> Plane:
    if name.startswith("ya"):
        return np.ascontiguousarray(plane[..., 0])
    red_first = name.startswith(("rgb", "argb", "0rgb"))
    color = plane[..., 1:] if name.startswith(("a", "0")) else plane[..., :3]
    return cv2.cvtColor(np.ascontiguousarray(color), cv2.COLOR_RGB2GRAY if red_first else cv2.COLOR_BGR2GRAY)
