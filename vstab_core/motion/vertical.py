"""Which way is up in a 360 clip: what the vertical edges of buildings, poles and trunks agree on.

A straight edge of the world lies on a great circle of the sphere, whose normal is at right angles to the edge's
direction; the normals of all vertical edges lie in one plane, the horizontal one. The direction that most of the
edges' length is at right angles to is up, if it is near where cameras hold it.

Measured on stills of known attitude: within 0.6 degrees where there are buildings, 2 in a tunnel. Pictures without
vertical edges (fields, roads, rocks) give no answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from .. import cube
from ..cube import Luma
from ..types import FloatArray

CAMERA_UP = np.array([0.0, -1.0, 0.0])
CONE_RAD = np.radians(35)  # from how the camera was held on average; beyond, horizontal edges could be meant
TOLERANCE_RAD = np.radians(2)  # of one edge: its length of 7 degrees and more bears half a pixel of error at either end
MIN_LENGTH_PX = 15
MIN_SHARE = 0.1  # of the edges' length; where nothing is vertical the best direction has up to 0.08 in large samples
MIN_EDGES = 25
SAMPLES = 2000
STEPS = 5


@dataclass(frozen=True)
class Edges:
    """Straight edges in one picture or several.

    Attributes:
        normal: (N, 3) unit normals of their great circles.
        length: (N,) chords.
    """

    normal: FloatArray
    length: FloatArray

    def turned(self, target_from_source: FloatArray) -> Edges:
        """Return them in other coordinates; a (3, 3) rotation."""
        return Edges(self.normal @ target_from_source.T, self.length)


def straight_edges(atlas: Luma, field: Luma | None = None) -> Edges:
    """Find straight edges on the cube faces of `cube.faces_of`, in camera coordinates.

    Only those with both ends in the `field` (of `track360.open_field`) count; None: all.
    """
    detector = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD)
    normals, lengths = [np.zeros((0, 3))], [np.zeros(0)]
    for face in range(6):
        row, column = divmod(face, cube.COLUMNS)
        top, left = row * cube.FACE_PX, column * cube.FACE_PX
        tile = np.ascontiguousarray(atlas[top : top + cube.FACE_PX, left : left + cube.FACE_PX])
        found: Any = detector.detect(tile)[0]
        if found is None:
            continue
        ends = np.asarray(found, np.float32).reshape(-1, 2, 2) + np.float32(0.5)  # OpenCV counts from pixel centres
        ends = ends[np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) > MIN_LENGTH_PX]
        ends += np.array([left, top], np.float32)
        if field is not None:
            x, y = np.moveaxis(np.clip(ends, 0, np.array(field.shape[::-1]) - 1).astype(int), -1, 0)
            ends = ends[(field[y, x] > 0).all(axis=1)]
        faces = np.full(len(ends), face, np.intp)
        normal = np.cross(cube.rays_of(ends[:, 0], faces), cube.rays_of(ends[:, 1], faces))
        length = np.linalg.norm(normal, axis=1)
        normals.append(normal / length[:, None])
        lengths.append(length)
    return Edges(np.concatenate(normals), np.concatenate(lengths))


def up_of(edges: Edges, held: FloatArray, *, seed: int = 0) -> FloatArray | None:
    """Return the direction up, (3,) unit, or None where too few edges agree on one.

    Args:
        edges: of one or more pictures, in the coordinates of the world.
        held: (3,) unit: up as the camera was held on average; the answer is within `CONE_RAD` of it.
        seed: of the samples.
    """
    normal, length = edges.normal, edges.length
    if len(normal) < MIN_EDGES:
        return None
    pairs = np.random.default_rng(seed).choice(len(normal), (SAMPLES, 2), p=length / length.sum())
    directions = np.cross(normal[pairs[:, 0]], normal[pairs[:, 1]])
    size = np.linalg.norm(directions, axis=1)
    directions = directions[size > 0.05] / size[size > 0.05, None]
    directions *= np.sign(directions @ held)[:, None]
    directions = directions[directions @ held > np.cos(CONE_RAD)]
    if not len(directions):
        return None
    off = np.sin(TOLERANCE_RAD)
    support = np.maximum(0, 1 - (normal @ directions.T / off) ** 2) * length[:, None]
    up = directions[support.sum(axis=0).argmax()]
    for _ in range(STEPS):
        weight = np.maximum(0, 1 - (normal @ up / off) ** 2) * length
        up = np.linalg.eigh((normal * weight[:, None]).T @ normal)[1][:, 0]
        up *= np.sign(up @ held)
    agree = np.abs(normal @ up) < off
    if agree.sum() < MIN_EDGES or length[agree].sum() < MIN_SHARE * length.sum():
        return None
    return np.asarray(up, np.float64)
