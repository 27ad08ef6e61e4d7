"""Open a media file with errors that say what is wrong, and find out how its pictures are meant to be shown."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from .errors import InputError
from .formats import plane_shapes
from .sequence.names import pattern_of
from .types import ColourTags, Plane

_MAKE_UP_TIMES = cast(int, av.container.core.Flags.gen_pts.value)
_NOT_VIDEO = {"tty", "bin", "adf", "idf", "xbin"}  # FFmpeg draws any text file as pictures through these
_CHROMA_PLACES = ("left", "center", "topleft", "top", "bottomleft", "bottom")
_log_lock = threading.Lock()
_OPEN_OPTIONS = {"protocol_whitelist": "file,crypto,data"}  # a playlist must not reach out to the network


@contextlib.contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open a file for reading.

    Raises:
        InputError: it does not exist, is a directory, is empty, may not be read or is not media.
    """
    check_readable(path)
    log: list[str] = []
    try:
        # surrogateescape: metadata that is no UTF-8 must neither stop us nor change on its way to the output
        with ffmpeg_log(av.logging.ERROR, log):
            container = av.open(
                os.path.abspath(path), "r", container_options=_OPEN_OPTIONS, metadata_errors="surrogateescape"
            )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"'{path}' is not a media file that FFmpeg can read: {'; '.join(log) or _reason(error)}"
        ) from error
    with container:
        if container.format.name in _NOT_VIDEO:
            raise InputError(f"'{path}' is not a media file: it looks like text")
        # PyAV asks for made-up timestamps; in AVI with B-frames those run backwards. Without them the decoder's own
        # order decides, as in the ffmpeg command.
        container.flags &= ~_MAKE_UP_TIMES
        try:
            yield container
        finally:
            _let_decoders_finish(container)


def _let_decoders_finish(container: InputContainer) -> None:
    """Wait for the decoders' threads, while other Python threads run.

    PyAV holds Python's lock as it frees a decoder, which waits for its threads; one of them that has something to log,
    of a damaged file, would wait for that lock while `ffmpeg_log` is in use anywhere.
    """
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.flush_buffers()


@contextlib.contextmanager
def ffmpeg_log(level: int, messages: list[str]) -> Iterator[None]:
    """Gather what FFmpeg has to say, in this thread, while the block runs. Its level is one for the whole process."""
    with _log_lock:
        before = av.logging.get_level()
        av.logging.set_level(level)
        av.logging.set_libav_level(max(level, av.logging.INFO))
        try:
            with av.logging.Capture() as logs:
                yield
        finally:
            av.logging.set_level(before)
            av.logging.set_libav_level(av.logging.INFO)
            messages.extend(entry[2].strip() for entry in logs)


