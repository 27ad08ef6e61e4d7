"""A stabilizing move, turn and zoom put on top of the transform that a strip has already. Nothing here knows Blender.

Convention:
    Blender places a strip's picture by: place = canvas_middle + pivot + offset + R(rotation) S (u - pivot), where u is
    a place in the picture from its middle, in pixels, x right, **y up**; rotation is counter-clockwise; pivot comes
    from the strip's origin. A mirrored strip is mirrored after that, on the canvas, and so needs no care here.
    vstab moves the picture by: u' = scale R(-turn) u + (dx, -dy): its y runs down, its turn is clockwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Transform:
    """A strip's transform: offset in canvas pixels, rotation in radians, scales, origin 0..1."""

    offset_x: float = 0.0
    offset_y: float = 0.0
    rotation: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0
    origin: tuple[float, float] = (0.5, 0.5)


@dataclass(frozen=True)
class Move:
    """One frame of vstab's export: what is done to the source picture about its middle."""

    dx_px: float
    dy_px: float
    turn_deg: float
    scale: float


def compose(strip: Transform, move: Move, size: tuple[int, int]) -> tuple[Transform, float]:
    """Return the transform that shows the moved picture where the strip showed the picture.

    Args:
        strip: the strip's own transform.
        move: the frame's stabilizing move.
        size: (height, width) of the clip's picture in pixels.

    Returns:
        the transform, and how far it is off at the corners of the picture, in canvas pixels: 0 unless the strip is
        stretched unevenly, for which no turn is exact.
    """
    turn, shift = -math.radians(move.turn_deg), (move.dx_px, -move.dy_px)
    sx, sy = strip.scale_x, strip.scale_y
    # The turn and scales nearest (least squares) to S R(turn); for even scales this is the turn itself.
    nearest = 0.5 * math.atan2(2 * sx * sy * math.sin(2 * turn), (sx * sx + sy * sy) * math.cos(2 * turn))
    wanted = _product(_scaled_turn(strip.rotation, sx, sy), _turned(turn, move.scale))
    rotation = strip.rotation + nearest
    back = _product(_turned(-rotation, 1.0), wanted)
    scale_x, scale_y = back[0][0], back[1][1]
    got = _scaled_turn(rotation, scale_x, scale_y)
    pivot = ((strip.origin[0] - 0.5) * size[1], (strip.origin[1] - 0.5) * size[0])
    carried = _apply(_scaled_turn(strip.rotation, sx, sy), (shift[0] - pivot[0], shift[1] - pivot[1]))
    held = _apply(got, pivot)
    error = 0.0
    for corner in ((size[1] / 2, size[0] / 2), (size[1] / 2, -size[0] / 2)):
        there, here = _apply(wanted, corner), _apply(got, corner)
        error = max(error, math.hypot(there[0] - here[0], there[1] - here[1]))
    composed = replace(
        strip,
        offset_x=strip.offset_x + carried[0] + held[0],
        offset_y=strip.offset_y + carried[1] + held[1],
        rotation=rotation,
        scale_x=scale_x,
        scale_y=scale_y,
    )
    return composed, error


def covers(strip: Transform, size: tuple[int, int], canvas: tuple[int, int]) -> bool:
    """Whether a strip's picture fills the canvas, to half a pixel; sizes are (height, width)."""
    pivot = ((strip.origin[0] - 0.5) * size[1], (strip.origin[1] - 0.5) * size[0])
    for x, y in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        place = (x * canvas[1] / 2 - pivot[0] - strip.offset_x, y * canvas[0] / 2 - pivot[1] - strip.offset_y)
        upright = _apply(_turned(-strip.rotation, 1.0), place)
        if not strip.scale_x or not strip.scale_y:
            return False
        u = (upright[0] / strip.scale_x + pivot[0], upright[1] / strip.scale_y + pivot[1])
        if abs(u[0]) > size[1] / 2 + 0.5 or abs(u[1]) > size[0] / 2 + 0.5:
            return False
    return True


Matrix = tuple[tuple[float, float], tuple[float, float]]


def _turned(angle: float, scale: float) -> Matrix:
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    return ((c, -s), (s, c))


def _scaled_turn(angle: float, scale_x: float, scale_y: float) -> Matrix:
    c, s = math.cos(angle), math.sin(angle)
    return ((c * scale_x, -s * scale_y), (s * scale_x, c * scale_y))


def _product(a: Matrix, b: Matrix) -> Matrix:
    (p, q), (r, s) = a
    (t, u), (v, w) = b
    return ((p * t + q * v, p * u + q * w), (r * t + s * v, r * u + s * w))


def _apply(matrix: Matrix, place: tuple[float, float]) -> tuple[float, float]:
    (a, b), (c, d) = matrix
    return (a * place[0] + b * place[1], c * place[0] + d * place[1])
