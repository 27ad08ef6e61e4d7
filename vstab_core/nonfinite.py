"""Infinities and values that are no number in float pictures: kept where they are, and kept out of their neighbours.

A resampling filter would spread one such sample over its whole reach. So holes are filled before the warp, and after it
each output pixel whose nearest source sample was a hole gets that sample's value.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .layout import Layout
from .types import Frame, FrameWarp, Plane
from .warp import build_grid, grid_positions

_AROUND_PX = 5  # a hole is filled with the mean of what is whole within this window


def without_holes(frame: Frame) -> Frame:
    """Return the frame with its holes filled; itself where it has none, or is not of floats."""
    if not has_holes(frame):
        return frame
    return replace(frame, planes=tuple(_filled(plane) for plane in frame.planes))


def has_holes(frame: Frame) -> bool:
    """Tell whether a sample is infinite or no number."""
    if frame.planes[0].dtype != np.float32:
        return False
    with np.errstate(over="ignore", invalid="ignore"):  # the sum is finite only if all are, and five times as fast
        return any(
            not np.isfinite(plane.sum(dtype=np.float64)) and not np.isfinite(plane).all() for plane in frame.planes
        )


def put_back(target: Frame, frame: Frame, warp: FrameWarp, layout: Layout) -> None:
    """Write the holes of a frame to where the warp shows them."""
    for out, plane in zip(target.planes, frame.planes, strict=True):
        if np.isfinite(plane).all():
            continue
        for eye, shown in zip(layout.eyes(plane), layout.eyes(out), strict=True):
            sphere = layout.whole(eye)
            nearest = layout.part(_nearest(sphere, warp))
            holes = ~np.isfinite(nearest)
            shown[holes] = nearest[holes]


def _nearest(plane: Plane, warp: FrameWarp) -> Plane:
    size = (plane.shape[0], plane.shape[1])
    positions = grid_positions(build_grid(warp, size)) - 0.5
    x, y = (np.nan_to_num(positions[..., axis], nan=-9.0).astype(np.float32) for axis in (0, 1))
    if warp.projection == "equirect":
        x = (x + 0.5) % size[1] - 0.5
    return cv2.remap(plane, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def _filled(plane: Plane) -> Plane:
    whole = np.isfinite(plane)
    if whole.all():
        return plane
    window = (_AROUND_PX, _AROUND_PX)
    known = cv2.boxFilter(whole.astype(np.float32), -1, window, normalize=False)
    total = cv2.boxFilter(np.where(whole, plane, np.float32(0)), -1, window, normalize=False)
    return np.where(whole, plane, np.where(known > 0.5, total / np.maximum(known, 1), np.float32(0)))
