"""The cube atlas and the tracks on it, against known directions and known turns."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import look_around, sphere_rays, world

from vstab_core import cube, track360
from vstab_core.track360 import Rays


def test_directions_survive_the_way_through_the_atlas() -> None:
    rays = np.random.default_rng(1).standard_normal((2000, 3))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    face = cube.face_of(rays)
    assert set(face) == set(range(6))
    np.testing.assert_allclose(cube.rays_of(cube.px_of(rays), face), rays, atol=2e-6)


def test_the_middle_of_each_face_looks_where_it_should() -> None:
    middle = np.array([[c, r] for r in range(2) for c in range(3)], np.float32) * cube.FACE_PX + cube.FACE_PX / 2
    expected = [[0, 0, 1], [1, 0, 0], [0, 0, -1], [-1, 0, 0], [0, -1, 0], [0, 1, 0]]  # front right back left up down
    np.testing.assert_allclose(cube.rays_of(middle, np.arange(6)), expected, atol=1e-12)


@pytest.mark.parametrize("height", [256, 700])
def test_the_atlas_shows_what_lies_in_a_direction(height: int) -> None:
    """Each axis of the camera as brightness: it must be found again at every pixel of the atlas, rims included."""
    for axis in range(3):
        luma = np.round(127.5 + 120 * sphere_rays(height)[..., axis]).astype(np.uint8)
        atlas = cube.faces_of(luma)
        rows, columns = np.mgrid[: atlas.shape[0], : atlas.shape[1]]
        face = (rows // cube.FACE_PX * cube.COLUMNS + columns // cube.FACE_PX).ravel()
        points = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1).astype(np.float32)
        expected = 127.5 + 120 * cube.rays_of(points, face)[:, axis]
        difference = np.abs(atlas.ravel() - expected)
        assert np.percentile(difference, 99) < 1.6  # two roundings, and the averaging of large pictures
        assert difference.max() < 4  # the poles of a picture of 256 rows


def test_tracks_follow_a_known_turn_over_edges_seam_and_poles() -> None:
    scene = world()
    turn = cv2.Rodrigues(np.radians([2.0, 3.0, -1.5]))[0]  # world_from_cam of the second frame
    first, second = track360.open_atlas(scene), track360.open_atlas(look_around(scene, turn))
    start = track360.refilled(first, Rays(), 0)
    found = track360.followed(first, second, start)
    assert len(found) > 0.8 * len(start) > 100
    _, i, j = np.intersect1d(start.number, found.number, return_indices=True)
    error_deg = np.degrees(np.linalg.norm(found.ray[j] - start.ray[i] @ turn, axis=1))
    assert np.median(error_deg) < 0.12  # a sixth of a pixel of this small picture
    crossed = cube.face_of(found.ray[j]) != cube.face_of(start.ray[i])
    assert crossed.sum() >= 5
    assert np.median(error_deg[crossed]) < 0.15


def test_new_tracks_keep_clear_of_live_ones() -> None:
    atlas = track360.open_atlas(world())
    start = track360.refilled(atlas, Rays(), 0)
    half = Rays(start.number[::2], start.ray[::2])
    again = track360.refilled(atlas, half, 1000)
    new = again.ray[len(half) :]
    assert len(new) > 20
    assert again.number[len(half)] == 1000
    apart_deg = np.degrees(np.arccos((new @ half.ray.T).max(axis=1).clip(-1, 1)))
    assert apart_deg.min() >= track360.SPACING_DEG


def test_nothing_is_followed_where_nothing_is() -> None:
    flat = track360.open_atlas(np.full((128, 256), 99, np.uint8))
    assert len(track360.refilled(flat, Rays(), 0)) == 0
    assert len(track360.followed(flat, flat, Rays())) == 0
