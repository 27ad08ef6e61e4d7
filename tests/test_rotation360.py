"""The rotation of 360 clips against a known world seen by a camera that turns, and moves, in a known way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import FPS, Luma, look_around, sway, world
from tolerances import ROTATION_DEG

from vstab_core import rotation
from vstab_core.motion import rotation360
from vstab_core.motion.rotation360 import RotationEstimator, RotationSteps
from vstab_core.motion.segment360 import relative
from vstab_core.track360 import Rays

COUNT = 60


@pytest.fixture(scope="module")
def scene() -> Luma:
    return world(height=384)


def turns(count: int = COUNT) -> np.ndarray:
    """world_from_cam, (count, 4): a pan of 40 degrees a second under shake about all axes; begins at rest."""
    vectors = np.stack([sway(count, 2.0, 2.0), sway(count, 3.0, 1.0, 0.4), sway(count, 2.5, 1.5, 1.0)], axis=1)
    vectors[:, 1] += 40 * np.arange(count) / FPS
    path = rotation.exponential(np.radians(vectors))
    return rotation.product(rotation.inverse(path[0]), path)


def filmed(scene: Luma, path: np.ndarray) -> list[Luma]:
    return [look_around(scene, rotation.matrix(q)) for q in path]


def measured(pictures: list[Luma]) -> RotationSteps:
    estimator = RotationEstimator()
    steps = [step for i, picture in enumerate(pictures) for step in estimator.push(picture, i / FPS)]
    steps += estimator.flush()
    names = ("world_from_cam", "local", "confidence", "cut", "key_frame", "travel", "speed")
    return RotationSteps(*(np.concatenate([getattr(step, name) for step in steps]) for name in names))


def error_deg(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.degrees(rotation.angle_rad(rotation.product(found, rotation.inverse(truth))))


@pytest.fixture(scope="module")
def panned(scene: Luma) -> RotationSteps:
    return measured(filmed(scene, turns()))


def test_a_turning_camera_is_followed_round_the_seam(panned: RotationSteps) -> None:
    error = error_deg(panned.world_from_cam, turns())
    assert np.sqrt(np.mean(error**2)) < ROTATION_DEG
    assert len(panned.world_from_cam) == COUNT
    assert panned.cut.tolist() == [True] + [False] * (COUNT - 1)
    assert panned.key_frame[0]
    assert (panned.confidence > 0.5).all()


def test_a_pure_rotation_is_not_deformed(panned: RotationSteps) -> None:
    assert np.degrees(np.abs(panned.local).max()) < 0.1
    assert (panned.local[panned.key_frame] == 0).all()


def test_key_frames_come_after_three_seconds_at_the_latest(scene: Luma) -> None:
    slow = rotation.exponential(np.radians(np.linspace([0, 0, 0], [0, 4, 0], 100)))
    found = measured([look_around(scene, rotation.matrix(q)) for q in slow[::1]])
    keys = np.flatnonzero(found.key_frame)
    assert 90 in keys
    assert len(found.world_from_cam) == 100
    assert np.sqrt(np.mean(error_deg(found.world_from_cam, slow) ** 2)) < ROTATION_DEG


def test_a_flash_is_bridged(scene: Luma) -> None:
    path = turns(24)
    pictures = filmed(scene, path)
    pictures[10] = np.full_like(pictures[10], 255)
    found = measured(pictures)
    assert found.confidence[10] == 0
    assert (found.confidence[[9, 11]] > 0).all()
    assert found.cut.sum() == 1
    error = error_deg(found.world_from_cam, path)
    assert np.delete(error, 10).max() < 3 * ROTATION_DEG
    assert error[10] < 3.0  # where the shake was going is not known


def test_a_cut_begins_a_new_world(scene: Luma) -> None:
    other = 255 - world(seed=9, height=384)
    path = turns(40)
    found = measured([*filmed(scene, path[:20]), *filmed(other, path[20:])])
    assert np.flatnonzero(found.cut).tolist() == [0, 20]
    np.testing.assert_allclose(found.world_from_cam[20], rotation.IDENTITY, atol=1e-12)
    again = rotation.product(rotation.inverse(path[20]), path[20:])
    assert error_deg(found.world_from_cam[20:], again).max() < 3 * ROTATION_DEG


def test_a_rolling_shutter_is_taken_up_by_local_rotations(scene: Luma) -> None:
    """Rows are read over half a frame while the camera rolls: what one rotation leaves must shrink."""
    count, rows = 40, scene.shape[0]
    roll_deg = sway(2 * count, 2.0, 6.0)  # at half frames
    pictures = []
    for index in range(count - 1):
        first, last = (
            look_around(scene, cv2.Rodrigues(np.radians([0, 0, roll_deg[2 * index + half]]))[0]) for half in (0, 1)
        )
        share = np.linspace(0, 1, rows)[:, None]
        pictures.append(np.where(share < 0.5, first, last))  # two bands: the hardest shutter there is
    found = measured(pictures)
    assert np.degrees(np.abs(found.local).max()) > 0.5


def test_too_many_dark_frames_do_not_end_the_clip(scene: Luma) -> None:
    path = turns(40)
    pictures = filmed(scene, path)
    for index in range(10, 10 + rotation360.MAX_HELD + 3):
        pictures[index] = np.zeros_like(pictures[index])
    found = measured(pictures)
    assert len(found.world_from_cam) == 40
    assert (found.confidence[10:20] == 0).all()
    assert (found.confidence[30:] > 0).all()


def test_a_clip_without_texture_stands_still() -> None:
    found = measured([np.full((128, 256), 80, np.uint8)] * 30)
    assert len(found.world_from_cam) == 30
    assert (found.confidence[1:] == 0).all()
    np.testing.assert_allclose(np.abs(found.world_from_cam[:, 0]), 1, atol=1e-9)


def test_the_direction_of_travel_is_found_beside_the_rotation() -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(size=(300, 3))
    points *= rng.uniform(1, 5, (300, 1)) / np.linalg.norm(points, axis=1, keepdims=True)
    moved = np.array([0.2, -0.1, 0.5])
    later_from_earlier = rotation.exponential([0.1, 0.3, -0.05])
    seen = (points - moved) @ rotation.matrix(later_from_earlier).T
    rays = [p / np.linalg.norm(p, axis=1, keepdims=True) for p in (points, seen)]
    found = relative(*(Rays(np.arange(300), r) for r in rays))
    assert found is not None
    assert found.travel is not None
    assert np.degrees(np.arccos(found.travel @ moved / np.linalg.norm(moved))) < 0.1
    still = relative(
        Rays(np.arange(300), rays[0]), Rays(np.arange(300), rays[0] @ rotation.matrix(later_from_earlier).T)
    )
    assert still is not None
    assert still.travel is None


def test_frame_to_frame_rotation_needs_no_key_frame(scene: Luma) -> None:
    estimator = RotationEstimator(hybrid=False)
    pictures = filmed(scene, turns())
    steps = [step for i, picture in enumerate(pictures) for step in estimator.push(picture, i / FPS)]
    steps += estimator.flush()
    path = np.concatenate([step.world_from_cam for step in steps])
    assert not np.concatenate([step.key_frame for step in steps]).any()
    assert not np.concatenate([step.local for step in steps]).any()
    assert np.sqrt(np.mean(error_deg(path, turns()) ** 2)) < 3 * ROTATION_DEG  # errors add up
