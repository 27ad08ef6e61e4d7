"""A 360 frame as the six faces of a cube in one picture, for tracking: no seam, no poles, no stretch.

Camera coordinates: x right, y down, z forward; longitude 0 in the middle of the equirectangular picture and growing
right, latitude growing down. The faces stand in two rows of three: front, right, back; left, up, down. Each shows a
little more than its 90 degrees, so that a point near an edge is seen whole with what surrounds it.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from .types import FloatArray

Luma = npt.NDArray[np.uint8]

INNER_PX = 256  # of a face's 90 degrees: Kopf 2016
RIM_PX = 16  # on each side: half an LK window and the movement of a frame
FACE_PX = INNER_PX + 2 * RIM_PX
COLUMNS, ROWS = 3, 2
LEAST_OUTWARD = 0.1  # rays further from a face's axis than 84 degrees are far off it anyway
SOURCE_WIDTH_PX = 1024  # four faces around the equator: more is averaged away before the faces are cut out
SLACK = 1.5  # up to so much more is left, as reducing by anything but halves takes longer than all the rest

# camera_from_face, (6, 3, 3): columns are the face's right, down and outward axes in the camera
CAMERA_FROM_FACE = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],  # front
        [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],  # right
        [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],  # back
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]],  # left
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]],  # up
        [[1, 0, 0], [0, 0, 1], [0, -1, 0]],  # down
    ],
    np.float64,
)


def faces_of(luma: Luma) -> Luma:
    """Return the atlas of the faces, (2 * FACE_PX, 3 * FACE_PX), of an equirectangular luma picture."""
    height, width = luma.shape
    if width > SLACK * SOURCE_WIDTH_PX:
        height, width = round(height * SOURCE_WIDTH_PX / width), SOURCE_WIDTH_PX
        luma = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    x, y = _maps(width, height)
    # One column of the other edge on either side closes the seam for the interpolation.
    closed = cv2.copyMakeBorder(luma, 0, 0, 1, 1, cv2.BORDER_WRAP)
    return cv2.remap(closed, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)


@lru_cache(maxsize=2)
def _maps(width: int, height: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the maps, x and y, from the atlas into a picture with one column more on either side."""
    plane = (np.arange(FACE_PX) + 0.5 - FACE_PX / 2) / (INNER_PX / 2)
    u, v = np.meshgrid(plane, plane)
    rays = np.einsum("fij,hwj->fhwi", CAMERA_FROM_FACE, np.stack([u, v, np.ones_like(u)], axis=-1))
    longitude = np.arctan2(rays[..., 0], rays[..., 2])
    latitude = np.arctan2(rays[..., 1], np.hypot(rays[..., 0], rays[..., 2]))
    x = (longitude / (2 * np.pi) + 0.5) * width - 0.5 + 1
    y = (latitude / np.pi + 0.5) * height - 0.5
    maps = [
        np.concatenate([np.concatenate(list(values[r * COLUMNS : (r + 1) * COLUMNS]), axis=1) for r in range(ROWS)])
        for values in (x, y)
    ]
    return maps[0].astype(np.float32), maps[1].astype(np.float32)


def face_of(rays: FloatArray) -> npt.NDArray[np.intp]:
    """Return the number of the face that each ray (N, 3) goes through."""
    outward = rays @ CAMERA_FROM_FACE[:, :, 2].T
    return np.asarray(outward.argmax(axis=1))


def px_of(rays: FloatArray) -> npt.NDArray[np.float32]:
    """Return the atlas positions (N, 2) of rays (N, 3), each on its own face; pixel centres at halves."""
    return px_on(rays, face_of(rays))


def px_on(rays: FloatArray, face: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """Return the positions (N, 2) of rays (N, 3) on the planes of given faces; off the face where they pass it by."""
    local = np.einsum("nji,nj->ni", CAMERA_FROM_FACE[face], rays)
    on_face = local[:, :2] / np.maximum(local[:, 2:], LEAST_OUTWARD) * (INNER_PX / 2) + FACE_PX / 2
    corner = np.stack([face % COLUMNS, face // COLUMNS], axis=1) * FACE_PX
    return np.asarray(on_face + corner, np.float32)


def rays_of(points_px: npt.NDArray[np.float32], face: npt.NDArray[np.intp]) -> FloatArray:
    """Return the unit rays (N, 3) of atlas positions that belong to the given faces, on the rim too."""
    corner = np.stack([face % COLUMNS, face // COLUMNS], axis=1) * FACE_PX
    plane = (points_px.astype(np.float64) - corner - FACE_PX / 2) / (INNER_PX / 2)
    rays = np.einsum("nij,nj->ni", CAMERA_FROM_FACE[face], np.c_[plane, np.ones(len(plane))])
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def inner_mask() -> Luma:
    """Return 255 where the atlas is not rim: each direction once."""
    mask = np.zeros((ROWS * FACE_PX, COLUMNS * FACE_PX), np.uint8)
    for row in range(ROWS):
        for column in range(COLUMNS):
            top, left = row * FACE_PX + RIM_PX, column * FACE_PX + RIM_PX
            mask[top : top + INNER_PX, left : left + INNER_PX] = 255
    return mask