def check_readable(path: Path) -> None:
    """Raise InputError unless the path is a file with content that this process may read."""
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"'{path}' is empty (0 bytes)")
    except FileNotFoundError:
        if pattern_of(path) is not None:
            raise InputError(
                f"'{path}' is an image sequence, which is not taken here; make a video of it first "
                "(ffmpeg -start_number N -i NAME)"
            ) from None
        raise InputError(f"'{path}' does not exist") from None
    except IsADirectoryError:
        raise InputError(f"'{path}' is a directory; give a video file") from None
    except PermissionError:
        if path.is_dir():  # what Windows says of a directory
            raise InputError(f"'{path}' is a directory; give a video file") from None
        raise InputError(f"'{path}' may not be read: permission denied") from None
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {_reason(error)}") from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first video stream that is no cover picture.

    Raises:
        InputError: there is none, or FFmpeg has no decoder for it.
    """
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue
        if stream.codec_context is None:
            raise InputError(f"the video in '{path}' has a codec that this FFmpeg cannot decode")
        return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise InputError(f"'{path}' has no video stream; it holds {kinds}")


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)


def container_tags(stream: VideoStream) -> ColourTags:
    """Return what a container says of colour, before its first picture is decoded: a decoder overwrites it."""
    context = stream.codec_context
    return ColourTags(int(context.color_range), int(context.colorspace), int(context.color_primaries),
                      int(context.color_trc))  # fmt: skip


def picture_tags(
    picture: av.VideoFrame, of_container: ColourTags | None = None, place: str | None = None
) -> ColourTags:
    """Return what a decoded picture says of its colour, and its container where the picture does not.

    Args:
        picture: upright or not; the place of chroma in one that has to be turned is not known.
        of_container: from `container_tags`; None: there is no container to ask.
        place: from `chroma_place`.
    """
    other = of_container or ColourTags()

    def known(said: int, otherwise: int) -> int:
        return said if said != 2 else otherwise

    full = picture.format.name.startswith("yuvj")
    transfer = int(picture.color_trc)
    return ColourTags(
        2 if full else int(picture.color_range) or other.range,
        known(int(picture.colorspace), other.matrix),
        known(int(picture.color_primaries), other.primaries),
        known(transfer, other.transfer),
        "center" if orientation_of(picture) else place or "",
        other.transfer if transfer not in (2, other.transfer) else 2,
    )


def chroma_place(container: InputContainer, index: int) -> str | None:
    """Return where chroma samples lie. PyAV has no attribute for it; FFmpeg's own description names it."""
    with ffmpeg_log(av.logging.VERBOSE, []):
        text: str = container.dumps_format()  # type: ignore[attr-defined]
    line = re.search(rf"Stream #0:{index}\b[^\n]*Video:([^\n]*)", text)
    found = re.search(rf"\([^()]*\b({'|'.join(_CHROMA_PLACES)})\)", line.group(1)) if line else None
    return found.group(1) if found else None


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned to stand upright: transposed first, then flipped in x and in y."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def __bool__(self) -> bool:
        return self.transpose or self.flip_x or self.flip_y

    def turn_size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) of the upright picture."""
        return (height, width) if self.transpose else (width, height)

    def turn_aspect(self, pixel_aspect: Fraction) -> Fraction:
        """Return the pixel aspect ratio of the upright picture."""
        return 1 / pixel_aspect if self.transpose else pixel_aspect

    def turn_plane(self, plane: Plane) -> Plane:
        """Return the plane upright, in memory of its own; the plane itself where there is nothing to turn."""
        if self.transpose:
            plane = cv2.transpose(plane)
        if self.flip_x or self.flip_y:
            plane = cv2.flip(plane, 0 if not self.flip_x else (-1 if self.flip_y else 1))
        return plane

    def turn_planes(self, planes: tuple[Plane, ...], pixel_format: str) -> tuple[Plane, ...]:
        """Return the planes of a picture upright and of the sizes that its pixel format asks for.

        Known limit: a quarter turn of a format with unequal chroma reduction (4:2:2, 4:1:1, 4:4:0) resamples chroma.
        """
        turned = tuple(self.turn_plane(plane) for plane in planes)
        height, width = turned[0].shape[:2]
        shapes = plane_shapes(pixel_format, width, height)
        return tuple(
            plane
            if plane.shape == shape
            else np.asarray(cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)).reshape(shape)
            for plane, shape in zip(turned, shapes, strict=True)
        )


def side_data(picture: av.VideoFrame) -> dict[str, bytes]:
    """Return what came with a decoded picture, by FFmpeg's name without prefix (DISPLAYMATRIX, A53_CC ...)."""
    items: Any = picture.side_data
    return {item.type.name: bytes(item) for item in items}


def orientation_of(picture: av.VideoFrame) -> Orientation:
    """Read the display matrix of a decoded picture; angles between quarter turns go to the nearest one.

    Convention:
        FFmpeg's matrix a b u c d v x y w: shown x = a * x + c * y, shown y = b * x + d * y, y down.
    """
    matrix = side_data(picture).get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation()
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    if abs(c) > abs(a):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


def read_first(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    """Decode the first picture that can be decoded.

    Raises:
        InputError: there is none.
    """
    error: Exception | None = None
    try:
        for packet in container.demux(stream):
            try:
                pictures = packet.decode()
            except (av.FFmpegError, ValueError) as caught:
                error = caught
                continue
            if pictures:
                return pictures[0]
    except (av.FFmpegError, OSError) as caught:
        error = caught
    reason = f": {_reason(error)}" if error else ""
    raise InputError(f"no picture in '{path}' could be decoded{reason}") from error
