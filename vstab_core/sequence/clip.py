"""A sequence read as a clip: what is known of it, and its frames. Every header is looked at before any pixel is."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ..errors import InputError
from ..types import ColourTags, Frame, VideoInfo
from .names import Pattern, ranges
from .picture import Header, Window, frame_rate, size_of, union

logger = logging.getLogger(__name__)

FULL = 2  # of FFmpeg's color_range
DEFAULT_RATE = Fraction(24)  # the cinema's, where these formats come from
END_BYTES = 4096  # of either end of every frame: header, table of offsets, last pixels


@dataclass(frozen=True)
class Reading:
    """What the user said about reading a sequence: the parameters `fps` and `missing_frames`."""

    fps: str = "auto"
    missing_frames: str = "error"


AS_THEY_ARE = Reading(missing_frames="skip")  # for who looks only: a gap is no harm


@dataclass(frozen=True)
class Shot:
    """A sequence whose headers have been read.

    Attributes:
        pattern, numbers: its name, and the frames that are there, rising.
        first: what the first file says.
        canvas: the window that holds all frames.
    """

    pattern: Pattern
    numbers: tuple[int, ...]
    first: Header
    canvas: Window


def open_shot(pattern: Pattern, missing_frames: str = "error") -> Shot:
    """Read the headers of a sequence.

    Raises:
        InputError: frames are missing (unless `missing_frames` is "skip") or differ in size, or a file cannot be read.
    """
    numbers = pattern.numbers()
    if not numbers:
        raise InputError(f"no frames of '{pattern.shown}' are there")
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
    if missing and missing_frames == "error":
        raise InputError(
            f"'{pattern.shown}': {len(missing)} of {numbers[-1] - numbers[0] + 1} frames are missing: "
            f"{ranges(missing)}; render them, or give --missing-frames skip to leave the gap as it is"
        )
    stats = [pattern.path(number).stat() for number in numbers]
    return _open_shot(pattern, tuple(numbers), tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))


@lru_cache(maxsize=4)  # a run asks several times; sizes and dates tell whether a file has changed since
def _open_shot(pattern: Pattern, numbers: tuple[int, ...], changed: tuple[tuple[int, int], ...]) -> Shot:
    files = format_of(pattern)
    first: Header | None = None
    canvas: Window = (0, 0, 0, 0)
    for number in numbers:
        path = pattern.path(number)
        header: Header = _asked(path, files.read_header)
        if first is None:
            first, canvas = header, union(header.frame, header.data)
            continue
        canvas = union(canvas, header.data)
        if header.frame != first.frame:
            raise InputError(
                f"'{path}' is {_text(header.frame)}, the frames before are {_text(first.frame)}; "
                "one camera path cannot hold for two framings: split the sequence there"
            )
        if header.channels != first.channels:
            differ = sorted({name for _, name in set(header.channels) ^ set(first.channels)})
            raise InputError(
                f"'{path}' has other channels than the frames before (different: {', '.join(differ)}); split the "
                "sequence there, or render it with the same channels"
            )
        if (header.pixel_format, header.pixel_aspect) != (first.pixel_format, first.pixel_aspect):
            raise InputError(
                f"'{path}' has other channels or another pixel shape ({header.pixel_format}, {header.pixel_aspect}) "
                f"than the frames before ({first.pixel_format}, {first.pixel_aspect})"
            )
    assert first is not None
    return Shot(pattern, numbers, first, canvas)


def _asked(path: Path, read: object) -> Header:
    try:
        return read(path)  # type: ignore[operator,no-any-return]
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error


def _text(window: Window) -> str:
    height, width = size_of(window)
    return f"{width}x{height}" + (f" at {window[0]},{window[1]}" if window[:2] != (0, 0) else "")


def format_of(pattern: Pattern) -> ModuleType:
    """Return the module that reads and writes the files: `read_header`, `read_picture`, `write_picture`."""
    from . import dpx, exr

    return {".exr": exr, ".dpx": dpx}[pattern.shown.suffix.lower()]


def probe(pattern: Pattern, reading: Reading) -> VideoInfo:
    """Return what is known of a sequence, as `decode.probe` does of a file."""
    shot = open_shot(pattern, reading.missing_frames)
    height, width = size_of(shot.canvas)
    rate = _rate(shot, reading.fps)
    return VideoInfo(
        path=pattern.shown,
        width=width,
        height=height,
        pixel_aspect=shot.first.pixel_aspect,
        frame_rate=rate,
        time_base=1 / rate,
        frames=len(shot.numbers),
        duration_s=float((shot.numbers[-1] - shot.numbers[0] + 1) / rate),
        pixel_format=shot.first.pixel_format,
        codec=pattern.shown.suffix[1:].lower(),
        interlaced=False,
        fingerprint=fingerprint(shot),
        tags=ColourTags(FULL, transfer=shot.first.transfer),
    )


def read_frames(pattern: Pattern, reading: Reading) -> Iterator[Frame]:
    """Yield the frames; a frame's pts is its number minus that of the first, so a gap stays a gap.

    Raises:
        InputError: a file is damaged: a frame that is left out would be seen, and no other can stand for it.
    """
    shot = open_shot(pattern, reading.missing_frames)
    time_base = 1 / _rate(shot, reading.fps, warn=False)
    files = format_of(pattern)
    for number in shot.numbers:
        path = pattern.path(number)
        try:
            picture = files.read_picture(path, number, shot.canvas)
        except OSError as error:
            raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
        pts = number - shot.numbers[0]
        yield Frame(picture.planes, picture.pixel_format, pts, float(pts * time_base), picture)


def fingerprint(shot: Shot) -> str:
    """Return 32 hex digits that change with any frame: BLAKE2b of each one's place, size and 4 KiB of either end.

    Neither name nor number is in it, but the distance to the first frame is.
    """
    digest = hashlib.blake2b(digest_size=16)
    for number in shot.numbers:
        with shot.pattern.path(number).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(b"".join(value.to_bytes(8, "little") for value in (number - shot.numbers[0], size)))
            digest.update(file.read(END_BYTES))
            file.seek(max(0, size - END_BYTES))
            digest.update(file.read(END_BYTES))
    return digest.hexdigest()


def _rate(shot: Shot, fps: str, warn: bool = True) -> Fraction:
    given = None if fps == "auto" else frame_rate(float(Fraction(fps)))
    if given is not None:
        return given
    if shot.first.rate is not None:
        return shot.first.rate
    if warn:
        logger.warning("'%s' does not say its frame rate; taken as %s frames a second, --fps gives another",
                       shot.pattern.shown, DEFAULT_RATE)  # fmt: skip
    return DEFAULT_RATE
