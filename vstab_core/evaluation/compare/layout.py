"""Where the two pictures stand on the canvas, and how they get there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from ...errors import UsageError
from ...types import Plane, VideoInfo
from .. import canvas
from ..canvas import Look

Arrangement = Literal["side", "wipe", "stack"]
ARRANGEMENTS: tuple[Arrangement, ...] = ("side", "wipe", "stack")
SWEEP = "sweep"
SWEEP_S = 8.0  # from the left to the right and back: slow enough to look at what the line passes
SHAPE_SLACK = 0.01  # of the aspect: encoders round sizes to whole blocks
LEAST_LINE_PX = 2
LINE_SHARE = 1 / 360  # of the picture's width


@dataclass(frozen=True)
class Box:
    """A place on the canvas, in pixels; (x, y) is its top left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Layout:
    """Places and sizes.

    Attributes:
        arrangement: side, wipe or stack.
        sizes: (height, width) to which the original and the stabilized are brought.
        panes: where they stand; the same place twice in a wipe.
        pictures: the place of both together.
        size: (height, width) of the canvas, with the strip below the pictures.
        strip: the place of the strip, or None.
        steps: (in y, in x) pixels that hold whole chroma samples.
    """

    arrangement: Arrangement
    sizes: tuple[tuple[int, int], tuple[int, int]]
    panes: tuple[Box, Box]
    pictures: Box
    size: tuple[int, int]
    strip: Box | None
    steps: tuple[int, int]


def plan(
    arrangement: Arrangement,
    original: VideoInfo,
    stabilized: VideoInfo,
    *,
    height: int | None = None,
    strip_share: float = 0.0,
) -> Layout:
    """Decide sizes and places.

    Args:
        arrangement: side: common height; stack: common width; wipe: the original's size for both.
        original, stabilized: the clips. The result has the original's pixel aspect.
        height: of each picture in pixels; the original's where left out.
        strip_share: height of a strip below, as a share of a picture's height; 0 for none.

    Raises:
        UsageError: a wipe of pictures that differ in shape.
    """
    steps = canvas.steps_of(original.pixel_format)
    first = original.height, original.width
    if height is not None and height != original.height:
        first = _even(height, steps[0]), _even(original.width * height / original.height, steps[1])
    second = _second(arrangement, first, original, stabilized, steps)
    cells = [(_up(size[0], steps[0]), _up(size[1], steps[1])) for size in (first, second)]
    boxes = [Box(0, 0, cell[1], cell[0]) for cell in cells]
    if arrangement == "side":
        boxes[1] = Box(cells[0][1], 0, cells[1][1], cells[1][0])
    elif arrangement == "stack":
        boxes[1] = Box(0, cells[0][0], cells[1][1], cells[1][0])
    wide, high = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    strip = Box(0, high, wide, _up(max(first[0] * strip_share, 32), steps[0])) if strip_share else None
    size = high + (strip.height if strip else 0), wide
    return Layout(arrangement, (first, second), (boxes[0], boxes[1]), Box(0, 0, wide, high), size, strip, steps)


def _second(
    arrangement: Arrangement, first: tuple[int, int], original: VideoInfo, stabilized: VideoInfo, steps: tuple[int, int]
) -> tuple[int, int]:
    """Return (height, width) of the stabilized picture in pixels of the original's aspect."""
    squeeze: Fraction = stabilized.pixel_aspect / original.pixel_aspect
    own = stabilized.height, stabilized.width
    shape = stabilized.width * squeeze / stabilized.height  # width / height
    if arrangement == "wipe":
        wanted = Fraction(original.width, original.height)
        if abs(float(shape / wanted) - 1) > SHAPE_SLACK:
            raise UsageError(
                f"a wipe needs two pictures of one shape, got {original.width}x{original.height} and "
                f"{stabilized.width}x{stabilized.height}; use --layout side or stack"
            )
        return first
    if arrangement == "stack":
        if own[1] == first[1] and squeeze == 1:
            return own
        return _even(first[1] / shape, steps[0]), first[1]
    if own[0] == first[0] and squeeze == 1:
        return own
    return first[0], _even(first[0] * shape, steps[1])


def _even(length: float | Fraction, step: int) -> int:
    return max(step, round(length / step) * step)


def _up(length: float, step: int) -> int:
    return math.ceil(length / step) * step


def line_at(where: float | str, time_s: float) -> float:
    """Return where the line of a wipe stands, as a share of the width.

    Args:
        where: the share itself, or "sweep": it goes from the left edge to the right and back.
        time_s: seconds since the first moment.
    """
    if isinstance(where, str):
        return 0.5 - 0.5 * math.cos(2 * math.pi * time_s / SWEEP_S)
    return where


def line_columns(layout: Layout, share: float) -> tuple[int, int]:
    """Return the first column of a wipe's line and the first one after it; whole chroma samples.

    Left of it is the original, right of it the stabilized clip.
    """
    step, width = layout.steps[1], layout.pictures.width
    thick = _up(max(LEAST_LINE_PX, width * LINE_SHARE), step)
    start = round((share * width - thick / 2) / step) * step
    return min(max(start, 0), width), max(0, min(start + thick, width))


def compose(
    target: tuple[Plane, ...],
    pair: tuple[tuple[Plane, ...], tuple[Plane, ...]],
    layout: Layout,
    look: Look,
    line: tuple[int, int],
) -> None:
    """Lay the two pictures on the canvas.

    Args:
        target: the canvas' planes.
        pair: planes of the original and of the stabilized, in `layout.sizes`.
        layout: the places.
        look: of the canvas.
        line: of a wipe, from `line_columns`.
    """
    whole = layout.pictures
    if any((box.height, box.width) != size for box, size in zip(layout.panes, layout.sizes, strict=True)) or (
        sum(box.width * box.height for box in layout.panes) != whole.width * whole.height
    ):  # something shows beside the pictures
        canvas.fill(_place(target, look, whole), canvas.codes_of(look, 0.0))
    for box, planes in zip(layout.panes[:1] if layout.arrangement == "wipe" else layout.panes, pair, strict=False):
        canvas.put(_place(target, look, box), planes)
    if layout.arrangement != "wipe":
        return
    rows, width = slice(0, whole.height), layout.sizes[0][1]
    if line[1] < width:
        right = slice(line[1], width)
        found = canvas.part(pair[1], look.pixel_format, slice(0, layout.sizes[0][0]), right)
        canvas.put(canvas.part(target, look.pixel_format, rows, right), found)
    if line[0] < line[1]:
        canvas.fill(canvas.part(target, look.pixel_format, rows, slice(*line)), canvas.codes_of(look, 1.0))


def _place(planes: tuple[Plane, ...], look: Look, box: Box) -> tuple[Plane, ...]:
    return canvas.part(planes, look.pixel_format, slice(box.y, box.y + box.height), slice(box.x, box.x + box.width))
