"""The colour coding of optical flow of Baker et al., A Database and Evaluation Methodology for Optical Flow, 2011."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..canvas import Image

# colours between red, yellow, green, cyan, blue, magenta, and red again: as far apart as they look
_BETWEEN = (15, 6, 4, 11, 13, 6)
_CORNERS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]], np.float64)
_BEYOND = 0.75  # brightness of what moves faster than the scale


@lru_cache(maxsize=1)
def wheel() -> npt.NDArray[np.float64]:
    """Return the 55 colours, (55, 3), red, green, blue in 0..1."""
    rows = [
        first + (last - first) * step / count
        for first, last, count in zip(_CORNERS[:-1], _CORNERS[1:], _BETWEEN, strict=True)
        for step in range(count)
    ]
    return np.array(rows)


def flow_image(flow: npt.NDArray[Any], full_px: float) -> Image:
    """Return a flow field as colours: the hue is the direction, the saturation the speed.

    Args:
        flow: (h, w, 2), (x, y) in pixels, y down.
        full_px: the length that is shown in full colour; what is longer is darker.

    Returns:
        (h, w, 3) uint8, blue, green, red.

    Convention:
        white stands still; red moves right, yellow down, cyan to blue left, violet up.
    """
    colors = wheel()
    length = np.hypot(flow[..., 0], flow[..., 1]) / full_px
    turn = (np.arctan2(-flow[..., 1], -flow[..., 0]) / np.pi + 1) / 2 * (len(colors) - 1)
    low = np.floor(turn).astype(int)
    between = (turn - low)[..., None]
    hue = (1 - between) * colors[low] + between * colors[(low + 1) % len(colors)]
    inside = 1 - np.minimum(length, 1)[..., None] * (1 - hue)
    shown = np.where(length[..., None] <= 1, inside, hue * _BEYOND)
    return np.asarray(np.round(255 * shown[..., ::-1]), np.uint8)


def disc(radius_px: int) -> tuple[Image, npt.NDArray[np.bool_]]:
    """Return the legend, (2 r + 1, 2 r + 1, 3), and where it is drawn: every direction, full colour at the rim."""
    y, x = np.mgrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1].astype(np.float64)
    return flow_image(np.stack([x, y], axis=-1), radius_px), np.hypot(x, y) <= radius_px
