"""Four-corner coordinates: a homography written as where it moves the four corners of the frame.

The eight numbers are displacements in normalised units, all of one kind, so they can be added, smoothed and bounded;
matrix entries cannot. Corner order: top left, top right, bottom right, bottom left.
"""

from __future__ import annotations

import numpy as np

from .types import FloatArray


def frame_corners(aspect: float) -> FloatArray:
    """Return the corners of the frame, (4, 2), normalised: (-1, -a), (1, -a), (1, a), (-1, a)."""
    return np.array([[-1, -aspect], [1, -aspect], [1, aspect], [-1, aspect]], np.float64)


def homography_from_corners(displacement: FloatArray, aspect: float) -> FloatArray:
    """Return the homographies (..., 3, 3), h33 = 1, that move each frame corner c to c + displacement.

    Args:
        displacement: (..., 4, 2) normalised; the moved corners must stay a convex quadrilateral.
    """
    p0, p1, p2, p3 = np.moveaxis(frame_corners(aspect) + displacement, -2, 0)
    # The unit square to a quadrilateral in closed form: Heckbert 1989, "Fundamentals of texture mapping", 2.2.3.
    bend = p0 - p1 + p2 - p3
    (ux, uy), (vx, vy), (bx, by) = (np.moveaxis(side, -1, 0) for side in (p1 - p2, p3 - p2, bend))
    area = ux * vy - vx * uy
    g, h = (bx * vy - vx * by) / area, (ux * by - bx * uy) / area
    square = np.empty((*displacement.shape[:-2], 3, 3))
    square[..., :2, 0] = p1 - p0 + g[..., None] * p1
    square[..., :2, 1] = p3 - p0 + h[..., None] * p3
    square[..., :2, 2] = p0
    square[..., 2, 0], square[..., 2, 1], square[..., 2, 2] = g, h, 1
    to_square = np.array([[0.5, 0, 0.5], [0, 0.5 / aspect, 0.5], [0, 0, 1]])
    result = square @ to_square
    return np.asarray(result / result[..., 2:, 2:])


def inverse(matrix: FloatArray) -> FloatArray:
    """Return the inverses of matrices (..., 3, 3): of many by cofactors, of one by LAPACK, either the faster for it."""
    if matrix.ndim == 2:
        return np.asarray(np.linalg.inv(matrix))
    a, b, c = np.moveaxis(matrix, -2, 0)
    cofactors = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=-1)
    return np.asarray(cofactors / (a * cofactors[..., 0]).sum(axis=-1)[..., None, None])


def corners_from_homography(homography: FloatArray, aspect: float) -> FloatArray:
    """Return how far each frame corner moves, (..., 4, 2) normalised; the inverse of `homography_from_corners`."""
    corners = frame_corners(aspect)
    return apply(homography, corners) - corners


def apply(homography: FloatArray, points: FloatArray) -> FloatArray:
    """Map points (N, 2) by homographies (..., 3, 3) -> (..., N, 2)."""
    moved = points @ np.swapaxes(homography[..., :2, :2], -1, -2) + homography[..., None, :2, 2]
    depth = points @ homography[..., 2, :2, None] + homography[..., 2, 2][..., None, None]
    return np.asarray(moved / depth)


def similarity_basis(aspect: float) -> FloatArray:
    """Return an orthonormal basis (4, 8) of the corner displacements that similarities make, to first order.

    Rows: x shift, y shift, scale about the frame centre, rotation about it.
    """
    corners = frame_corners(aspect)
    basis = np.zeros((4, 4, 2))
    basis[0, :, 0] = 1
    basis[1, :, 1] = 1
    basis[2] = corners
    basis[3] = np.stack([-corners[:, 1], corners[:, 0]], axis=1)
    flat = basis.reshape(4, 8)
    return np.asarray(flat / np.linalg.norm(flat, axis=1, keepdims=True))


def similarity_from(displacement: FloatArray, aspect: float) -> FloatArray:
    """Return the similarities (F, 3, 3) whose first-order corner displacements (F, 8) are given."""
    coefficients = displacement @ similarity_basis(aspect).T
    diagonal = np.sqrt(1 + aspect**2)
    grow, turn = (coefficients[:, 2:] / (2.0 * diagonal)).T  # each basis row has norm 1 over four corners
    result = np.tile(np.eye(3), (len(displacement), 1, 1))
    scale = np.exp(grow)
    result[:, 0, 0] = result[:, 1, 1] = scale * np.cos(turn)
    result[:, 1, 0] = scale * np.sin(turn)
    result[:, 0, 1] = -result[:, 1, 0]
    result[:, :2, 2] = coefficients[:, :2] / 2.0
    return result


def motion_over_picture(aspect: float) -> tuple[FloatArray, FloatArray]:
    """Return points spread evenly over the picture (N, 2), and how small corner displacements move them (2N, 8)."""
    even = np.arange(-7, 8, 2) / 8.0
    x, y = np.meshgrid(even, even * aspect)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    tiny = 1e-6
    nudged = homography_from_corners(tiny * np.eye(8).reshape(8, 4, 2), aspect)
    return points, ((apply(nudged, points) - points) / tiny).reshape(8, -1).T


def similarity_part(aspect: float) -> FloatArray:
    """Return (4, 8): the coefficients in `similarity_basis` of the similarity nearest to small corner displacements.

    Nearest over the whole picture, not at the corners: perspective moves the corners three times as far as the picture
    on average, and a similarity fitted to corners alone would put that error where people look.
    """
    _, moved = motion_over_picture(aspect)
    return np.asarray(np.linalg.lstsq(moved @ similarity_basis(aspect).T, moved, rcond=None)[0])
