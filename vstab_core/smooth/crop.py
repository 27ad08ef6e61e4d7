"""What a correction costs in picture: the zoom that hides its borders, exactly.

A zoom shows the share `retained` of the picture's width and height; retained = 1 / zoom = 1 - crop.
"""

from __future__ import annotations

import numpy as np

from ..corners import apply, frame_corners
from ..types import FloatArray

GUARD = 2e-4  # normalised: a fifth of a pixel at 1920, for the sparse grid's interpolation
EDGE_POINTS = 17  # on each side of the output: four a cell of the mesh


def side_rows(aspect: float) -> FloatArray:
    """Return (8, 8): rows whose product with a corner displacement is how far each corner leaves its two sides open."""
    signs = np.sign([[-1, -1], [1, -1], [1, 1], [-1, 1]]).reshape(8)
    return np.diag(-signs / np.tile([1.0, aspect], 4))


def sides_of(basis: FloatArray, aspect: float) -> FloatArray:
    """Return G (16, K): the share of the picture that each corner's sides need, from the coefficients of `basis`."""
    rows = side_rows(aspect) @ basis.T
    # Magnifying would make room at every side at once, and lose as much picture: it counts as loss, not as room.
    shrinking = rows.copy()
    shrinking[:, 2:3] *= -1
    return np.asarray(np.concatenate([rows, shrinking]))


def magnify(shown: FloatArray) -> FloatArray:
    """Return the zooms (F, 3, 3), stabilized from output, that show these shares (F,) of the picture."""
    result = np.zeros((len(shown), 3, 3))
    result[:, 0, 0] = result[:, 1, 1] = shown
    result[:, 2, 2] = 1
    return result


def mesh_at_corners(mesh: FloatArray) -> FloatArray:
    """Return the offsets (F, 4, 2) of a mesh (F, rows, cols, 2) at the frame corners, in the corners' order."""
    return np.asarray(mesh[:, [0, 0, -1, -1], [0, -1, -1, 0]])


def retained_share(src_from_stab: FloatArray, aspect: float, mesh: FloatArray | None = None) -> FloatArray:
    """Return (F,): the largest share of the stabilized picture, centred, that the source frame fills.

    Args:
        src_from_stab: (F, 3, 3) normalised, before any zoom.
        aspect: display height / display width.
        mesh: (F, rows, cols, 2) normalised offsets added to the homography's position, or None.

    A corner c * share looks at (P c * share + q) / (r c * share + 1) plus its mesh offset; each of the frame's sides is
    then a linear inequality in the share, and the smallest of the sixteen bounds is the answer. A mesh that bulges
    more between the corners than at them is charged at every side with what it bulges more.
    """
    corners = frame_corners(aspect)
    src_from_stab = src_from_stab / src_from_stab[:, 2:, 2:]
    linear = np.einsum("fij,kj->fki", src_from_stab[:, :2, :2], corners)  # (F, 4, 2)
    offset = src_from_stab[:, None, :2, 2]
    depth = np.einsum("fj,kj->fk", src_from_stab[:, 2, :2], corners)[..., None]
    skew, bulge = np.zeros((1, 4, 2)), np.zeros(1)
    if mesh is not None:
        skew = mesh_at_corners(mesh)
        bulge = np.maximum(0.0, np.abs(mesh).max(axis=(1, 2, 3)) - np.abs(skew).max(axis=(1, 2)))
    bounds = []
    for sign in (1.0, -1.0):
        limit = np.array([1.0, aspect]) - GUARD - bulge[:, None, None] - sign * skew
        rise = sign * linear - limit * depth
        room = limit - sign * offset
        with np.errstate(divide="ignore", invalid="ignore"):
            bounds.append(np.where(rise > 0, room / rise, np.inf))
    share = np.clip(np.minimum(*bounds).min(axis=(1, 2)), 0.0, 1.0)
    if mesh is not None:
        # The zoomed corner lies inside the frame, where the mesh is another than at the frame's corner.
        for _ in range(4):
            beyond = _beyond_source(src_from_stab @ magnify(share), aspect, mesh)
            if beyond.max() <= 0:
                break
            share = np.clip(share - 1.2 * np.maximum(beyond, 0.0), 0.0, 1.0)
    return np.asarray(share)


def _beyond_source(src_from_dst: FloatArray, aspect: float, mesh: FloatArray) -> FloatArray:
    """Return (F,): how far an output's edge looks beyond the source, as a share of the half side; negative inside."""
    even = np.linspace(-1.0, 1.0, EDGE_POINTS)
    one = np.ones_like(even)
    edge = np.concatenate([np.stack(pair, axis=1) for s in (-one, one) for pair in ((even, s), (s, even))])
    at = apply(src_from_dst, edge * [1.0, aspect]) / [1.0, aspect]
    cells = np.array([mesh.shape[2] - 1, mesh.shape[1] - 1])
    place = np.clip((at + 1) * cells / 2, 0, cells)
    first = np.minimum(place.astype(int), cells - 1)
    fx, fy = np.moveaxis(place - first, -1, 0)[..., None]
    frame, (x, y) = np.arange(len(mesh))[:, None], np.moveaxis(first, -1, 0)
    top = (1 - fx) * mesh[frame, y, x] + fx * mesh[frame, y, x + 1]
    bottom = (1 - fx) * mesh[frame, y + 1, x] + fx * mesh[frame, y + 1, x + 1]
    seen = at + ((1 - fy) * top + fy * bottom) / [1.0, aspect]
    return np.asarray((np.abs(seen) - 1 + GUARD).max(axis=(1, 2)))


def steady_zoom(retained: FloatArray, frames: int) -> FloatArray:
    """Return (F,) a slowly varying share that never exceeds `retained`: the zoom that follows the need.

    Args:
        retained: (F,) what each frame allows.
        frames: the window over which the zoom moves.
    """
    half = frames // 2
    lowest = _windows(retained, 2 * half).min(axis=1)
    # Averaging twice over half as far as the minimum reached cannot rise above what any frame allows.
    return np.asarray(_windows(_windows(lowest, half).mean(axis=1), half).mean(axis=1))


def _windows(values: FloatArray, half: int) -> FloatArray:
    """Return (F, 2 half + 1): each frame's neighbourhood, the ends continued."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, half, mode="edge"), 2 * half + 1)
