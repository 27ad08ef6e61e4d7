"""Which way is up: pictures of a world with vertical edges, seen by a camera of known attitude."""

from __future__ import annotations

import numpy as np
from scenes import Luma, look_around, world

from vstab_core import cube, rotation
from vstab_core.motion.vertical import CAMERA_UP, straight_edges, up_of


def street() -> Luma:
    """Return a picture with pillars of uneven width and a kerb: verticals, and horizontals that should not matter."""
    rng = np.random.default_rng(3)
    picture = np.full((512, 1024), 90, np.uint8)
    for left in range(10, 1000, 60):
        width = int(rng.integers(12, 30))
        picture[120:330, left : left + width] = rng.integers(140, 240)
    picture[330:345] = 30
    return picture


def test_vertical_edges_say_where_up_is() -> None:
    world_from_cam = rotation.matrix(rotation.from_yaw_pitch_roll(np.radians([50.0, 12.0, -8.0])))
    edges = straight_edges(cube.faces_of(look_around(street(), world_from_cam)))
    up = up_of(edges, CAMERA_UP)
    assert up is not None
    assert np.degrees(np.arccos(up @ (world_from_cam.T @ CAMERA_UP))) < 0.3


def test_a_picture_without_vertical_edges_says_nothing() -> None:
    assert up_of(straight_edges(cube.faces_of(world(height=512))), CAMERA_UP) is None
    assert up_of(straight_edges(np.zeros((2 * cube.FACE_PX, 3 * cube.FACE_PX), np.uint8)), CAMERA_UP) is None
