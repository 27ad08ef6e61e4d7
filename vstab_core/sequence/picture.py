"""One picture of a sequence: its planes as the warp takes them, and what else its file holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..types import Plane

LINEAR, LOG, BT709, BT601, UNSPECIFIED = 8, 9, 1, 6, 2  # of FFmpeg's color_trc (H.273)

Window = tuple[int, int, int, int]  # left, top, right, bottom; of pixels, the last ones included


@dataclass(frozen=True)
class Header:
    """What one file says before its pixels are read.

    Attributes:
        frame: the window that is shown; all frames of a sequence have the same.
        data: the window that has pixels, of all parts together.
        pixel_format: FFmpeg's name for the planes of the main picture.
        pixel_aspect: width of a pixel divided by its height.
        rate: frames a second, or None where the file does not say.
        transfer: FFmpeg's number of the transfer curve.
        channels: (part, name) of all, also of those beside the picture; all frames have the same.
    """

    frame: Window
    data: Window
    pixel_format: str
    pixel_aspect: Fraction
    rate: Fraction | None
    transfer: int = UNSPECIFIED
    channels: tuple[tuple[int, str], ...] = ()


@dataclass
class Picture:
    """A picture that was read; `Frame.source` of a sequence's frames.

    Attributes:
        path, number: its file, and the frame's number.
        planes: the main picture's in the order of `pixel_format`, then those of all other channels; all of one size.
        pixel_format: FFmpeg's name for the main picture.
        nearest_planes: which planes hold data (depth, ids, normals) whose values must not be mixed.
        alpha_planes: which planes hold alpha.
        rest: what the format's writer needs beside the planes.
        color_range, color_trc: FFmpeg's numbers, as decoded frames of a video have them.
        duration: in ticks; set for a hyperlapse.
    """

    path: Path
    number: int
    planes: tuple[Plane, ...]
    pixel_format: str
    nearest_planes: frozenset[int] = frozenset()
    alpha_planes: frozenset[int] = frozenset()
    rest: Any = field(default=None, repr=False)
    color_range: int = 2
    color_trc: int = UNSPECIFIED
    duration: int = 1


def union(one: Window, other: Window) -> Window:
    """Return the smallest window that holds both."""
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def size_of(window: Window) -> tuple[int, int]:
    """Return (height, width)."""
    return window[3] - window[1] + 1, window[2] - window[0] + 1


def frame_rate(value: float) -> Fraction | None:
    """Return the rate that a rounded number means: 23.976 is 24000/1001; None where it is none at all."""
    if not 0.1 <= value <= 1000:  # not a number fails both
        return None
    base = round(value)
    slow = Fraction(base * 1000, 1001)
    if abs(float(slow) - value) < 0.0002 * base:  # 23.98 is meant too; 24 is five times as far away
        return slow
    return Fraction(value).limit_denominator(1000)
