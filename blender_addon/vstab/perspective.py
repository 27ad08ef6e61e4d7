"""Where the corners of a picture go in a stabilized frame. Nothing here knows Blender.

Convention:
    Corners are places in the frame as Blender's node Corner Pin has them: (0, 0) bottom left, (1, 1) top right.
    vstab's matrix takes a place in the stabilized frame to the place in the source to look at, x in [-1, 1] over the
    width, y in [-aspect, aspect] over the height, y down.
"""

from __future__ import annotations

from collections.abc import Sequence

CORNERS = {"Upper Left": (-1, -1), "Upper Right": (1, -1), "Lower Left": (-1, 1), "Lower Right": (1, 1)}


def corners_of(src_from_dst: Sequence[Sequence[float]], aspect: float) -> dict[str, tuple[float, float]]:
    """Return corner -> its place in the stabilized frame.

    Args:
        src_from_dst: (3, 3), of one frame of vstab's export.
        aspect: height / width of the picture.

    Raises:
        ValueError: a corner lies behind the viewer, where it has no place.
    """
    dst_from_src = _adjugate(src_from_dst)
    middle = dst_from_src[2][2]
    places = {}
    for name, (x, y) in CORNERS.items():
        u, v, w = (row[0] * x + row[1] * y * aspect + row[2] for row in dst_from_src)
        if not w * middle > 0:
            raise ValueError(f"the corner '{name}' lies behind the viewer")
        places[name] = ((u / w + 1) / 2, (1 - v / w / aspect) / 2)
    return places


def _adjugate(m: Sequence[Sequence[float]]) -> list[list[float]]:
    """Return the inverse but for a factor, which a perspective matrix does not have."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
