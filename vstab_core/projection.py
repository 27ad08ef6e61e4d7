"""Pixels to what they show and back: normalised coordinates and homographies for an ordinary (rectilinear) picture,
rays for an equirectangular one.

Normalised: x in [-1, 1] over the width, y in [-a, a] over the height, a = display height / display width.
Pixels: centres at halves; the image covers [0, W] x [0, H]. A normalised point is one place in planes of any size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vstab_core.types import FloatArray


def normalised_from_px(points_px: npt.ArrayLike, size: tuple[int, int], aspect: float) -> FloatArray:
    """Convert pixel positions to normalised coordinates.

    Args:
        points_px: (..., 2), (x, y) in pixels of a plane.
        size: (height, width) of the plane.
        aspect: display height / display width.

    Returns:
        (..., 2) float64.
    """
    height, width = size
    points = np.asarray(points_px, dtype=np.float64)
    result: FloatArray = points * np.array([2.0 / width, 2.0 * aspect / height]) - np.array([1.0, aspect])
    return result


def px_from_normalised(points: npt.ArrayLike, size: tuple[int, int], aspect: float) -> FloatArray:
    """Convert normalised coordinates to pixel positions; the inverse of `normalised_from_px`."""
    height, width = size
    values = np.asarray(points, dtype=np.float64)
    result: FloatArray = (values + np.array([1.0, aspect])) * np.array([width / 2.0, height / (2.0 * aspect)])
    return result


def px_homography(target_from_source: npt.ArrayLike, size: tuple[int, int], aspect: float) -> FloatArray:
    """Express a homography between normalised coordinates in pixels of planes of one size."""
    height, width = size
    norm_from_px = np.array([[2.0 / width, 0.0, -1.0], [0.0, 2.0 * aspect / height, -aspect], [0.0, 0.0, 1.0]])
    result: FloatArray = np.linalg.inv(norm_from_px) @ np.asarray(target_from_source, dtype=np.float64) @ norm_from_px
    return result


def apply_homography(homography: npt.ArrayLike, points: npt.ArrayLike) -> FloatArray:
    """Map points by a 3x3 homography.

    Args:
        homography: (3, 3) `target_from_source`.
        points: (..., 2), (x, y).

    Returns:
        (..., 2) float64; NaN for points on or behind the horizon.

    Convention:
        The sign of a homography is free; the side of the horizon that holds the origin, where w = h[2, 2], is in front.
    """
    h = np.asarray(homography, dtype=np.float64)
    values = np.asarray(points, dtype=np.float64)
    xyw: Any = values @ h[:, :2].T + h[:, 2]
    sign = -1.0 if h[2, 2] < 0 else 1.0
    w = sign * xyw[..., 2:]
    in_front = w > 1e-6 * np.abs(h[2]).max()
    return np.where(in_front, sign * xyw[..., :2] / np.where(in_front, w, 1.0), np.nan)


def ray_from_px(points_px: npt.ArrayLike, size: tuple[int, int]) -> FloatArray:
    """Convert positions in an equirectangular picture to rays.

    Args:
        points_px: (..., 2), (x, y) in pixels of a plane. x goes round: x and x + W are one ray. y = 0 and y = H are the
            poles whatever x; further up or down, the ray comes down on the other side.
        size: (height, width) of the plane, which covers the whole sphere.

    Returns:
        (..., 3) float64 unit vectors; x right, y down, z forward.
    """
    height, width = size
    points = np.asarray(points_px, dtype=np.float64)
    longitude = (points[..., 0] / width - 0.5) * 2 * np.pi
    latitude = (points[..., 1] / height - 0.5) * np.pi
    level = np.cos(latitude)
    return np.stack([np.sin(longitude) * level, np.sin(latitude), np.cos(longitude) * level], axis=-1)


def px_from_ray(rays: npt.ArrayLike, size: tuple[int, int]) -> FloatArray:
    """Convert rays, of any length but zero, to positions in an equirectangular picture.

    Returns:
        (..., 2) float64, 0 <= x <= W and 0 <= y <= H. Straight back, the seam, is 0 or W by the sign of a rounding
        error; at the poles, where y is 0 or H, x is any.
    """
    height, width = size
    x, y, z = np.moveaxis(np.asarray(rays, dtype=np.float64), -1, 0)
    longitude, latitude = np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
    return np.stack([(longitude / (2 * np.pi) + 0.5) * width, (latitude / np.pi + 0.5) * height], axis=-1)
