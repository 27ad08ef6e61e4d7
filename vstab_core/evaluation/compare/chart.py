"""The strip under the pictures: the paths of both clips over time, and a cursor."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ...types import FloatArray
from .. import canvas
from ..canvas import Image
from .trace import Trace

BEFORE_COLOR = (60, 150, 255)  # blue, green, red: orange
AFTER_COLOR = (220, 200, 60)  # and light blue, told apart by the colour-blind as well
GROUND = (24, 24, 24)
GRID = (70, 70, 70)
LEAST_SPAN = 0.02  # of the picture's width: less is noise, and a still clip should look still
PAD = 0.08  # of a row, above and below the curves
FINE = 4  # bits of cv2's fractional coordinates
AXES = ("x", "y")


def draw_chart(before: Trace, after: Trace, size: tuple[int, int]) -> Image:
    """Draw the strip without words and cursor: a row for x, one for y, both clips to one scale.

    Args:
        before, after: the paths between the same two times.
        size: (height, width) in pixels.

    Returns:
        (height, width, 3) uint8, blue, green, red.

    Convention:
        a curve rises where the picture's content moves to the right (x) or up (y).
    """
    height, width = size
    image: Any = np.full((height, width, 3), GROUND, np.uint8)
    span_s = span_of(before, after)
    for row, values in enumerate(_rows(before, after)):
        low, high = limits(np.concatenate(values))
        top, bottom = height * row / 2, height * (row + 1) / 2
        scale = (bottom - top) * (1 - 2 * PAD) / (high - low)
        zero = bottom - (bottom - top) * PAD + low * scale
        cv2.line(image, (0, round(zero)), (width, round(zero)), GRID, 1)
        cv2.line(image, (0, round(top)), (width, round(top)), GRID, 1)
        for trace, value, color in zip((before, after), values, (BEFORE_COLOR, AFTER_COLOR), strict=True):
            for shot in trace.shots():
                x = column_of(trace.time_s[shot], span_s, width)
                points = np.stack([x, zero - value[shot] * scale], axis=1) * (1 << FINE)
                line = [np.round(points).astype(np.int32)]
                cv2.polylines(image, line, False, color, max(1, round(height / 120)), cv2.LINE_AA, FINE)
    return np.asarray(image)


def name_curves(image: Image, before: Trace, after: Trace) -> None:
    """Write on a strip what its rows and curves are; a row's height is given in shares of the picture's width."""
    height, width = image.shape[:2]
    text_px = max(canvas.LEAST_TEXT_PX, min(height / 11, width / 36))
    for row, values in enumerate(_rows(before, after)):
        low, high = limits(np.concatenate(values))
        x = round(text_px / 2)
        words = [(f"{AXES[row]}  {100 * (high - low):.3g}% of width", (210, 210, 210))]
        if row == 0:
            words += [("before", BEFORE_COLOR), ("after", AFTER_COLOR)]
        for word, color in words:
            text = canvas.draw_text(word, text_px, width / 3)
            canvas.write_on_image(image, text, x, round(height * row / 2 + text_px / 3), color)
            x += text.letters.shape[1] + round(text_px)


def _rows(before: Trace, after: Trace) -> list[list[FloatArray]]:
    """Return the curves of each row, growing upwards."""
    return [[sign * trace.position[:, row] for trace in (before, after)] for row, sign in ((0, 1.0), (1, -1.0))]


def span_of(before: Trace, after: Trace) -> tuple[float, float]:
    """Return the seconds at the left and at the right edge."""
    times_s = np.concatenate([before.time_s, after.time_s])
    if not len(times_s):
        return 0.0, 1.0
    return float(times_s.min()), float(max(times_s.max(), times_s.min() + 1e-6))


def column_of(time_s: Any, span_s: tuple[float, float], width: int) -> Any:
    """Return the column, in pixels, of a time or of several."""
    return (np.asarray(time_s) - span_s[0]) / (span_s[1] - span_s[0]) * (width - 1)


def limits(values: Any) -> tuple[float, float]:
    """Return the least and greatest value of a row, never closer than LEAST_SPAN; 0 lies between them."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    missing = LEAST_SPAN - (high - low)
    return (low - missing / 2, high + missing / 2) if missing > 0 else (low, high)
